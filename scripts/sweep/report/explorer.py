"""What the page to explore a sweep is given."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly
from markupsafe import Markup

from sweep.analysis.examined import Examination
from sweep.analysis.importance import MOST_TERMS
from sweep.analysis.noise import seeds_to_know
from sweep.analysis.ranking import rank_model
from sweep.analysis.rungs import count_by_rung, is_finished
from sweep.analysis.tables import CONFIGURATION, axes_of
from sweep.grid import MAIN, Grid, axis_words
from sweep.metrics import METRIC_LABELS, label, parameter_label
from sweep.report.citations import rounded

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

# Significant digits of a curve's values; more could not be seen.
CURVE_DIGITS = 5
# The columns of the table of runs, in the groups that a run's record shows, behind its parameters; all others are its
# outcome.
ENVIRONMENT_COLUMNS = ["device_asked", "device", "device_name", "gpu", "precision_asked", "precision", "threads"]
ENVIRONMENT_COLUMNS += ["python", "torch"]
ORIGIN_COLUMNS = ["commit", "series", "data_hash", "code_hash", "content_hash"]


def explorer_context(
    grid: Grid, manifest: "Manifest", author: str, runs: pd.DataFrame, data: Mapping[str, Any]
) -> dict[str, Any]:
    """What the template of index.html is given. `grid` is the grid of the tables, `runs` the table of runs, and `data`
    that of `explorer_data`."""
    library = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"
    return {
        "models": [label(model) for model in grid.models],
        "manifest": manifest,
        "author": author,
        "partial": grid.partial,
        "left_out": [label(model) for model in grid.partial.left_out] if grid.partial else [],
        # The models whose halving goes on, each with the number of configurations that reached each rung so far.
        "unfinished": {
            label(model): count_by_rung(runs[runs["model"] == model], space)
            for model, space in grid.models.items()
            if grid.partial and not is_finished(runs[runs["model"] == model], space)
        },
        "data": data,
        "plotly": Markup(library.read_text(encoding="utf-8")),  # noqa: S704  it is the library's own script
    }


def explorer_data(
    grid: Grid,
    runs: pd.DataFrame,
    epochs: pd.DataFrame,
    importance: pd.DataFrame,
    examinations: Iterable[Examination],
    data_folder: Path,
    train_script: Path,
) -> dict[str, Any]:
    """What app.js draws, column by column: {"runs": {column: [a value a run]}, "curves": {metric: [a list a run]}, …}.

    `runs`, `epochs` and `importance` are the tables of those names, and `grid` is theirs. The `examinations` are in the
    order of the models; a preview has none. `data_folder` and `train_script` stand in the command that repeats a run;
    they are relative to the folder in which the sweep runs.
    """
    parameters = [*CONFIGURATION, *axes_of(runs), "epochs", "seed"]
    outcome = [name for name in runs if name not in {*parameters, *ENVIRONMENT_COLUMNS, *ORIGIN_COLUMNS}]
    rows = epochs.groupby(["model", "name", "seed"], sort=False).indices
    # A run that diverged in its first epoch has no rows.
    own_rows = [rows.get(run, []) for run in zip(runs["model"], runs["name"], runs["seed"], strict=True)]
    return {
        "runs": {
            # Seeds as text, because JavaScript has no integers of 64 bits.
            **_columns(runs.assign(seed=runs["seed"].astype(str))),
            "gpus": (runs["device"] == "cuda").astype(int).tolist(),
            "set": _set_options(runs, grid),
        },
        "curves": {metric: _curves(epochs[metric].tolist(), own_rows) for metric in METRIC_LABELS},
        "parameters": {name: parameter_label(name) for name in (*MAIN, *axes_of(runs))},
        "logarithmic": [name for name in (*MAIN, *axes_of(runs)) if _is_logarithmic(name, runs, grid)],
        "groups": {
            "parameters": parameters,
            "outcome": outcome,
            "environment": ENVIRONMENT_COLUMNS,
            "origin": ORIGIN_COLUMNS,
        },
        "importance": _columns(importance),
        "most_terms": MOST_TERMS,
        "rank_by": grid.rank_by,
        "sure": {model: _sure(model, runs, grid) for model in grid.models},
        # The models whose search is halved, with the epochs of the first rung, which all configurations reach.
        "halved": {model: space.rungs[0] for model, space in grid.models.items() if space.halving},
        "examined": [_examined(examination) for examination in examinations],
        "command": repeat_command(data_folder, train_script),
    }


def _is_logarithmic(name: str, runs: pd.DataFrame, grid: Grid) -> bool:
    """Whether an axis of this hyper-parameter is logarithmic: if it is so for each model in which it varies, and the
    table has positive numbers alone."""
    values = [value for value in runs[name] if not pd.isna(value)]
    if not values or any(isinstance(value, str | bool) or value <= 0 for value in values):
        return False
    spaces = [space for space in grid.models.values() if name in space.varying]
    return bool(spaces) and all(space.scale(name) == "log" for space in spaces)


def _sure(model: str, runs: pd.DataFrame, grid: Grid) -> dict[str, Any]:
    """How sure the ranking of a model is. `kind` is "missing" if runs are, or if there is no configuration without a
    diverged one; "single" if one configuration alone is ranked; "unknown" if the noise of a run is; "none" if there is
    none; otherwise what the noise is from, as of `Noise`, and `alike` has the names of the configurations that cannot
    be told apart from the best."""
    ranking = rank_model(runs, model, grid)
    if ranking is None:
        return {"kind": "missing", "alike": []}
    ranked, noise = len(ranking.names), ranking.noise
    if ranked == 1:
        return {"kind": "single", "alike": []}
    if noise is None or ranking.candidates is None:
        return {"kind": "unknown", "alike": [], "seeds": seeds_to_know(ranked)}
    if not noise.sd:
        return {"kind": "none", "alike": []}
    shown = rounded(noise.sd, noise.sd)
    return {"kind": noise.origin, "alike": ranking.candidates, "ranked": ranked, "noise": shown}


def _examined(examination: Examination) -> dict[str, Any]:
    """What the page shows of an examination; of the shift the mean accuracy at each distance."""
    shown = ("model", "class_names", "unavailable", "run", "best_epoch", "content_hash", "size", "answered", "modes")
    content = asdict(examination)
    shift = examination.shift and [fmean(accuracies) for accuracies in examination.shift.accuracies]
    return {**{name: content[name] for name in shown}, "shift": shift}


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """A table column by column; a missing value is None."""
    return {str(name): [None if pd.isna(value) else value for value in table[name].tolist()] for name in table}


def _curves(values: list[float], own_rows: Iterable[Iterable[int]]) -> list[list[float]]:
    """A list a run of its rows' values, rounded."""
    rounded = [float(f"{value:.{CURVE_DIGITS}g}") for value in values]
    return [[rounded[row] for row in rows] for rows in own_rows]


def _set_options(runs: pd.DataFrame, grid: Grid) -> list[str]:
    """The option of train.py for each run's further hyper-parameters that are not at their default, with a space before
    it: " --set batch_norm=false weight_decay=0.0005". It is empty for a run that has none."""
    axes = axes_of(runs)
    options = []
    for model, *values in zip(runs["model"], *(runs[name] for name in axes), strict=True):
        defaults = grid.models[model].defaults
        # A model has no value for a hyper-parameter that it lacks.
        given = [
            (name, value)
            for name, value in zip(axes, values, strict=True)
            if not pd.isna(value) and value != defaults.get(name)
        ]
        options.append(f" --set {shlex.join(axis_words(given))}" if given else "")
    return options


def repeat_command(data_folder: Path, train_script: Path) -> str:
    """The shell command that trains a run again, with {column} in place of each value, and {set} for its option --set.

    It writes to a new folder: in the sweep's own folder the kept record would be published and nothing trained.
    """
    return (
        f"repeat=$(mktemp -d) && python {shlex.quote(str(train_script))} --model {{model}} --batch-size {{batch_size}}"
        " --learning-rate {learning_rate} --dropout-rate {dropout_rate} --seed {seed} --epochs {epochs}{set}"
        f" --data {shlex.quote(str(data_folder))} --device {{device}} --precision {{precision}} --gpus {{gpus}}"
        ' --jobs-per-gpu 1 --threads {threads} --records "$repeat/records" --metrics "$repeat/metrics.json"'
        ' && echo "$repeat/metrics.json"'
    )
