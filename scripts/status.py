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
from sweep.grid import Grid
from sweep.layout import RECORDS, Layout
from sweep.runs.earlier import foresee
from sweep.runs.forecast import Forecast, format_duration, format_size
from sweep.runs.state import STATES, RunState, inspect_data, inspect_run, mend_command
from sweep.runs.weights import KeptWeights, inspect_weights

# Of the kept weights so many bytes are read to see whether they are intact.
CHECKED_BYTES = 2 * 10**9


def count_table(states: Sequence[RunState]) -> str:
    """How many runs are in each state: a row a model, a column a state."""
    counts = Counter((state.run.model, state.state) for state in states)
    models = list(dict.fromkeys(state.run.model for state in states))
    table = pd.DataFrame([[counts[model, name] for name in STATES] for model in models], models, STATES)
    if len(models) > 1:
        table.loc["all"] = table.sum()
    return table.to_string()


def describe(states: Sequence[RunState]) -> Iterator[str]:
    """A paragraph for each state and detail, with the runs that share it. Runs without a detail are only counted."""
    groups: dict[str, dict[str, list[str]]] = {name: {} for name in STATES}
    for state in states:
        if state.detail:
            groups[state.state].setdefault(state.detail, []).append(str(state.run.path))
    for name, details in groups.items():
        for detail, runs in details.items():
            yield f"{name}: {detail}\n{program.wrapped(runs)}"


def best_table(states: Sequence[RunState], grid: Grid, rank_by: str) -> str:
    """The best configuration of each model, by the finished ones of these runs, which are the grid's."""
    finished = [(state.run, state.record) for state in states if state.finished and state.record is not None]
    if not finished:
        return "best so far: no run is finished"
    runs, records = zip(*finished, strict=True)
    table = configuration_table(run_table(runs, records, grid), rank_by)
    table = table[table["diverged"] == 0].groupby("model", sort=False).head(1)
    if table.empty:
        return "best so far: every finished run diverged"
    columns = {
        "model": "model",
        "name": "configuration",
        "runs": "runs",
        "last_val_loss": "val_loss",
        "last_val_acc": "val_acc",
        "best_test_acc": "test_acc",
    }
    return f"best so far, by {rank_by}\n" + table.rename(columns=columns)[[*columns.values()]].to_string(
        index=False, float_format="{:.4f}".format
    )


def inspect_tables(layout: Layout) -> list[str]:
    """A sentence on each folder with damaged tables. One without sums is left out: its tables are being made."""
    folders = [layout.tables, *map(layout.study_tables, layout.studies)]
    sentences = [describe_damage(folder) for folder in folders if (folder / SUMS_FILE).exists()]
    return [sentence for sentence in sentences if sentence]


def time_left(states: Sequence[RunState], training: Mapping[str, Any]) -> str:
    """The time spent on finished and running trainings, and what the others will take if they are as fast as these. One
    that can go on from a shorter run's state, on this machine with the config's `training`, takes that much less."""
    forecast, spent = Forecast(), 0.0
    for state in states:
        if state.finished and state.record is not None:
            spent += state.record["training_s"]
            if state.state == "done":
                forecast.add(state.run, state.record["training_s"] / state.run.epochs)
        elif state.state == "running" and (seconds := state.progress.seconds):
            spent += sum(seconds)
            forecast.add(state.run, sum(seconds) / len(seconds))
    running = sum(state.state == "running" for state in states)
    left, unknown = 0.0, 0
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
    states = [inspect_run(layout, run, data_hash) for run in layout.runs]
    remarks += inspect_tables(layout)
    remarks += [state.kept_fault for state in states if state.kept_fault]
    remarks += filter(None, [describe_replaced(states)])
    damaged = [state for state in states if state.state == "damaged" or state.kept_fault]
    if damaged:
        remarks.append(f"Damaged records: mend them so and run the same command again: {mend_command(damaged)}")
    in_grid = set(layout.grid.runs())
    of_grid = [state for state in states if state.run in in_grid]
    sections = [
        f"{layout.results}: {len(states)} runs",
        count_table(states),
        *describe(states),
        "\n".join(remarks),
        describe_weights(inspect_weights(states, CHECKED_BYTES), layout.settings["training"]["keep"]),
        best_table(of_grid, layout.grid, layout.settings["report"]["rank_by"]),
        time_left(states, layout.settings["training"]),
    ]
    print(program.printable("\n\n".join(section for section in sections if section)))


if __name__ == "__main__":
    program.run(status)
