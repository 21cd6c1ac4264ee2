"""How far each run is, from the files of a sweep that may be going on; nothing is written, and torch is not loaded."""

import re
from dataclasses import dataclass
from pathlib import Path

from sweep.data.prepared import DATA_FILE, MANIFEST_FILE, check_prepared, read_manifest
from sweep.errors import SweepError
from sweep.files import is_locked
from sweep.grid import Run
from sweep.layout import RECORDS, Layout
from sweep.runs.records import Finding, find_record, read_record

STATES = ("done", "running", "failed", "diverged", "missing", "stale", "damaged")
EPOCH = re.compile(r"^epoch (\d+): .*?(?:([\d.]+) s)?$", re.MULTILINE)


@dataclass(frozen=True)
class Progress:
    """What a training's log tells: `epochs`, the last one's number plus 1; the seconds of those of this log; and the
    sentence that it failed with, or ""."""

    epochs: int
    seconds: list[float]
    error: str


@dataclass(frozen=True)
class RunState:
    """`state` is one of STATES, `detail` a remark on it, maybe empty."""

    finding: Finding
    state: str
    detail: str
    progress: Progress

    @property
    def run(self) -> Run:
        return self.finding.run

    @property
    def finished(self) -> bool:
        return self.state in ("done", "diverged")


def read_progress(log: Path) -> Progress:
    """What a job's log tells; a log that is not there tells nothing."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    epochs = EPOCH.findall(text)
    lines = text.split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    # Ctrl-C while a job loads its libraries leaves a traceback, too, and is no failure.
    failed = last != "KeyboardInterrupt" and (
        last.startswith("Error: ") or "Traceback (most recent call last):" in lines
    )
    return Progress(
        int(epochs[-1][0]) + 1 if epochs else 0, [float(seconds) for _, seconds in epochs if seconds], last * failed
    )


def inspect_run(layout: Layout, run: Run, data_hash: str | None) -> RunState:
    """How far a run is. `data_hash` is that of `inspect_data`; if it is not known, that of the run's record counts."""
    if data_hash is None:
        try:
            data_hash = str(read_record(layout.metrics(run))["data_hash"])
        except SweepError:
            data_hash = ""
    finding = find_record(run, layout.results / "runs", RECORDS, data_hash)
    progress = read_progress(layout.log(run))

    def state(name: str, detail: str = "") -> RunState:
        return RunState(finding, name, detail, progress)

    if finding.record is not None and not finding.fault:
        if finding.record["status"] == "diverged":
            return state("diverged", f"in epoch {finding.record['diverged_epoch']}")
        return state("done")
    if is_locked(RECORDS / "locks" / f"{finding.kept.stem}.lock"):
        return state("running", f"epoch {progress.epochs} of {run.epochs}" if progress.epochs else "starting")
    if finding.differs:
        return state("stale", f"made with {', '.join(finding.differs)}")
    if not finding.missing:
        return state("damaged", finding.fault)
    if finding.has_kept:
        return state("missing", "its record is kept: nothing will be trained")
    if progress.error:
        return state("failed", f"{progress.error} ({layout.log(run)})")
    if 0 < progress.epochs < run.epochs:
        return state("missing", f"interrupted at epoch {progress.epochs}")
    return state("missing")


def inspect_data(layout: Layout) -> tuple[str | None, list[str]]:
    """The content_hash of the prepared data, and what is to be said about them.

    The hash is None where it is not known, and "" where the config asks for other data than are there.
    """
    if not (layout.data / MANIFEST_FILE).exists():
        return None, [f"{layout.data / MANIFEST_FILE} is not there: the next run prepares the data"]
    try:
        manifest = read_manifest(layout.data)
        # The tables do not need the pictures, and a user may have removed them.
        if (layout.data / DATA_FILE).exists():
            check_prepared(layout.data, manifest)
    except SweepError as error:
        return None, [str(error)]
    found = (manifest.source, manifest.sizes["validation"])
    asked = (layout.settings["data"]["source"], layout.settings["data"]["validation_size"])
    if found != asked:
        return "", [
            f"{layout.data} is of {found[0]} with validation_size {found[1]}, not of {asked[0]} with {asked[1]}: "
            "the next run prepares the data anew"
        ]
    return manifest.content_hash, []
