"""Print what a run of the sweep would build: see `plan`."""

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sweep import program
from sweep.config import read_config
from sweep.errors import SweepError
from sweep.grid import Run
from sweep.layout import Layout
from sweep.runs.forecast import duration, from_benchmarks
from sweep.runs.state import RunState, inspect_data, inspect_run

# What makes a run differ, in the words of the plan; the rest are its hyper-parameters.
REASONS = {"data_hash": "data", "code_hash": "code"}


def pending(configfiles: Sequence[Path]) -> dict[Path, str]:
    """The files that Snakemake would make, and the rule of each.

    Raises:
        SweepError: Snakemake refuses to plan, with what it says.
    """
    command = [sys.executable, "-m", "snakemake", "--summary", "--rerun-incomplete"]
    if configfiles:
        command += ["--configfile", *map(str, configfiles)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SweepError(f"Snakemake cannot plan this sweep:\n{done.stderr.strip()}")
    table = done.stdout[done.stdout.index("output_file\t") :].splitlines()
    rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {Path(row["output_file"]): row["rule"] for row in rows if row["plan"] == "update pending"}


def reason(state: RunState, layout: Layout, prepares: bool) -> str:
    """Why a run is in Snakemake's plan. `prepares`: the data are prepared first, so that its key is not known yet."""
    finding = state.finding
    if finding.has_kept and not prepares:
        return "from kept records: nothing is trained"
    if state.state == "running":
        return f"running now ({state.detail})"
    if finding.differs:
        kinds = {REASONS.get(text.removeprefix("another "), "parameters") for text in finding.differs}
        return f"{' and '.join(sorted(kinds))}: made with {', '.join(finding.differs)}"
    # A job leaves a log whatever becomes of it.
    if finding.missing and not layout.log(state.run).exists():
        return "new"
    if prepares:
        return "data: they are prepared first; a run whose data turn out the same comes from its kept record"
    if finding.missing:
        return f"missing: {state.detail or 'trained before, but the record is gone'}"
    return "missing: the record is damaged" if finding.fault else "missing: no kept record to publish again"


def forecast(layout: Layout, runs: Sequence[Run]) -> str:
    """Core-hours of training these runs; a training takes one core."""
    known = from_benchmarks(layout.results)
    if not known.size:
        return "forecast: none, no run of this experiment is finished"
    seconds = {run: known.seconds(run) for run in runs}
    text = (
        f"forecast: {sum(value or 0 for value in seconds.values()) / 3600:.2g} core-hours of training "
        f"({duration(sum(value or 0 for value in seconds.values()))} on one core), "
        f"by the benchmarks of {known.size} finished runs"
    )
    if unknown := sorted({run.model for run, value in seconds.items() if value is None}):
        text += f"; without {', '.join(unknown)}, of which no run is finished"
    return text


def plan(configfile: list[Path] = []) -> None:  # noqa: B006  it is not changed
    """Print what a run of the sweep would build and why, what of it comes from kept records, and how long it takes.

    Which jobs run is Snakemake's own answer. Nothing is built; like `snakemake -n`, it may be used at any time.
    --configfile is on top of config.yaml, as Snakemake's.
    """
    layout = Layout(read_config(configfile))
    files = pending(configfile)
    data_hash, _ = inspect_data(layout)
    prepares = "prepare_data" in files.values()
    groups: dict[str, list[RunState]] = {}
    unseen: list[RunState] = []
    for run in layout.runs:
        state = inspect_run(layout, run, data_hash)
        if layout.metrics(run) in files:
            groups.setdefault(reason(state, layout, prepares), []).append(state)
        elif state.state in ("stale", "damaged"):
            unseen.append(state)
    sections = [
        f"train, {text} ({len(states)})\n{program.wrapped(str(state.run.path) for state in states)}"
        for text, states in groups.items()
    ]
    others: dict[str, list[str]] = {}
    for file, rule in files.items():
        if rule != "train":
            others.setdefault(rule, []).append(str(file))
    sections += [f"{rule}\n{program.wrapped(names)}" for rule, names in others.items()]
    if not files:
        sections.append("Nothing to be done: every file is there and up to date")
    if unseen:
        names = program.wrapped(str(state.run.path) for state in unseen)
        sections.append(f"Stale or damaged, but nothing that Snakemake sees; make status says what to do\n{names}")
    trained = [state.run for states in groups.values() for state in states if prepares or not state.finding.has_kept]
    if trained:
        sections.append(forecast(layout, trained))
    print("\n\n".join(sections))


if __name__ == "__main__":
    program.run(plan)
