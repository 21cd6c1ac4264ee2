"""What the hyper-parameters do to a model's final validation metrics: heat maps, and plots of one parameter's effect.

A final metric is that of the last epoch, as the mean over the seeds. It is NaN for a configuration with a run that
diverged.
"""

from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sweep.figures.style import COLOURS, add_legend, line_style, open_axes
from sweep.grid import rate_name
from sweep.metrics import HEATMAPS, METRIC_LABELS

PARAMETER_LABELS = {"batch_size": "Batch size", "learning_rate": "Learning rate", "dropout_rate": "Dropout rate"}
# A figure of more panels, curves or ticks could not be read; nor could the numbers in more columns or rows of cells.
MOST_PANELS, MOST_CURVES, MOST_TICKS, MOST_COLUMNS, MOST_ROWS = 12, 12, 12, 12, 24


def draw_heatmap(configurations: pd.DataFrame, model: str, metric: str) -> Figure:
    """A panel for each batch size: the final `metric` of `model` over learning rate and dropout rate, a number a cell.

    Brighter is better. The best cell has a frame, and so has each that equals it. A hatched cell stands for a
    configuration with a run that diverged, a dash for one that is not in `configurations`, the table of that name.
    """
    table = configurations.loc[configurations["model"] == model].sort_values("rank")
    sizes, title = values_of_the_best(table, "batch_size", MOST_PANELS)
    table = table.loc[table["batch_size"].isin(sizes)]
    final = final_metric(table, metric)
    rows, columns = (sorted(table[name].unique()) for name in ("learning_rate", "dropout_rate"))
    figure, panels, numbers = make_panels(len(sizes), len(rows), len(columns))
    loss = metric == "val_loss"
    end = scale_end(final, metric)
    scale = ScalarMappable(Normalize(final.min(), end), "viridis_r" if loss else "viridis")
    for axes, size in zip(panels, sizes, strict=True):
        part = table.loc[table["batch_size"] == size]
        cells, diverged = (
            pivot_values(part, values, ["learning_rate"], "dropout_rate").reindex(rows, columns=columns)
            for values in (final, table["diverged"])
        )
        draw_cells(axes, cells, diverged, scale, numbers)
        axes.set_title(f"batch size {size}", fontsize="medium")
        set_value_ticks(axes.xaxis, columns)
        set_value_ticks(axes.yaxis, rows)
    if final.notna().any():
        for _, best in table.loc[final == (final.min() if loss else final.max())].iterrows():
            corner = (columns.index(best["dropout_rate"]) - 0.5, rows.index(best["learning_rate"]) - 0.5)
            frame = Rectangle(corner, 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=2.5, clip_on=False, zorder=3)
            panels[sizes.index(best["batch_size"])].add_patch(frame)
        beyond = "max" if final.max() > end else "neither"
        figure.colorbar(scale, ax=figure.axes, label=METRIC_LABELS[metric], extend=beyond, aspect=25, pad=0.02)
    figure.supxlabel(PARAMETER_LABELS["dropout_rate"], fontsize="medium")
    figure.supylabel(PARAMETER_LABELS["learning_rate"], fontsize="medium")
    figure.suptitle(title, fontsize="small")
    return figure


def make_panels(count: int, rows: int, columns: int) -> tuple[Figure, list[Axes], bool]:
    """A figure of `count` panels of rows × columns cells, its panels, and whether the cells have room for numbers."""
    across = min(count, max(1, 10 // columns))
    down = ceil(count / across)
    numbers = across * columns <= MOST_COLUMNS and down * rows <= MOST_ROWS
    height = down * (0.5 + 0.36 * rows)
    figure = Figure(figsize=(6.8, 1 + max(1, height if numbers else min(height, 8))), layout="constrained")
    panels = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat)
    # The last row may not be full: then the panels above its gap need tick labels of their own.
    for axes in panels[count - across : count]:
        axes.tick_params(labelbottom=True)
    for axes in panels[count:]:
        axes.set_axis_off()
    return figure, panels[:count], numbers


def draw_cells(axes: Axes, cells: pd.DataFrame, diverged: pd.DataFrame, scale: ScalarMappable, numbers: bool) -> None:
    """Fill a panel with `cells`; hatched is each in which runs `diverged`, and NaN stands for a missing one."""
    values, hatched = np.ma.masked_invalid(cells.to_numpy()), diverged.to_numpy() > 0
    edges = [np.arange(size + 1) - 0.5 for size in (values.shape[1], values.shape[0])]
    axes.pcolormesh(*edges, scale.to_rgba(values))
    if hatched.any():
        grey = ListedColormap(["#e6e6e6"])
        axes.pcolor(*edges, np.ma.masked_where(~hatched, np.zeros(values.shape)), cmap=grey, hatch="////")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if numbers:
        for (row, column), value in np.ndenumerate(cells.to_numpy()):
            if not hatched[row, column]:
                red, green, blue, _ = scale.to_rgba(value)
                dark = not np.isnan(value) and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
                text, colour = short_number(value), "white" if dark else "black"
                axes.text(column, row, text, color=colour, ha="center", va="center", fontsize="small")


def draw_effect(configurations: pd.DataFrame, model: str, parameter: str) -> Figure:
    """Two panels, val_acc and val_loss: the model's final metric against `parameter`, its values in equal steps.

    A thin line joins the configurations that differ in `parameter` only, in the colour of their learning rate; it has a
    gap where one diverged. A thick line is the median of those thin lines of a learning rate that have no gap, so that
    the same configurations count at each value. `configurations` is the table of that name.
    """
    table = configurations.loc[configurations["model"] == model].sort_values("rank")
    rates, title = values_of_the_best(table, "learning_rate", MOST_CURVES)
    table = table.loc[table["learning_rate"].isin(rates)]
    values = sorted(table[parameter].unique())
    (other,) = {"batch_size", "dropout_rate"} - {parameter}
    diverged = table.loc[table["diverged"] > 0, parameter].value_counts()
    remarks: dict[Any, str] = {value: f"\n{count}\ndiverged" for value, count in diverged.items()}
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), HEATMAPS.values(), strict=True):
        final = final_metric(table, metric)
        lines = pivot_values(table, final, ["learning_rate", other], parameter)
        for position, rate in enumerate(rates):
            style = line_style(position)
            thin = lines.loc[rate]
            # All thin lines are drawn as one line with gaps: a thousand lines would take seconds.
            gaps = np.insert(thin.to_numpy(), len(values), np.nan, axis=1).ravel()
            places = np.tile(np.arange(len(values) + 1), len(thin))
            axes.plot(places, gaps, **style, linewidth=0.8, alpha=0.45, marker=".", markersize=3)
            name = rate_name(rate) if metric == "val_acc" else None  # once in the legend
            axes.plot(thin.dropna().median().to_numpy(), **style, linewidth=2.2, marker="o", markersize=5, label=name)
        if final.max() > (end := scale_end(final, metric)):
            axes.set_ylim(final.min() - 0.05 * (end - final.min()), end)
        if final.isna().all():
            axes.set_yticks([])
        set_value_ticks(axes.xaxis, values, remarks)
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(PARAMETER_LABELS[parameter])
        axes.set_ylabel(METRIC_LABELS[metric])
        open_axes(axes)
    add_legend(figure, [rate_name(rate) for rate in rates], title or PARAMETER_LABELS["learning_rate"])
    return figure


def values_of_the_best(table: pd.DataFrame, column: str, most: int) -> tuple[list[Any], str]:
    """The values of `column`, in rising order. If there are more than `most`, only those of the best configurations,
    with a title that says so; else the title is empty. `table` is in the order of the ranks."""
    found = table[column].drop_duplicates()
    title = f"{most} of {len(found)} {column.replace('_', ' ')}s, those of the best configurations"
    return sorted(found[:most]), title if len(found) > most else ""


def final_metric(table: pd.DataFrame, metric: str) -> pd.Series:
    """The final `metric` of each configuration; NaN if one of its runs diverged, even if other seeds did not."""
    return table[f"last_{metric}"].where(table["diverged"] == 0)


def pivot_values(table: pd.DataFrame, values: pd.Series, rows: list[str], columns: str) -> pd.DataFrame:
    """The configurations' `values` in a table with a row for each combination of `rows`."""
    return table.assign(values=values).pivot(index=rows, columns=columns, values="values")  # noqa: PD010  one a cell


def scale_end(final: pd.Series, metric: str) -> float:
    """The upper end of a scale for these values.

    A loss has no upper bound, and one failed run must not make all others look alike: its scale ends at the latest
    five times as far from the best loss as the median is.
    """
    spread = final.median() - final.min()
    return float(min(final.max(), final.min() + 5 * spread) if metric == "val_loss" and spread else final.max())


def set_value_ticks(axis: Axis, values: list[float], remarks: dict[Any, str] | None = None) -> None:
    """Name the positions 0, 1, … by these values and their remarks; if there are many, only every second, third, …"""
    step = ceil(len(values) / MOST_TICKS)
    names = [str(value) if isinstance(value, int | np.integer) else rate_name(value) for value in values]
    labels = [name + (remarks or {}).get(value, "") for name, value in zip(names, values, strict=True)]
    axis.set_ticks(range(0, len(values), step), labels[::step], fontsize="small")


def short_number(value: float) -> str:
    """A number in the width of a cell: "0.520", "12.346", "1e+06"; a dash for NaN."""
    if np.isnan(value):
        return "–"
    return f"{value:.3f}" if value < 100 else f"{value:.3g}"
