"""Print what a run of the sweep would build: see `plan`."""

import csv
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from sweep import program
from sweep.config import read_config
from sweep.data.sources import source_sizes
from sweep.errors import SweepError
from sweep.grid import Run
from sweep.layout import RECORDS, Layout
from sweep.runs.earlier import foresee
from sweep.runs.forecast import Forecast, format_duration, format_size, read_benchmarks
from sweep.runs.promotions import Rung, describe_rungs, known_runs, list_rungs
from sweep.runs.remaking import old_file
from sweep.runs.state import RunState, inspect_data, inspect_run
from sweep.runs.weights import count_bytes, inspect_weights

# The plan's word for each thing that can differ; anything else is a hyper-parameter.
DIFFERENCE_WORDS = {"data_hash": "data", "code_hash": "code"}

# Above so many bytes of weights the plan names the setting that keeps less.
MUCH_BYTES = 5 * 10**9


def list_pending(configfiles: Sequence[Path]) -> dict[Path, str]:
    """The files that Snakemake would make, and the rule of each.

    Raises:
        SweepError: Snakemake cannot plan; the error quotes it.
    """
    command = [sys.executable, "-m", "snakemake", "--summary", "--rerun-incomplete"]
    if configfiles:
        command += ["--configfile", *map(str, configfiles)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="surrogateescape")
    _, header, table = done.stdout.partition("output_file\t")
    if done.returncode or not header:
        raise SweepError(f"Snakemake cannot plan this sweep:\n{(done.stderr or done.stdout).strip()}")
    # Lines end only where Snakemake ends them, not at a separator of Unicode's in a name.
    rows = csv.DictReader((header + table).split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {Path(row["output_file"]): row["rule"] for row in rows if row["plan"] == "update pending"}


def explain(state: RunState, layout: Layout, prepares: bool) -> str:
    """Why a run is in Snakemake's plan. `prepares`: the data are prepared first, so the run's series is not known
    yet."""
    if state.has_kept and not prepares:
        return "from kept records: nothing is trained"
    if state.state == "running":
        return f"running now ({state.detail})"
    if state.differs:
        kinds = {DIFFERENCE_WORDS.get(text.removeprefix("another "), "parameters") for text in state.differs}
        return f"{' and '.join(sorted(kinds))}: made with {', '.join(state.differs)}"
    missing = state.state in ("missing", "failed")
    if missing and old_file(state.kept).exists():
        return "made again on purpose: its weights were missing or damaged"
    # No log: the job has never started.
    if missing and not layout.log(state.run).exists():
        return "new"
    if prepares:
        return "data: they are prepared first; a run whose data turn out the same comes from its kept record"
    if missing:
        return f"missing: {state.detail or 'trained before, but the record is gone'}"
    return "missing: the record is damaged" if state.fault else "missing: no kept record to publish again"


def explain_start(state: RunState, layout: Layout, prepares: bool) -> tuple[int, str]:
    """From which epoch a run is trained, and what there is to say of it. `prepares` as in `explain`."""
    if prepares or state.state == "running":
        return 0, ""
    epoch, passed = foresee(state.kept, layout.settings["training"])
    if epoch:
        return epoch, f"goes on from epoch {epoch}"
    return 0, f"starts anew: {passed}" if passed else ""


def estimate(forecast: Forecast, starts: Mapping[Run, int], to_come: float) -> str:
    """The core-hours that training these runs from the given epochs will take, and the seconds `to_come` of runs that
    depend on their results; a training takes one core."""
    if not forecast.size:
        return "forecast: none, no run of this experiment is finished"
    seconds = {run: forecast.seconds(run, trained) for run, trained in starts.items()}
    total = sum(value or 0 for value in seconds.values()) + to_come
    text = (
        f"forecast: {total / 3600:.2g} core-hours of training ({format_duration(total)} on one core), "
        f"by the benchmarks of {forecast.size} finished runs"
    )
    if to_come:
        text += f"; {format_duration(to_come)} of it are for the runs that depend on results to come"
    if unknown := sorted({run.model for run, value in seconds.items() if value is None}):
        text += f"; without {', '.join(unknown)}, of which no run is finished"
    return text


def describe_halving(layout: Layout, rungs: Sequence[Rung], forecast: Forecast) -> str:
    """What the halving of a model, with these rungs, costs beside its full grid; expected where promotions are to
    come."""
    model = rungs[0].model
    everything = layout.grid.runs_of(model, layout.grid.models[model].epochs)
    epochs = sum(rung.configurations * (rung.epochs - rung.before) for rung in rungs)
    share = epochs * len(layout.grid.seeds) / sum(run.epochs for run in everything)
    text = f"halving of {model}: {describe_rungs(rungs)}: {share:.0%} of the epochs of the full grid"
    halved = sum(forecast.of_rung(rung, layout.grid.runs_of(model, rung.epochs)) or 0 for rung in rungs)
    if halved:
        full = sum(forecast.seconds(run) or 0 for run in everything)
        text += f", {halved / 3600:.2g} core-hours of {full / 3600:.2g}"
        if halved > full:
            text += " (a rung of few epochs costs more than it saves: each starts jobs of its own)"
    return text


def disk_use(layout: Layout, runs: Sequence[Run]) -> str:
    """What the weights that training these runs keeps take on the disk."""
    settings, keep = layout.settings, layout.settings["training"]["keep"]
    if keep == "nothing":
        return "disk: training.keep is nothing, so no weights are kept"
    sizes = source_sizes(settings["data"]["source"], Path(settings["data"]["path"]))
    images = settings["data"]["validation_size"] + sizes.test
    try:
        size = count_bytes(runs, sizes.classes, images)
    except SweepError as error:
        return f"disk: not known, {error}"
    text = f"disk: {format_size(size[keep])} in {RECORDS} for the weights of these runs (training.keep: {keep})"
    if size[keep] > MUCH_BYTES and keep != "weights":
        text += f"; with training.keep: weights it is {format_size(size['weights'])}"
    return text


def plan(configfile: list[Path] = []) -> None:  # noqa: B006  it is not changed
    """Print what a run of the sweep would build and why, what of it comes from kept records, and how long it takes.

    Which jobs run is Snakemake's own answer. Nothing is built; like `snakemake -n`, it may be used at any time. Whether
    a run can go on from a shorter one is judged for this machine.
    --configfile is on top of config.yaml, as Snakemake's.
    """
    layout = Layout(read_config(configfile))
    data_hash, _ = inspect_data(layout)
    # Before Snakemake is asked, whose words for a fault of a model's file are more than a sentence.
    rungs = list_rungs(layout.grid, layout.promotions)
    states = [inspect_run(layout, run, data_hash) for run in known_runs(layout, rungs)]
    files = list_pending(configfile)
    prepares = "prepare_data" in files.values()
    groups: dict[str, list[RunState]] = {}
    starts: dict[Run, int] = {}  # the runs that are trained, and from which epoch
    unplanned: list[RunState] = []
    for state in states:
        if layout.metrics(state.run) in files:
            reason = explain(state, layout, prepares)
            if prepares or not state.has_kept:
                starts[state.run], start = explain_start(state, layout, prepares)
                reason = "; ".join(filter(None, [reason, start]))
            groups.setdefault(reason, []).append(state)
        elif state.state in ("stale", "damaged"):
            unplanned.append(state)
    sections = [
        f"train, {text} ({len(group)})\n{program.wrapped(str(layout.grid.path(state.run)) for state in group)}"
        for text, group in groups.items()
    ]
    others: dict[str, list[str]] = {}
    for file, rule in files.items():
        if rule != "train":
            others.setdefault(rule, []).append(str(file))
    sections += [f"{rule}\n{program.wrapped(names)}" for rule, names in others.items()]
    if not files:
        sections.append("Nothing to be done: every file is there and up to date")
    if unplanned:
        names = program.wrapped(str(layout.grid.path(state.run)) for state in unplanned)
        sections.append(f"Stale or damaged, but nothing that Snakemake sees; make status says what to do\n{names}")
    forecast = read_benchmarks(layout.results)
    halved = {rung.model: [each for each in rungs if each.model == rung.model] for rung in rungs if rung.before}
    sections += [describe_halving(layout, of_model, forecast) for of_model in halved.values()]
    unknown = [rung for rung in rungs if rung.runs is None]
    if starts or unknown:
        could = [layout.grid.runs_of(rung.model, rung.epochs) for rung in unknown]
        to_come = sum(forecast.of_rung(rung, runs) or 0 for rung, runs in zip(unknown, could, strict=True))
        seeds = len(layout.grid.seeds)
        expected = [runs[: rung.configurations * seeds] for rung, runs in zip(unknown, could, strict=True)]
        sections += [estimate(forecast, starts, to_come), disk_use(layout, [*starts, *chain(*expected)])]
    if without := len(inspect_weights(states, checked_bytes=0).missing):
        advice = "" if layout.settings["training"]["keep"] == "nothing" else ": see `make remake`"
        sections.append(f"{without} finished runs have no weights, and are not trained for that{advice}")
    print(program.printable("\n\n".join(sections)))


if __name__ == "__main__":
    program.run(plan)
