"""Heat maps: a final validation metric over learning rate and dropout rate."""

from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sweep.figures.space import (
    CHARACTERS,
    MOST_PANELS,
    asked_table,
    assignment,
    is_continuous,
    parameter_words,
    scale_end,
    set_numeric_scale,
    set_value_ticks,
)
from sweep.figures.style import COLOURS, fold, open_axes
from sweep.grid import Space
from sweep.metrics import METRIC_LABELS, parameter_label

DOWN, ACROSS = "learning_rate", "dropout_rate"
# In more columns or rows of cells, numbers could not be read.
MOST_COLUMNS, MOST_ROWS = 12, 24
# The characters of titles that fit into the width of all panels.
TITLE_CHARACTERS = 64


def draw_heatmap(configurations: pd.DataFrame, space: Space, model: str, metric: str) -> Figure:
    """The final `metric` of `model` over learning rate and dropout rate, a number a cell; brighter is better.

    Each combination of the other hyper-parameters that vary has a panel. If these are more than `MOST_PANELS`, there is
    one panel with the best over them in each cell, and the title says so. The best cell has a frame, and so has each
    that equals it. A cell without a number is hatched if it diverged, has a dash if it is asked for but not in
    `configurations`, the table of that name, as in an unfinished sweep, and is blank if the search space lacks it.

    If less than half of the cells would be filled, and a rate has so many values that it `is_continuous`, the
    configurations are points in a plane of numbers instead, with the same colours and frame.
    """
    table = asked_table(configurations, space, model)
    pairs = len(table[[DOWN, ACROSS]].drop_duplicates())
    sparse = pairs < len(space.values[DOWN]) * len(space.values[ACROSS]) / 2
    scattered = sparse and any(is_continuous(space, rate) for rate in (DOWN, ACROSS))
    parts, remarks = split_table(table, space, scattered)
    figure, panels, titles, numbers = make_panels(list(parts), space, scattered)
    loss = metric == "val_loss"
    end = scale_end(table[metric], metric)
    scale = ScalarMappable(Normalize(table[metric].min(), end), "viridis_r" if loss else "viridis")
    best = table[metric].min() if loss else table[metric].max()
    found = set()
    for axes, title, part in zip(panels, titles, parts.values(), strict=True):
        axes.set_title(title, fontsize="medium")
        if scattered:
            found |= draw_points(axes, part, metric, scale, best)
        else:
            found |= draw_cells(axes, part, space, metric, scale, best, numbers)
    if table[metric].notna().any():
        beyond = "max" if table[metric].max() > end else "neither"
        figure.colorbar(scale, ax=figure.axes, label=METRIC_LABELS[metric], extend=beyond, aspect=25, pad=0.02)
    figure.supxlabel(parameter_label(ACROSS), fontsize="medium")
    figure.supylabel(parameter_label(DOWN), fontsize="medium")
    remarks = [*remarks, "; ".join(sorted(found))]
    figure.suptitle("\n".join(fold(remark, CHARACTERS) for remark in remarks if remark), fontsize="small")
    return figure


def split_table(table: pd.DataFrame, space: Space, scattered: bool) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The part of the table in each panel, by the panel's title, and what is to be said of a panel for all."""
    others = [name for name in space.varying if name not in (DOWN, ACROSS)]
    if not others:
        return {assignment({"batch_size": space.values["batch_size"][0]}): table}, []
    parts: dict[Any, pd.DataFrame] = dict(list(table.groupby(others, sort=False)))
    if len(parts) > MOST_PANELS:
        combinations = f"{len(parts)} combinations of {parameter_words(others)}"
        return {"": table}, [f"all {combinations}" if scattered else f"the best over {combinations}"]
    named = [dict(zip(others, values, strict=True)) for values in parts]
    named.sort(key=lambda each: [space.values[name].index(value) for name, value in each.items()])
    return {assignment(each): parts[tuple(each.values())] for each in named}, []


def make_panels(titles: list[str], space: Space, scattered: bool) -> tuple[Figure, list[Axes], list[str], bool]:
    """A figure, a panel for each of the titles, the titles in the width of a panel, and whether cells have room for
    numbers."""
    rows, columns = len(space.values[DOWN]), len(space.values[ACROSS])
    # A part of a title is never broken: it is what the panel is narrowest for.
    longest = max(len(part) for title in titles for part in f"{title} ".split(", "))
    across = max(1, min(len(titles), 2 if scattered else 10 // columns, TITLE_CHARACTERS // longest))
    down = ceil(len(titles) / across)
    folded = [fold(title, TITLE_CHARACTERS // across) for title in titles]
    numbers = across * columns <= MOST_COLUMNS and down * rows <= MOST_ROWS
    height = down * (0.5 + 0.17 * max(title.count("\n") for title in folded) + (2.2 if scattered else 0.36 * rows))
    if scattered:
        height = max(height, 3.6)
    elif not numbers:
        height = min(height, 8)
    figure = Figure(figsize=(6.8, 1 + max(1, height)), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat)
    # The last row may not be full: then the panels above its gap need tick labels of their own.
    for axes in panels[len(titles) - across : len(titles)]:
        axes.tick_params(labelbottom=True)
    for axes in panels[len(titles) :]:
        axes.set_axis_off()
    for axes in panels[: len(titles)]:
        if scattered:
            set_numeric_scale(axes, "x", space, ACROSS)
            set_numeric_scale(axes, "y", space, DOWN)
            open_axes(axes)
        else:
            set_value_ticks(axes.xaxis, space.values[ACROSS], CHARACTERS * 3 // 4 // across)
            set_value_ticks(axes.yaxis, space.values[DOWN])
    return figure, panels[: len(titles)], folded, numbers


def draw_cells(
    axes: Axes, part: pd.DataFrame, space: Space, metric: str, scale: ScalarMappable, best: float, numbers: bool
) -> set[str]:
    """Fill a panel, each cell with the best of its configurations in this part of the table. Returns what its marks
    stand for."""
    cells = part.groupby([DOWN, ACROSS])
    finals = cells[metric].min() if metric == "val_loss" else cells[metric].max()
    missing = finals.isna() & (part["state"] == "missing").groupby([part[DOWN], part[ACROSS]]).any()
    kinds = pd.Series("finished", finals.index).mask(finals.isna(), "diverged").mask(missing, "missing")
    rows, columns = space.values[DOWN], space.values[ACROSS]
    values, kind = (cell.unstack().reindex(index=rows, columns=columns).to_numpy() for cell in (finals, kinds))  # noqa: PD010  one a cell
    edges = [np.arange(len(each) + 1) - 0.5 for each in (columns, rows)]
    axes.pcolormesh(*edges, scale.to_rgba(np.ma.masked_invalid(values)))
    if (hatched := kind == "diverged").any():
        grey = ListedColormap(["#e6e6e6"])
        axes.pcolor(*edges, np.ma.masked_where(~hatched, np.zeros(values.shape)), cmap=grey, hatch="////")
    down, across = np.nonzero(kind == "missing")
    axes.plot(across, down, linestyle="", marker="_", color="black", markersize=6 if numbers else 3)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for row, column in np.argwhere(values == best):
        frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, clip_on=False, zorder=3)
        frame.set(edgecolor=COLOURS[1], linewidth=2.5)
        axes.add_patch(frame)
    if numbers:
        for row, column in np.argwhere(~np.isnan(values)):
            value = values[row, column]
            red, green, blue, _ = scale.to_rgba(value)
            colour = "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "black"
            axes.text(column, row, short_number(value), color=colour, ha="center", va="center", fontsize="small")
    blank = {"blank: not in the search space"} if pd.isna(kind).any() else set()
    return (
        blank | ({"hatched: diverged"} if hatched.any() else set()) | ({"dash: not finished"} if len(down) else set())
    )


def draw_points(axes: Axes, part: pd.DataFrame, metric: str, scale: ScalarMappable, best: float) -> set[str]:
    """Draw the configurations of a part of the table as points, the best in front. Returns what its marks stand for."""
    remarks = set()
    for state, marker, remark in (("diverged", "x", "cross: diverged"), ("missing", "_", "dash: not finished")):
        if len(rest := part.loc[part["state"] == state]):
            axes.plot(rest[ACROSS], rest[DOWN], linestyle="", marker=marker, color="grey", markersize=5)
            remarks.add(remark)
    finished = part.loc[part["state"] == "finished"].sort_values(metric, ascending=metric == "val_acc")
    size = 70 if len(finished) < 200 else 15
    axes.scatter(
        finished[ACROSS].astype(float),
        finished[DOWN].astype(float),
        s=size,
        c=scale.to_rgba(finished[metric].to_numpy()),
        edgecolors="white",
        linewidths=0.4,
    )
    framed = finished.loc[finished[metric] == best]
    axes.plot(
        framed[ACROSS],
        framed[DOWN],
        linestyle="",
        marker="s",
        markersize=12,
        fillstyle="none",
        markeredgewidth=2.5,
        color=COLOURS[1],
    )
    return remarks


def short_number(value: float) -> str:
    """A number in the width of a cell: "0.520", "12.346", "1e+06"."""
    return f"{value:.3f}" if value < 100 else f"{value:.3g}"
