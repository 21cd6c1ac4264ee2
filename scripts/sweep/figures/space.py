"""A model's search space as figures show it: its configurations with their metrics, the words for them, and axes of
their values."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.ticker import LogLocator, NullFormatter

from sweep.grid import Grid, Space, Value, value_name
from sweep.metrics import METRIC_LABELS

# More panels, curves or ticks in one figure could not be read.
MOST_PANELS, MOST_CURVES, MOST_TICKS = 12, 12, 12
# The characters that fit into the width of a figure, in the size of its ticks and notes.
CHARACTERS = 84


def asked_table(configurations: pd.DataFrame, space: Space, model: str) -> pd.DataFrame:
    """A row for each configuration of the space, the best first: its hyper-parameters and name, and from the table
    `configurations` its `rank`, `runs`, `diverged` and final metrics.

    `state` is "finished", "diverged" if a run of it did, or "missing" if the table lacks it, as that of an unfinished
    sweep may. The final metrics val_acc and val_loss, those of the last epoch as means over the seeds, are NaN for what
    is not finished.
    """
    # As objects, values stay those of Python.
    asked = pd.DataFrame(space.configurations, dtype=object)[list(space.values)]
    asked = asked.assign(name=[run.name for run in Grid({model: space}, [0]).runs()])
    columns = {"last_val_acc": "val_acc", "last_val_loss": "val_loss"}
    found = configurations.loc[configurations["model"] == model, ["name", "rank", "runs", "diverged", *columns]]
    table = asked.merge(found.rename(columns=columns), on="name", how="left").sort_values("rank", ignore_index=True)
    state = table["diverged"].map(lambda runs: "missing" if math.isnan(runs) else "diverged" if runs else "finished")
    finished = state == "finished"
    return table.assign(state=state, **{metric: table[metric].where(finished) for metric in columns.values()})


def assignment(values: Mapping[Any, Value]) -> str:
    """Hyper-parameters and their values as titles and legends have them: "batch size 128, weight decay 0.0005"."""
    return ", ".join(f"{parameter_words([name])} {value_name(value)}" for name, value in values.items())


def parameter_words(names: Sequence[str]) -> str:
    """The names of hyper-parameters within a sentence: "batch size, weight decay"."""
    return ", ".join(name.replace("_", " ") for name in names)


def final_label(space: Space, metric: str) -> str:
    """The label of a final metric; of a model that is halved, with the epochs after which all are compared."""
    return METRIC_LABELS[metric] + (f"\nafter {count(space.rungs[0], 'epoch')}" if space.halving else "")


def count(number: int, noun: str) -> str:
    """A number of things: "1 epoch", "2 epochs"."""
    return f"{number} {noun}" + ("s" if number != 1 else "")


def scale_end(final: pd.Series, metric: str) -> float:
    """The upper end of a scale for these values.

    A loss has no upper bound, and one failed run must not make all others look alike: its scale ends at the latest
    five times as far from the best loss as the median is.
    """
    spread = final.median() - final.min()
    return float(min(final.max(), final.min() + 5 * spread) if metric == "val_loss" and spread else final.max())


def set_numeric_scale(axes: Axes, direction: Literal["x", "y"], space: Space, parameter: str) -> None:
    """Give an axis of the panel the hyper-parameter's `Space.scale`, and small ticks."""
    scale = space.scale(parameter)
    values = [float(value) for value in space.values[parameter]]
    positive = [value for value in values if value > 0]
    more = {"linthresh": positive[0]} if scale == "symlog" else {}
    (axes.set_xscale if direction == "x" else axes.set_yscale)(scale, **more)
    axes.tick_params(axis=direction, labelsize="small")
    if scale != "linear":
        set_decimal_ticks(axes.xaxis if direction == "x" else axes.yaxis, values[0], values[-1])


def set_decimal_ticks(axis: Axis, low: float, high: float) -> None:
    """Name the ticks of a log scale between these ends by decimals, "0.001" instead of a power, as many as fit; of one
    that starts at 0, the powers of ten alone."""
    if high < (20 if isinstance(axis, XAxis) else 500) * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    elif high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def set_value_ticks(
    axis: Axis, values: Sequence[Value], room: float = math.inf, remarks: Mapping[Any, str] | None = None
) -> None:
    """Name the positions 0, 1, … by these values and their remarks.

    Of numbers that do not fit, in number or in `room` characters beside each other, only every second, third, … has its
    name. Names that do not fit are aslant.
    """
    names = [value_name(value) for value in values]
    labels = [name + (remarks or {}).get(value, "") for name, value in zip(names, values, strict=True)]
    if isinstance(values[0], str):
        aslant: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
        axis.set_ticks(range(len(values)), labels, fontsize="small", **(aslant if _width(names) > room else {}))
        return
    step = tick_step(values, room)
    axis.set_ticks(range(0, len(values), step), labels[::step], fontsize="small")


def tick_step(values: Sequence[Value], room: float) -> int:
    """The step from a number with a name to the next one, so that names fit, in number and in `room` characters."""
    return max(math.ceil(len(values) / MOST_TICKS), math.ceil(_width([*map(value_name, values)]) / room))


def _width(names: Sequence[str]) -> int:
    """The characters that names beside each other take up."""
    return len(names) * (max(map(len, names)) + 2)
