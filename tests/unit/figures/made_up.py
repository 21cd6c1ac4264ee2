"""The tables of made-up sweeps, for tests of their figures."""

from collections.abc import Collection
from typing import Any

import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from examples import record
from sweep.analysis.tables import configuration_table, run_table
from sweep.grid import Grid, Run, Space

LISTS = {"batch_sizes": [16, 8], "learning_rates": [0.1, 0.001], "dropout_rates": [0.0, 0.2, 0.4]}
DEFAULTS = {"batch_norm": True, "weight_decay": 0.0}
# 20 configurations of which hardly any two have a value in common, but for the two lists.
SAMPLE = {
    "runs": 20,
    "seed": 0,
    "batch_size": [8, 16],
    "learning_rate": {"from": 0.0001, "to": 0.01, "scale": "log"},
    "dropout_rate": {"from": 0.0, "to": 0.8, "scale": "linear"},
    "batch_norm": [True, False],
}


def loss(run: Run) -> float:
    """A run's last val_loss; its val_acc is a tenth of that."""
    further = dict(run.axes)
    more = 100 * float(further.get("weight_decay", 0)) + 2 * (not further.get("batch_norm", True))
    return 1 + run.batch_size / 100 + run.learning_rate + run.dropout_rate + 0.02 * run.seed + more


def made_up(
    diverged: Collection[tuple[str, int]] = (), missing: Collection[str] = (), **space: Any
) -> tuple[pd.DataFrame, Space]:
    """The configurations of two seeds, and their search space for the model cnn: that of LISTS, or what `space` says.

    The runs (name, seed) in `diverged` did so in their first epoch; the configurations in `missing` are in the space,
    but not in the table.
    """
    lists: dict[str, Any] = {} if "sample" in space else LISTS
    grid = Grid.of({model: {**lists, "epochs": 1, "defaults": DEFAULTS, **space} for model in ("mlp", "cnn")}, [0, 1])
    runs = [run for run in grid.runs() if run.name not in missing]
    records = [
        record(run, [], [], 0) if (run.name, run.seed) in diverged else record(run, [loss(run)], [loss(run) / 10])
        for run in runs
    ]
    return configuration_table(run_table(runs, records, grid), "val_loss"), grid.models["cnn"]


def ticks(axis: Axis) -> list[str]:
    """The names of an axis's ticks."""
    return [text.get_text() for text in axis.get_ticklabels()]


def legend(figure: Figure) -> list[str]:
    """The entries of a figure's only legend."""
    (only,) = figure.legends
    return [text.get_text() for text in only.get_texts()]
