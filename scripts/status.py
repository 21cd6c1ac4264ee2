"""Print how far a sweep is: see `status`."""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sweep import program
from sweep.analysis.tables import SUMS_FILE, configuration_table, describe_damage, run_table
from sweep.config import read_config
from sweep.grid import Grid, Run
from sweep.layout import RECORDS, Layout
from sweep.runs.collect import take_longest
from sweep.runs.earlier import foresee
from sweep.runs.forecast import Forecast, format_duration, format_size
from sweep.runs.promotions import Rung, describe_rungs, find_damaged, known_runs, list_rungs
from sweep.runs.state import STATES, RunState, inspect_data, inspect_run, mend_command
from sweep.runs.weights import KeptWeights, inspect_weights

# Of the kept weights so many bytes are read to see whether they are intact.
CHECKED_BYTES = 2 * 10**9


def count_table(states: Sequence[RunState], grid: Grid) -> str:
    """How many runs are in each state: a row a model, or a rung of one that is halved, and a column a state."""
    labels = [
        run.model if run.epochs == grid.models[run.model].epochs else f"{run.model} rung{run.epochs}"
        for run in (state.run for state in states)
    ]
    counts = Counter((label, state.state) for label, state in zip(labels, states, strict=True))
    rows = list(dict.fromkeys(labels))
    table = pd.DataFrame([[counts[label, name] for name in STATES] for label in rows], rows, STATES)
    if len(rows) > 1:
        table.loc["all"] = table.sum()
    return table.to_string()


def describe(states: Sequence[RunState], grid: Grid) -> Iterator[str]:
    """A paragraph for each state and detail, with the runs that share it. Runs without a detail are only counted."""
    groups: dict[str, dict[str, list[str]]] = {name: {} for name in STATES}
    for state in states:
        if state.detail:
            groups[state.state].setdefault(state.detail, []).append(str(grid.path(state.run)))
    for name, details in groups.items():
        for detail, runs in details.items():
            yield f"{name}: {detail}\n{program.wrapped(runs)}"


def best_table(states: Sequence[RunState], grid: Grid) -> str:
    """The best configuration of each model, by the finished ones of these runs, which are the grid's; one of a model
    that is halved by its longest runs."""
    finished = take_longest([state for state in states if state.finished and state.record], len(grid.seeds))
    if not finished:
        return "best so far: no run is finished"
    runs, records = [state.run for state in finished], [state.record for state in finished if state.record]
    halved = [model for model, space in grid.models.items() if space.halving]
    table = configuration_table(run_table(runs, records, grid), grid.rank_by, halved)
    table = table[table["diverged"] == 0].groupby("model", sort=False).head(1)
    if table.empty:
        return "best so far: every finished run diverged"
    columns = {
        "model": "model",
        "name": "configuration",
        "runs": "runs",
        "epochs": "epochs",
        "last_val_loss": "val_loss",
        "last_val_acc": "val_acc",
        "best_test_acc": "test_acc",
    }
    return f"best so far, by {grid.rank_by}\n" + table.rename(columns=columns)[[*columns.values()]].to_string(
        index=False, float_format="{:.4f}".format
    )


def inspect_tables(layout: Layout) -> list[str]:
    """A sentence on each folder with damaged tables. One without sums is left out: its tables are being made."""
    folders = [layout.tables, *map(layout.study_tables, layout.studies)]
    sentences = [describe_damage(folder) for folder in folders if (folder / SUMS_FILE).exists()]
    return [sentence for sentence in sentences if sentence]


def time_left(
    states: Sequence[RunState], training: Mapping[str, Any], rungs: Sequence[tuple[Rung, list[Run]]] = ()
) -> str:
    """The time spent on finished and running trainings, and what the others will take if they are as fast as these. One
    that can go on from a shorter run's state, on this machine with the config's `training`, takes that much less.

    `rungs` are those of which it is not known yet which runs they have, each with all that it could have.
    """
    forecast, spent = Forecast(), 0.0
    times = {
        (state.run.path, state.run.epochs): float(state.record["training_s"])
        for state in states
        if state.finished and state.record
    }
    for state in states:
        if state.finished and state.record is not None:
            spent += state.record["training_s"]
            # The time of a run that went on from a shorter one includes that one's.
            shorter = [times.get((state.run.path, epochs), 0) for epochs in state.record["resumed_epochs"]]
            spent -= max(shorter, default=0)
            if state.state == "done":
                forecast.add(state.run, state.record["training_s"] / state.run.epochs)
        elif state.state == "running" and (seconds := state.progress.seconds):
            spent += sum(seconds)
            forecast.add(state.run, sum(seconds) / len(seconds))
    running = sum(state.state == "running" for state in states)
    left, unknown = sum(forecast.of_rung(rung, runs) or 0 for rung, runs in rungs), 0
    for state in states:
        if state.finished or (state.has_kept and state.state != "running"):
            continue
        trained = state.progress.epochs if state.state == "running" else 0
        expected = forecast.seconds(state.run, trained or foresee(state.kept, training)[0])
        if expected is None:
            unknown += 1
        else:
            left += expected
    text = f"time: {format_duration(spent)} of training so far, {format_duration(left)} left"
    if left and running:
        text += f": {format_duration(left / running)} with {running} at once as now"
    elif left:
        text += "; nothing is training now"
    if unknown:
        text += f"\n      and {unknown} runs of which no epoch of the same model tells how long they take"
    return text


def describe_weights(weights: KeptWeights, keep: str) -> str:
    """What there is of the finished runs' weights; "" while no run is finished. `keep` is as in the config."""
    if not (weights.intact or weights.missing or weights.faults):
        return ""
    text = f"weights: {weights.intact} runs have theirs, {format_size(weights.size)} in {RECORDS}"
    if weights.checked < weights.size:
        text += f", of which {format_size(weights.checked)} were read to see whether they are intact"
    if weights.missing:
        text += f"; {len(weights.missing)} finished runs have none"
    if weights.damaged:
        text += f"; {len(weights.damaged)} are damaged and never used"
    if keep != "nothing" and (weights.missing or weights.damaged):
        text += ": `make remake` has these runs trained again"
    return "\n  ".join([text, *weights.faults])


def describe_replaced(states: Sequence[RunState]) -> str:
    """A sentence on the published records that are not the kept ones, as when another experiment had the runs trained
    again, with the command that takes these; "" if there are none."""
    replaced = [
        str(state.published)
        for state in states
        if state.finished and state.record and state.kept_record
        if state.record["content_hash"] != state.kept_record["content_hash"]
    ]
    if not replaced:
        return ""
    return (
        f"{len(replaced)} runs were trained again since, as by another experiment: their kept records are others than "
        f"those published here. Take these and run the same command again: rm -f {shlex.join(replaced)}"
    )


def status(configfile: list[Path] = []) -> None:  # noqa: B006  it is not changed
    """Print how far a sweep is: what is done, running, failed, missing, stale or damaged, and how long the rest takes.

    Nothing is written, and a sweep that is running is not disturbed. --configfile is on top of config.yaml, as
    Snakemake's.
    """
    layout = Layout(read_config(configfile))
    data_hash, remarks = inspect_data(layout)
    rungs = list_rungs(layout.grid, layout.promotions)
    halved = [model for model, space in layout.grid.models.items() if space.halving]
    states = [inspect_run(layout, run, data_hash) for run in known_runs(layout, rungs)]
    remarks += inspect_tables(layout)
    remarks += find_damaged(layout.grid, layout.promotions)
    remarks += [state.kept_fault for state in states if state.kept_fault]
    remarks += filter(None, [describe_replaced(states)])
    damaged = [state for state in states if state.state == "damaged" or state.kept_fault]
    if damaged:
        remarks.append(f"Damaged records: mend them so and run the same command again: {mend_command(damaged)}")
    in_grid = {run for rung in rungs for run in rung.runs or []}
    unknown = [(rung, layout.grid.runs_of(rung.model, rung.epochs)) for rung in rungs if rung.runs is None]
    of_grid = [state for state in states if state.run in in_grid]
    sections = [
        f"{layout.results}: {len(states)} runs",
        count_table(states, layout.grid),
        *(f"halving of {model}: {describe_rungs(each for each in rungs if each.model == model)}" for model in halved),
        *describe(states, layout.grid),
        "\n".join(remarks),
        describe_weights(inspect_weights(states, CHECKED_BYTES), layout.settings["training"]["keep"]),
        best_table(of_grid, layout.grid),
        time_left(states, layout.settings["training"], unknown),
    ]
    print(program.printable("\n\n".join(section for section in sections if section)))


if __name__ == "__main__":
    program.run(status)
