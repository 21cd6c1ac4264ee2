"""What successive halving would have cost and found on a grid that was trained in full.

The first epochs of a long run are the short run, so what any setting would have done is in the full grid's histories.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sweep.analysis.halving import choose
from sweep.analysis.rungs import cut
from sweep.analysis.tables import configuration_table

# Rungs that are worth a look, as parts of all epochs, and shares of the configurations that go on.
PARTS = [(1 / 9,), (1 / 3,), (1 / 2,), (1 / 9, 1 / 3), (1 / 4, 1 / 2), (1 / 27, 1 / 9, 1 / 3)]
SHARES = [0.25, 0.33, 0.5]


@dataclass(frozen=True)
class Replay:
    """One setting of halving, replayed on a model's full grid.

    `epochs` are those trained in all runs, `share` is their share of the full grid's, and `time_share` that of the
    seconds of training. Of the `survivors`, the configurations that are trained to the end, the best is `found`, and
    `rank` is its rank in the full grid; both are None if all of them have a run that diverged. `behind` says by how
    much the means over its seeds are worse than those of the full grid's best, below 0 if they are better, as those of
    the metric that does not rank may be; it is empty if nothing is found.
    """

    rungs: list[int]
    keep: float
    epochs: int
    share: float
    time_share: float
    survivors: int
    found: str | None
    rank: int | None
    behind: dict[str, float]


def rungs_of(epochs: int) -> list[list[int]]:
    """Rungs worth a look for a model of so many epochs: at least three settings of them from three epochs on, and none
    for one epoch, which cannot be cut short."""
    rungs = [sorted({max(1, round(part * epochs)) for part in parts}) for parts in PARTS]
    return [list(each) for each in dict.fromkeys(map(tuple, rungs)) if each[-1] < epochs]


def trained_by_rung(
    runs: pd.DataFrame, epochs: pd.DataFrame, rank_by: str, rungs: Sequence[int], keep: float
) -> list[list[str]]:
    """The names of the configurations that are trained in each rung, and at the end of those that survive all.

    `runs` and `epochs` are the rows of one model in the tables of those names.
    """
    trained = [list(runs["name"].unique())]
    for rung in rungs:
        left = runs[runs["name"].isin(trained[-1])]
        trained.append(choose(configuration_table(cut(left, epochs, rung), rank_by), keep) if len(left) else [])
    return trained


def replay(runs: pd.DataFrame, epochs: pd.DataFrame, rank_by: str, rungs: Sequence[int], keep: float) -> Replay:
    """What this setting of halving would have cost and found.

    `runs` and `epochs` are the rows of one model in the tables of those names, which are of a full grid. The cost of a
    diverged run is that of the epochs before it diverged.
    """
    *_, survivors = trained = trained_by_rung(runs, epochs, rank_by, rungs, keep)
    last = int(runs["epochs"].max())
    asked = {name: end for end, names in zip([*rungs, last], trained, strict=True) for name in names}
    spent = epochs[epochs["epoch"] < epochs["name"].map(asked)]
    table = configuration_table(runs, rank_by)
    best = table.iloc[0]
    sound = table[table["name"].isin(survivors) & (table["diverged"] == 0)]
    found = None if sound.empty else sound.iloc[0]
    behind = {}
    if found is not None:
        behind["val_loss"] = float(found["last_val_loss"] - best["last_val_loss"])
        behind["val_acc"] = float(best["last_val_acc"] - found["last_val_acc"])
    return Replay(
        rungs=list(rungs),
        keep=keep,
        epochs=len(spent),
        share=len(spent) / max(1, len(epochs)),
        time_share=float(spent["seconds"].sum() / max(epochs["seconds"].sum(), 1e-9)),
        survivors=len(survivors),
        found=None if found is None else str(found["name"]),
        rank=None if found is None else int(found["rank"]),
        behind=behind,
    )
