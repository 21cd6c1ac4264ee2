"""The table of runs of a model that is halved, some of whose configurations were stopped earlier than others: all of
them at one number of epochs, or those alone that were not stopped."""

from itertools import pairwise

import pandas as pd

from sweep.grid import Grid, Space, number_kept
from sweep.metrics import METRIC_LABELS


def cut(runs: pd.DataFrame, epochs: pd.DataFrame, rung: int) -> pd.DataFrame:
    """The rows of a table of runs as they would be if training had ended after `rung` epochs: `epochs`, `status`,
    `diverged_epoch` and the metrics last_…; the metrics best_… are then not known.

    `epochs` is the table of epochs. A run that completed fewer epochs has no row.
    """
    keys = ["model", "name", "seed"]
    ends = epochs.loc[epochs["epoch"] == rung - 1, [*keys, *METRIC_LABELS]].rename(columns="last_{}".format)
    ends = ends.rename(columns={f"last_{key}": key for key in keys})
    others = runs.drop(columns=[f"last_{metric}" for metric in METRIC_LABELS])
    table = others.merge(ends, on=keys, how="left").reindex(columns=runs.columns)
    whole = table["last_val_loss"].notna()
    table = table.assign(epochs=rung, status=table["status"].where(~whole, "completed"))
    table["diverged_epoch"] = table["diverged_epoch"].mask(whole)
    for column in filter(lambda name: name.startswith("best_"), map(str, table)):
        table[column] = table[column].iloc[:0].reindex(table.index)
    return table[whole | (table["status"] == "diverged")]


def compare_equals(runs: pd.DataFrame, epochs: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The table of runs with those of a halved model as they were at its first rung, which all of them reached, so that
    like is compared with like."""
    parts = []
    for model, space in grid.models.items():
        rows = runs[runs["model"] == model]
        parts.append(cut(rows, epochs, space.rungs[0]) if space.halving else rows)
    return pd.concat(parts) if any(space.halving for space in grid.models.values()) else runs


def survivors(runs: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """The table of runs without those of a halved model that were stopped before its last rung (in a preview, before
    the furthest one that any configuration has reached)."""
    halved = [model for model, space in grid.models.items() if space.halving]
    furthest = runs.groupby("model")["epochs"].transform("max")
    return runs[~runs["model"].isin(halved) | (runs["epochs"] == furthest)]


def count_by_rung(runs: pd.DataFrame, space: Space) -> dict[int, int]:
    """How many configurations of a halved model were trained for the epochs of each rung, or for more. `runs` are the
    model's rows of the table of runs."""
    ends = runs.groupby("name")["epochs"].max()
    return {epochs: int(ends.isin(space.rungs[place:]).sum()) for place, epochs in enumerate(space.rungs)}


def is_finished(runs: pd.DataFrame, space: Space) -> bool:
    """Whether all configurations of a model that are to go on have been trained for the epochs of their next rung.

    `runs` are the model's rows of the table of runs, which has all of the first rung. A model that is not halved is
    always finished.
    """
    counts = count_by_rung(runs, space)
    for epochs, following in pairwise(space.rungs):
        stopped = runs[(runs["epochs"] == epochs) & (runs["status"] == "diverged")]["name"].nunique()
        due = min(number_kept(counts[epochs], space.halving["keep"]), counts[epochs] - stopped)
        if counts[following] < due:
            return False
    return True
