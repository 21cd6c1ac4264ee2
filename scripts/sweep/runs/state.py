"""How far each run of a sweep is. The sweep may be running: nothing is written, and torch is not loaded."""

import re
import shlex
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sweep.data.prepared import DATA_FILE, MANIFEST_FILE, check_prepared, read_manifest
from sweep.errors import SweepError
from sweep.grid import Run
from sweep.layout import RECORDS, Layout
from sweep.runs.locks import is_locked
from sweep.runs.records import Record, find_differences, is_there, kept_file, lock_file, read_kept, read_record

STATES = ("done", "running", "failed", "diverged", "missing", "stale", "damaged")
TRAINING_LINE = re.compile(r"^Training \S+ for (\d{1,9}) epochs ", re.MULTILINE | re.ASCII)
EPOCH_LINE = re.compile(r"^epoch (\d{1,9}): .*?(?:(\d{1,9}\.?\d{0,9}) s)?$", re.MULTILINE | re.ASCII)


@dataclass(frozen=True)
class Progress:
    """What the log of a job says about its training.

    `epochs` are finished, of as many as `of`; of these, the ones that this job trained took `seconds` each. `error` is
    the sentence that the job failed with, or "".
    """

    epochs: int = 0
    of: int = 0
    seconds: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class RunState:
    """How far a run is, and the files that say so."""

    run: Run
    published: Path  # the file of the published record, metrics.json, which may be missing
    kept: Path  # the file of the kept record, <series>/<epochs>.json, which may be missing
    state: str  # one of STATES
    detail: str  # what there is to say beside the state, or ""
    record: Record | None  # the intact record in `published`, even if it is stale
    differs: list[str]  # what makes the record stale: "epochs 1, not 2"
    fault: str  # why `published` does not hold the record of this run, naming the file; "" if it does
    kept_record: Record | None  # the kept record; None if it is missing or damaged
    kept_fault: str  # what is wrong with the kept record, naming the file; "" if it is intact or missing
    progress: Progress = Progress()  # of a running job; empty otherwise

    @property
    def finished(self) -> bool:
        return self.state in ("done", "diverged")

    @property
    def has_kept(self) -> bool:
        return self.kept_record is not None


def inspect_records(run: Run, published: Path, kept_folder: Path, data_hash: str | None) -> RunState:
    """How far a run is by its two records alone: done, diverged, missing, stale or damaged.

    They are `published`, its metrics.json, and <kept_folder>/<series>/<epochs>.json. Where the data are not known,
    `data_hash` is None, and the published record is taken to be of the right data.
    """
    missing = not is_there(published)
    record: Record | None = None
    detail = fault = kept_fault = ""
    try:
        record = read_record(published)
    except SweepError as error:
        fault = str(error)
    if data_hash is None:
        data_hash = "" if record is None else str(record["data_hash"])
    kept = kept_file(kept_folder, run, data_hash)
    kept_record: Record | None = None
    try:
        kept_record = read_kept(kept)
    except SweepError as error:
        kept_fault = str(error)
    differs = [] if record is None else find_differences(record, run, data_hash)
    if record is None and missing:
        state, detail = "missing", "its record is kept: nothing will be trained" if kept_record else ""
    elif record is None:
        state, detail = "damaged", fault
    elif differs:
        state, detail = "stale", f"made with {', '.join(differs)}"
        fault = f"{published} was {detail}"
    elif record["status"] == "diverged":
        state, detail = "diverged", f"in epoch {record['diverged_epoch']}"
    else:
        state = "done"
    return RunState(run, published, kept, state, detail, record, differs, fault, kept_record, kept_fault)


def inspect_run(layout: Layout, run: Run, data_hash: str | None) -> RunState:
    """How far a run is by its records and, if it is not finished, by its lock and its log. `data_hash` is as
    `inspect_data` returns it."""
    state = inspect_records(run, layout.metrics(run), RECORDS, data_hash)
    if state.finished or state.has_kept:
        return state
    progress = read_progress(layout.log(run))
    if is_locked(lock_file(state.kept)):
        # The lock is the series': what trains may be a run of another number of epochs.
        detail = f"epoch {progress.epochs} of {progress.of or run.epochs}" if progress.epochs else "starting"
        return replace(state, state="running", detail=detail, progress=progress)
    if state.state != "missing":
        return state
    if progress.error:
        return replace(state, state="failed", detail=f"{progress.error} ({layout.log(run)})")
    if 0 < progress.epochs < run.epochs:
        return replace(state, detail=f"interrupted at epoch {progress.epochs}")
    return state


def read_progress(log: Path) -> Progress:
    """Read what a job's log says; one that is missing or cannot be read says nothing."""
    text = ""
    with suppress(OSError):
        text = log.read_text(encoding="utf-8", errors="replace")
    epochs = EPOCH_LINE.findall(text)
    of = TRAINING_LINE.findall(text)
    lines = text.split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    # Ctrl-C while a job loads its libraries leaves a traceback, too, but is not a failure.
    failed = last != "KeyboardInterrupt" and (
        last.startswith("Error: ") or "Traceback (most recent call last):" in lines
    )
    return Progress(
        epochs=int(epochs[-1][0]) + 1 if epochs else 0,
        of=int(of[-1]) if of else 0,
        seconds=tuple(float(seconds) for _, seconds in epochs if seconds),
        error=last if failed else "",
    )


def inspect_data(layout: Layout) -> tuple[str | None, list[str]]:
    """The content_hash of the prepared data, and a sentence on each thing that is wrong with them.

    The hash is None if the data are missing or damaged, and "", which no record has, if the config asks for other data.
    """
    if not is_there(layout.data / MANIFEST_FILE):
        return None, [f"{layout.data / MANIFEST_FILE} is not there: the next run prepares the data"]
    try:
        manifest = read_manifest(layout.data)
        # The tables do not need the images, so they may be missing.
        if is_there(layout.data / DATA_FILE):
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


def mend_command(states: Iterable[RunState]) -> str:
    """The shell command that removes or restores the damaged records of these runs; the next run rebuilds them with as
    little training as possible."""
    removed, copied = [], []
    for state in states:
        if state.fault:
            removed.append(str(state.published))
        if state.fault and state.kept_fault:
            removed.append(str(state.kept))
        elif state.kept_fault:
            copied.append(f"cp {shlex.join([str(state.published), str(state.kept)])}")
    return " && ".join(([f"rm -f {shlex.join(removed)}"] if removed else []) + copied)
