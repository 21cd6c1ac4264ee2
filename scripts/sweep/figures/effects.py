"""The effect of one hyper-parameter on a model's final validation metrics."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.figures.space import (
    CHARACTERS,
    MOST_CURVES,
    asked_table,
    assignment,
    final_label,
    scale_end,
    set_decimal_ticks,
    set_numeric_scale,
    set_value_ticks,
    tick_step,
)
from sweep.figures.style import COLOURS, MOST_SHAPES, add_legend, fold, line_style, open_axes
from sweep.grid import Space, value_name
from sweep.metrics import HEATMAPS, effect_is_points, is_continuous, parameter_label

# The characters that fit below a panel, and the values that may have "3 diverged" below them, in two lines.
PANEL_CHARACTERS, MOST_REMARKS = 36, 5
# A median over neighbouring points is of a quarter of them, but of so many at the least.
FEWEST_NEIGHBOURS = 5


def draw_effect(configurations: pd.DataFrame, space: Space, model: str, parameter: str) -> Figure:
    """Two panels, val_acc and val_loss: the model's final metric against a hyper-parameter that varies.

    Its values are in equal steps, and thin lines join the configurations that differ in it alone: see `draw_lines`. But
    if `effect_is_points`, all are points, and a hyper-parameter that `is_continuous` has an axis of numbers: see
    `draw_points`. `configurations` is the table of that name.
    """
    table = asked_table(configurations, space, model)
    others = [name for name in space.varying if name != parameter]
    # The learning rate, which matters most, gives the colour, or another one if it does not vary or is shown already.
    ways = [name for name in ("learning_rate", "dropout_rate", "batch_size", *others) if name in others]
    colour = [*ways, "dropout_rate" if parameter == "learning_rate" else "learning_rate"][0]
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    panels = dict(zip(HEATMAPS.values(), figure.subplots(1, 2), strict=True))
    for metric, axes in panels.items():
        final = table[metric]
        if final.max() > (end := scale_end(final, metric)):
            axes.set_ylim(final.min() - 0.05 * (end - final.min()), end)
        if final.isna().all():
            axes.set_yticks([])
        axes.set_xlabel(parameter_label(parameter))
        axes.set_ylabel(final_label(space, metric))
        open_axes(axes)
    if effect_is_points(space, parameter):
        draw_points(figure, panels, table, space, parameter, colour)
    else:
        draw_lines(figure, panels, table, space, parameter, colour)
    return figure


def draw_lines(
    figure: Figure, panels: dict[str, Axes], table: pd.DataFrame, space: Space, parameter: str, colour: str
) -> None:
    """Draw a thin line for each group of configurations that differ in `parameter` alone, and a thick line, the
    `median_line`, for each value of the hyper-parameter `colour`, in whose colour both are.

    A thin line has a gap where a configuration diverged or is missing, and passes a value that the space does not have
    there. Of many values of `colour` only those of the best configurations are drawn. The legend's title says so, and
    where there is no median; and how many configurations diverged, if they are not counted below the values because
    these are too many.
    """
    values = space.values[parameter]
    found = list(table[colour].unique())
    drawn = sorted(found[:MOST_CURVES], key=space.values[colour].index)
    table = table.loc[table[colour].isin(drawn)]
    others = [name for name in space.varying if name != parameter]
    groups = table.groupby(others).ngroup() if others else pd.Series(0, table.index)
    colours = table.groupby(groups)[colour].first()
    places = table[parameter].map(values.index)
    asked = np.zeros((len(colours), len(values)), dtype=bool)
    asked[groups, places] = True
    diverged = table.loc[table["state"] == "diverged", parameter].value_counts()
    remarks: dict[Any, str] = {}
    if len(values) <= MOST_REMARKS and tick_step(values, PANEL_CHARACTERS) == 1:
        remarks = {value: f"\n{count}\ndiverged" for value, count in diverged.items()}
    legend: dict[str, Any] = {}
    unlike = False
    for metric, axes in panels.items():
        finals = np.full(asked.shape, np.nan)
        finals[groups, places] = table[metric]
        for position, value in enumerate(drawn):
            style = line_style(position)
            rows = (colours == value).to_numpy()
            # All thin lines are drawn as one line with gaps: a thousand lines would take seconds.
            shown = np.insert(asked[rows], len(values), True, axis=1).ravel()
            heights = np.insert(finals[rows], len(values), np.nan, axis=1).ravel()[shown]
            steps = np.tile(np.arange(len(values) + 1), rows.sum())[shown]
            axes.plot(steps, heights, **style, linewidth=0.8, alpha=0.45, marker=".", markersize=3)
            median = median_line(finals[rows], asked[rows])
            unlike |= median is None
            thick: dict[str, Any] = {"linewidth": 2.2, "marker": "o", "markersize": 5}
            (legend[value_name(value)],) = axes.plot(*(median or ([], [])), **style, **thick)
        set_value_ticks(axes.xaxis, values, PANEL_CHARACTERS, remarks)
        axes.set_xlim(-0.3, len(values) - 0.7)
    title = parameter_label(colour)
    if len(drawn) < len(found):
        title += f": {len(drawn)} of {len(found)} values, those of the best configurations"
    if unlike:
        title += "; no median where the lines of a colour have different values"
    if len(diverged) and not remarks:
        title += f"; {diverged.sum()} diverged"
    add_legend(figure, legend, fold(title, CHARACTERS))


def median_line(finals: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The places and heights of the median of those lines that have no gap, so that the same configurations count
    everywhere; both are empty if there is no such line.

    Each row of `finals` (floats) is a line, NaN where it has a gap or where the space has no configuration; `asked`
    (booleans of the same shape) says where it has one. A row with one configuration is no line. In an incomplete space
    the lines may have different values: then a median would compare other configurations at each value, and it is None.
    """
    whole = ~(asked & np.isnan(finals)).any(axis=1) & (asked.sum(axis=1) > 1)
    if not whole.any():
        return np.array([]), np.array([])
    first, *others = asked[whole]
    if any((first != other).any() for other in others):
        return None
    return np.flatnonzero(first), np.median(finals[whole][:, first], axis=0)


def draw_points(
    figure: Figure, panels: dict[str, Axes], table: pd.DataFrame, space: Space, parameter: str, colour: str
) -> None:
    """Draw each configuration as a point, in the colour of its value of the hyper-parameter `colour`, and medians.

    A continuous `parameter` has a running median, any other one a median for each value, whose points are side by side.
    At the top a cross stands for what diverged, and a triangle for a loss beyond the scale.
    """
    values = space.values[parameter]
    continuous = is_continuous(space, parameter)
    if continuous:
        places = table[parameter].astype(float)
        neighbours = min(len(table), max(FEWEST_NEIGHBOURS, len(table) // 4))
    else:
        # Steps of the golden ratio spread the points of a value evenly, however many there are.
        places = table[parameter].map(values.index) + (np.arange(len(table)) * 0.618 % 1 - 0.5) * 0.4
    paint, legend = paint_points(figure, table, space, colour)
    for metric, axes in panels.items():
        final = table[metric]
        many = len(table) > MOST_SHAPES
        axes.scatter(places, final, s=5 if many else 20, c=paint, alpha=0.7, linewidths=0, rasterized=many)
        # The points that diverged are marked at the top alone, which would leave them beyond the limits.
        axes.update_datalim([(place, 0) for place in places], updatey=False)
        beyond = final > scale_end(final, metric)
        for marker, word, marked in (
            ("x", "diverged", table["state"] == "diverged"),
            ("^", "beyond the scale", beyond),
        ):
            if marked.any():
                marks = Line2D(places[marked], np.ones(marked.sum()), linestyle="", marker=marker, color="grey")
                marks.set(markersize=4, clip_on=False, transform=axes.get_xaxis_transform())
                axes.add_artist(marks)
                legend[word] = marks
        middle: dict[str, Any] = {"color": "black", "linewidth": 1.8}
        if continuous:
            known = pd.DataFrame({"place": places, "final": final}).dropna().sort_values("place")
            medians = known.rolling(neighbours, center=True).median()
            (legend[f"median of {neighbours} neighbours"],) = axes.plot(medians["place"], medians["final"], **middle)
            set_numeric_scale(axes, "x", space, parameter)
        else:
            steps = final.groupby(table[parameter].map(values.index)).median()
            legend["median"] = axes.hlines(steps, steps.index - 0.3, steps.index + 0.3, **middle)
            set_value_ticks(axes.xaxis, values, PANEL_CHARACTERS)
            axes.set_xlim(-0.5, len(values) - 0.5)
    add_legend(figure, legend)


def paint_points(figure: Figure, table: pd.DataFrame, space: Space, colour: str) -> tuple[Any, dict[str, Any]]:
    """The colour of each row's point, and the legend's entries for them; many numbers have a bar of colours instead."""
    shades = space.values[colour]
    if len(shades) > len(COLOURS) and not isinstance(shades[0], str):
        low, high = float(shades[0]), float(shades[-1])
        logarithmic = space.scale(colour) == "log"
        scale = ScalarMappable(LogNorm(low, high) if logarithmic else Normalize(low, high), "viridis")
        bar = figure.colorbar(scale, ax=figure.axes, label=parameter_label(colour), aspect=25, pad=0.02)
        if logarithmic:
            set_decimal_ticks(bar.ax.yaxis, low, high)
        return scale.to_rgba(table[colour].to_numpy(dtype=float)), {}
    paint = {value: COLOURS[position % len(COLOURS)] for position, value in enumerate(shades)}
    entries: dict[str, Any] = {
        assignment({colour: value}): Line2D([], [], linestyle="", marker="o", markersize=4, color=shade)
        for value, shade in paint.items()
    }
    return [paint[value] for value in table[colour]], entries
