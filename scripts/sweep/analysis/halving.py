"""Successive halving: which configurations of a model go on, and which runs a halved sweep has.

A *rung* is a number of epochs after which the configurations of a model are compared; the best of them go on to the
next. Since the first epochs of a longer run are those of the shorter one, a rung can also be read off the history of
longer runs.
"""

import shlex
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.analysis.tables import DIGITS, configuration_table, run_table
from sweep.errors import SweepError
from sweep.grid import Grid, Run, number_kept
from sweep.runs.collect import collect
from sweep.runs.promotions import going_on, promotion_file, promotion_grid, read_promotion

if TYPE_CHECKING:
    from sweep.runs.records import Record


def choose(configurations: pd.DataFrame, keep: float) -> list[str]:
    """The names of the configurations that go on: the best share `keep` of them, but none with a run that diverged.

    `configurations` are the rows of one model in the table of configurations, in the order of their ranks.
    """
    best = configurations.head(number_kept(len(configurations), keep))
    return list(best.loc[best["diverged"] == 0, "name"])


def promote(runs: Sequence[Run], records: "Sequence[Record]", grid: Grid, model: str) -> dict[str, Any]:
    """Which configurations go on, and why: the content of a promotion's file.

    `records` are those of all `runs` of one rung of `model`, at least one. "grid" is what decides it beside the
    records; "value" is the mean over the seeds of the metric that ranks, null if no run completed.
    """
    epochs = runs[0].epochs
    table = configuration_table(run_table(runs, records, grid), grid.rank_by)
    chosen = choose(table, grid.models[model].halving["keep"])
    # Rounded as for the order, so that another pandas gives the same.
    values = table[f"last_{grid.rank_by}"].round(DIGITS)
    rows = zip(table["name"], table["rank"], values, table["diverged"], strict=True)
    return {
        "model": model,
        "epochs": epochs,
        "rank_by": grid.rank_by,
        "configurations": [
            {
                "name": name,
                "rank": rank,
                "value": None if pd.isna(value) else value,
                "diverged": diverged,
                "goes_on": name in chosen,
            }
            for name, rank, value, diverged in rows
        ],
        "grid": promotion_grid(grid, model, epochs),
    }


def collect_longest(
    grid: Grid, folder: Path, kept_folder: Path, data_hash: str, promotions: Path
) -> tuple[list[Run], "list[Record]"]:
    """Of each configuration and seed of a grid the run with the most epochs that it was asked for, and its record.

    The promotions, <promotions>/<model>/rung<epochs>.json, must be what the records of their rungs give. Raises
    SweepError if one is not, and as `sweep.runs.collect.collect`.
    """
    first = [run for model, space in grid.models.items() for run in grid.runs_of(model, space.rungs[0])]
    found, records = collect(grid, first, folder, kept_folder, data_hash)
    longest = {run.path: (run, record) for run, record in zip(found, records, strict=True)}
    for model, space in grid.models.items():
        rung = [pair for pair in longest.values() if pair[0].model == model]
        for epochs, following in pairwise(space.rungs):
            runs, records = map(list, zip(*rung, strict=True))
            promotion = promote(runs, records, grid, model)
            file = promotion_file(promotions, model, epochs)
            if read_promotion(file) != promotion:
                raise SweepError(
                    f"{file} is not what the records of its rung give: remove it and run the same command again: "
                    f"rm -f {shlex.quote(str(file))}"
                )
            runs = grid.runs_of(model, following, going_on(promotion))
            if not runs:
                break
            rung = list(zip(*collect(grid, runs, folder, kept_folder, data_hash), strict=True))
            longest |= {run.path: (run, record) for run, record in rung}
    runs, records = map(list, zip(*longest.values(), strict=True))
    return runs, records
