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
    final_label,
    parameter_words,
    scale_end,
    set_numeric_scale,
    set_value_ticks,
)
from sweep.figures.style import COLOURS, MOST_SHAPES, fold, open_axes
from sweep.grid import Space
from sweep.metrics import heatmaps_are_points, parameter_label

DOWN, ACROSS = "learning_rate", "dropout_rate"
# In more columns or rows of cells, numbers could not be read.
MOST_COLUMNS, MOST_ROWS = 12, 24
# The characters of titles that fit into the width of all panels.
TITLE_CHARACTERS = 74


def draw_heatmap(configurations: pd.DataFrame, space: Space, model: str, metric: str) -> Figure:
    """The final `metric` of `model` over learning rate and dropout rate, a number a cell; brighter is better.

    Each combination of the other hyper-parameters that vary has a panel. If these are more than `MOST_PANELS`, there is
    one panel with the best over them in each cell, and the title says so. The best cell has a frame, and so has each
    that equals it. A cell without a number is hatched if it diverged, has a dash if it is asked for but not in
    `configurations`, the table of that name, as in an unfinished sweep, and is blank if the search space lacks it.

    If `heatmaps_are_points`, the configurations are points in a plane of numbers instead, with the same colours and
    frame.
    """
    table = asked_table(configurations, space, model)
    scattered = heatmaps_are_points(space)
    parts, title = split_table(table, space)
    if title and not scattered:
        parts, title = {"": best_of_cells(table, metric)}, f"the best over {title}"
    elif title:
        title = f"all {title} in one panel"
    figure, panels, titles, numbers = make_panels(list(parts), space, scattered)
    scale, beyond, best = colour_scale(pd.concat(parts)[metric], metric)
    marks = set()
    for axes, words, part in zip(panels, titles, parts.values(), strict=True):
        axes.set_title(words, fontsize="medium")
        if scattered:
            marks |= draw_points(axes, part, metric, scale, best)
        else:
            marks |= draw_cells(axes, part, space, metric, scale, best, numbers)
    if table[metric].notna().any():
        figure.colorbar(scale, ax=figure.axes, label=final_label(space, metric), extend=beyond, aspect=25, pad=0.02)
    figure.supxlabel(parameter_label(ACROSS), fontsize="medium")
    figure.supylabel(parameter_label(DOWN), fontsize="medium")
    remarks = [fold(remark, CHARACTERS) for remark in (title, "; ".join(sorted(marks))) if remark]
    figure.suptitle("\n".join(remarks), fontsize="small")
    return figure


def split_table(table: pd.DataFrame, space: Space) -> tuple[dict[str, pd.DataFrame], str]:
    """The part of the table in each panel, by the panel's title; or one panel for all, and the words for all."""
    others = [name for name in space.varying if name not in (DOWN, ACROSS)]
    if not others:
        return {assignment({"batch_size": space.values["batch_size"][0]}): table}, ""
    count = len(table[others].drop_duplicates())
    if count > MOST_PANELS:
        return {"": table}, f"{count} combinations of {parameter_words(others)}"
    parts: dict[Any, pd.DataFrame] = dict(list(table.groupby(others, sort=False)))
    named = [dict(zip(others, values, strict=True)) for values in parts]
    named.sort(key=lambda each: [space.values[name].index(value) for name, value in each.items()])
    return {assignment(each): parts[tuple(each.values())] for each in named}, ""


def best_of_cells(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The best row of each pair of learning rate and dropout rate. Without a finished one it is missing if any is."""
    states = table["state"].map(["finished", "missing", "diverged"].index)
    loss = table[metric] if metric == "val_loss" else -table[metric]
    order = pd.DataFrame({"state": states, "loss": loss}).sort_values(["state", "loss"], kind="stable").index
    return table.loc[order].drop_duplicates([DOWN, ACROSS])


def colour_scale(final: pd.Series, metric: str) -> tuple[ScalarMappable, str, float]:
    """The colours of these values, the brightest for the best; at which end of them values lie beyond; and the best."""
    if metric == "val_loss":
        end = scale_end(final, metric)
        beyond = "max" if final.max() > end else "neither"
        return ScalarMappable(Normalize(final.min(), end), "viridis_r"), beyond, final.min()
    # Where all are equal, they are the best and bright.
    low = final.min() if final.min() < final.max() else final.min() - 0.05
    return ScalarMappable(Normalize(low, final.max()), "viridis"), "neither", final.max()


def make_panels(titles: list[str], space: Space, scattered: bool) -> tuple[Figure, list[Axes], list[str], bool]:
    """A figure, a panel for each of the titles, the titles in the width of a panel, and whether cells have room for
    numbers."""
    rows, columns = len(space.values[DOWN]), len(space.values[ACROSS])
    # A part of a title is never broken: it is what the panel is narrowest for.
    longest = max(len(part) for title in titles for part in f"{title} ".split(", "))
    across = max(1, min(len(titles), 2 if scattered else MOST_COLUMNS // columns, TITLE_CHARACTERS // longest))
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
    """Fill a panel with this part of the table, which has one row a cell. Returns what its marks stand for."""
    rows, columns = space.values[DOWN], space.values[ACROSS]
    cells = (part.pivot(index=DOWN, columns=ACROSS, values=name) for name in (metric, "state"))  # noqa: PD010  one a cell
    values, state = (cell.reindex(index=rows, columns=columns).to_numpy() for cell in cells)
    edges = [np.arange(len(each) + 1) - 0.5 for each in (columns, rows)]
    axes.pcolormesh(*edges, scale.to_rgba(np.ma.masked_invalid(values)), rasterized=values.size > MOST_SHAPES)
    if (hatched := state == "diverged").any():
        grey = ListedColormap(["#e6e6e6"])
        axes.pcolor(*edges, np.ma.masked_where(~hatched, np.zeros(values.shape)), cmap=grey, hatch="////")
    missing = state == "missing"
    down, across = np.nonzero(missing)
    axes.plot(across, down, linestyle="", marker="_", color="black", markersize=6 if numbers else 3)
    # Where cells at the edge have no colour, a thin line shows how far the panel goes.
    axes.spines[:].set(visible=bool(np.isnan(values).any()), color="#cccccc", linewidth=0.8)
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
    marks = {
        "hatched: diverged": hatched,
        "dash: not finished": missing,
        "blank: not in the search space": pd.isna(state),
    }
    return {words for words, shown in marks.items() if np.any(shown)}


def draw_points(axes: Axes, part: pd.DataFrame, metric: str, scale: ScalarMappable, best: float) -> set[str]:
    """Draw the configurations of a part of the table as points, the best in front. Returns what its marks stand for."""
    remarks = set()
    for state, marker, remark in (("diverged", "x", "cross: diverged"), ("missing", "_", "dash: not finished")):
        if len(rest := part.loc[part["state"] == state]):
            axes.plot(rest[ACROSS], rest[DOWN], linestyle="", marker=marker, color="grey", markersize=5)
            remarks.add(remark)
    finished = part.loc[part["state"] == "finished"].sort_values(metric, ascending=metric == "val_acc")
    across, down = (finished[name].to_numpy(dtype=float) for name in (ACROSS, DOWN))
    colours = scale.to_rgba(finished[metric].to_numpy())
    many = len(finished) > MOST_SHAPES
    axes.scatter(across, down, s=8 if many else 60, c=colours, edgecolors="white", linewidths=0.3, rasterized=many)
    framed = finished.loc[finished[metric] == best]
    frame: dict[str, Any] = {
        "marker": "s",
        "markersize": 12,
        "fillstyle": "none",
        "markeredgewidth": 2.5,
        "color": COLOURS[1],
    }
    axes.plot(framed[ACROSS], framed[DOWN], linestyle="", **frame)
    return remarks


def short_number(value: float) -> str:
    """A number in the width of a cell: "0.520", "12.346", "1e+06"."""
    return f"{value:.3f}" if value < 100 else f"{value:.3g}"
