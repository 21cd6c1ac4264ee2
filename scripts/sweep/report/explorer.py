"""What the page to explore a sweep is given."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly
from markupsafe import Markup

from sweep.grid import Grid
from sweep.metrics import METRIC_LABELS, label

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

# Significant digits of a curve's values; more could not be seen.
CURVE_DIGITS = 5
# The columns of the table of runs, in the groups that a run's record shows; all others are its outcome.
PARAMETER_COLUMNS = ["model", "name", "batch_size", "learning_rate", "dropout_rate", "epochs", "seed"]
ENVIRONMENT_COLUMNS = ["device_asked", "device", "device_name", "gpu", "precision_asked", "precision", "threads"]
ENVIRONMENT_COLUMNS += ["python", "torch"]
ORIGIN_COLUMNS = ["commit", "key", "data_hash", "code_hash", "content_hash"]


def explorer_context(grid: Grid, manifest: "Manifest", author: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of index.html is given. `grid` is the grid of the tables, `data` that of `explorer_data`."""
    library = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"
    return {
        "models": [label(model) for model in grid.models],
        "manifest": manifest,
        "author": author,
        "partial": grid.partial,
        "left_out": [label(model) for model in grid.partial.left_out] if grid.partial else [],
        "data": data,
        "plotly": Markup(library.read_text(encoding="utf-8")),  # noqa: S704  it is the library's own script
    }


def explorer_data(
    runs: pd.DataFrame, epochs: pd.DataFrame, data_folder: Path, train_script: Path, rank_by: str
) -> dict[str, Any]:
    """What app.js draws, column by column: {"runs": {column: [a value a run]}, "curves": {metric: [a list a run]}, …}.

    `runs` and `epochs` are the tables of those names. `data_folder` and `train_script` stand in the command that
    repeats a run; they are relative to the folder in which the sweep runs.
    """
    # As text, because JavaScript has no integers of 64 bits.
    runs = runs.assign(seed=runs["seed"].astype(str))
    outcome = [name for name in runs if name not in {*PARAMETER_COLUMNS, *ENVIRONMENT_COLUMNS, *ORIGIN_COLUMNS}]
    histories = dict(
        list(epochs.assign(seed=epochs["seed"].astype(str)).groupby(["model", "name", "seed"], sort=False))
    )
    # A run that diverged in its first epoch has no rows.
    ordered = [histories.get(run, epochs[:0]) for run in zip(runs["model"], runs["name"], runs["seed"], strict=True)]
    return {
        "runs": {
            **{str(name): [None if pd.isna(value) else value for value in runs[name].tolist()] for name in runs},
            "gpus": (runs["device"] == "cuda").astype(int).tolist(),
        },
        "curves": {
            metric: [[float(f"{value:.{CURVE_DIGITS}g}") for value in history[metric]] for history in ordered]
            for metric in METRIC_LABELS
        },
        "groups": {
            "parameters": PARAMETER_COLUMNS,
            "outcome": outcome,
            "environment": ENVIRONMENT_COLUMNS,
            "origin": ORIGIN_COLUMNS,
        },
        "rank_by": rank_by,
        "command": repeat_command(data_folder, train_script),
    }


def repeat_command(data_folder: Path, train_script: Path) -> str:
    """The shell command that trains a run again, with {column} in place of each value.

    It writes to a new folder: in the sweep's own folder the kept record would be published and nothing trained.
    """
    return (
        f"repeat=$(mktemp -d) && python {shlex.quote(str(train_script))} --model {{model}} --batch-size {{batch_size}}"
        " --learning-rate {learning_rate} --dropout-rate {dropout_rate} --seed {seed} --epochs {epochs}"
        f" --data {shlex.quote(str(data_folder))} --device {{device}} --precision {{precision}} --gpus {{gpus}}"
        ' --jobs-per-gpu 1 --threads {threads} --records "$repeat/records" --metrics "$repeat/metrics.json"'
        ' && echo "$repeat/metrics.json"'
    )
