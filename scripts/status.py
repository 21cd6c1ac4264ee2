"""Print how far a sweep is: see `status`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from sweep import program
from sweep.analysis.tables import SUMS_FILE, configuration_table, damaged_tables, run_table, tables_fault
from sweep.config import read_config
from sweep.layout import Layout
from sweep.runs.forecast import Forecast, duration
from sweep.runs.records import remedy
from sweep.runs.state import STATES, RunState, inspect_data, inspect_run


def counts(states: Sequence[RunState]) -> str:
    """A row a model, a column a state."""
    counted = Counter((state.run.model, state.state) for state in states)
    models = list(dict.fromkeys(state.run.model for state in states))
    table = pd.DataFrame([[counted[model, name] for name in STATES] for model in models], models, STATES)
    if len(models) > 1:
        table.loc["all"] = table.sum()
    return table.to_string()


def details(states: Sequence[RunState]) -> Iterator[str]:
    """Every run of which there is more to say than its state; those of which it is the same, together."""
    for name in STATES:
        remarks = dict.fromkeys(state.detail for state in states if state.state == name and state.detail)
        for detail in remarks:
            runs = [str(state.run.path) for state in states if (state.state, state.detail) == (name, detail)]
            yield f"{name}: {detail}\n{program.wrapped(runs)}"


def best(states: Sequence[RunState], rank_by: str) -> str:
    """The best configuration of each model, by the grid's runs that are finished."""
    finished = [state.finding for state in states if state.finished]
    records = [finding.record for finding in finished if finding.record is not None]
    if not records:
        return "best so far: no run is finished"
    table = configuration_table(run_table([finding.run for finding in finished], records), rank_by)
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
    """What is wrong with the tables; while they are being made there are no sums, and nothing is said."""
    folders = [layout.tables, *map(layout.study_tables, layout.studies)]
    found = [damaged_tables(folder) for folder in folders if (folder / SUMS_FILE).exists()]
    return [tables_fault(damaged) for damaged in found if damaged]


def time(states: Sequence[RunState]) -> str:
    """The time spent on the runs that are finished or running, and left for the others as fast as it goes now."""
    forecast, spent = Forecast(), 0.0
    for state in states:
        record, seconds = state.finding.record, state.progress.seconds
        if state.finished and record is not None:
            spent += record["training_s"]
            if state.state == "done":
                forecast.add(state.run.model, state.run.batch_size, record["training_s"] / state.run.epochs)
        elif state.state == "running" and seconds:
            spent += sum(seconds)
            forecast.add(state.run.model, state.run.batch_size, sum(seconds) / len(seconds))
    running = sum(state.state == "running" for state in states)
    left, unknown = 0.0, 0
    for state in states:
        expected = forecast.seconds(state.run)
        if state.finished or (state.finding.has_kept and state.state != "running"):
            continue
        if expected is None:
            unknown += 1
        else:
            done = state.progress.epochs if state.state == "running" else 0
            left += expected * (1 - done / state.run.epochs)
    text = f"time: {duration(spent)} of training so far, {duration(left)} left"
    if left and running:
        text += f": {duration(left / running)} with {running} at once as now"
    elif left:
        text += "; nothing is training now"
    if unknown:
        text += f"\n      and {unknown} runs of which no epoch of the same model tells how long they take"
    return text


def status(configfile: list[Path] = []) -> None:  # noqa: B006  it is not changed
    """Print how far a sweep is: what is done, running, failed, missing, stale or damaged, and how long the rest takes.

    Nothing is written, and a sweep that is running is not disturbed. --configfile is on top of config.yaml, as
    Snakemake's.
    """
    layout = Layout(read_config(configfile))
    data_hash, remarks = inspect_data(layout)
    states = [inspect_run(layout, run, data_hash) for run in layout.runs]
    grid = set(layout.grid.runs())
    findings = [state.finding for state in states]
    remarks += inspect_tables(layout) + [finding.kept_fault for finding in findings if finding.kept_fault]
    damaged = [state.finding for state in states if state.state == "damaged" or state.finding.kept_fault]
    if damaged:
        remarks.append(f"Damaged records: mend them so and run the same command again: {remedy(damaged)}")
    sections = [f"{layout.results}: {len(states)} runs", counts(states), *details(states), "\n".join(remarks)]
    ranked = [state for state in states if state.run in grid]
    sections += [best(ranked, layout.settings["report"]["rank_by"]), time(states)]
    print("\n\n".join(section for section in sections if section))


if __name__ == "__main__":
    program.run(status)
