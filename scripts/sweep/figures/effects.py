"""What the hyper-parameters do to a model's final validation figures: heat maps, and plots of one parameter's effect.

A final figure is the last epoch's, as the mean over the seeds. A configuration with a run that diverged has none.
"""

from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sweep.figures.style import COLOURS, LINE_STYLES, legend_columns
from sweep.grid import rate_name
from sweep.metrics import EFFECTS, HEATMAPS, METRIC_LABELS

PARAMETERS = {"batch_size": "Batch size", "learning_rate": "Learning rate", "dropout_rate": "Dropout rate"}
# More panels, curves or ticks cannot be told apart, and in more columns or rows of cells numbers cannot be read.
MOST_PANELS, MOST_CURVES, MOST_TICKS, MOST_COLUMNS, MOST_ROWS = 12, 12, 12, 12, 24


def effect_figure(configurations: pd.DataFrame, model: str, name: str) -> Figure:
    """The figure of that name, of HEATMAPS or EFFECTS. `configurations` is the table of that name."""
    table = configurations.loc[configurations["model"] == model].sort_values("rank")
    return heatmap(table, HEATMAPS[name]) if name in HEATMAPS else effect(table, EFFECTS[name])


def heatmap(table: pd.DataFrame, metric: str) -> Figure:
    """A panel a batch size: the final `metric` over learning rate and dropout rate, its number in each cell.

    The brighter the better; the best cell has a frame, and so have its equals. Hatched: a run diverged. A dash: there
    is no such run. `table`: a model's configurations.
    """
    sizes, title = of_the_best(table, "batch_size", MOST_PANELS)
    table = table.loc[table["batch_size"].isin(sizes)]
    final = final_values(table, metric)
    loss = metric == "val_loss"
    rows, columns = (sorted(table[name].unique()) for name in ("learning_rate", "dropout_rate"))
    across = min(len(sizes), max(1, 10 // len(columns)))
    down = ceil(len(sizes) / across)
    numbers = across * len(columns) <= MOST_COLUMNS and down * len(rows) <= MOST_ROWS
    height = down * (0.5 + 0.36 * len(rows))
    figure = Figure(figsize=(6.8, 1 + max(1, height if numbers else min(height, 8))), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flatten()
    norm = Normalize(final.min(), scale_end(final, metric))
    scale = ScalarMappable(norm, "viridis_r" if loss else "viridis")
    for axes, size in zip(panels, sizes, strict=False):
        part = table.loc[table["batch_size"] == size]
        cells, diverged = (
            over(part, values, ["learning_rate"], "dropout_rate").reindex(rows, columns=columns)
            for values in (final, table["diverged"])
        )
        draw_cells(axes, cells, diverged, scale, numbers)
        axes.set_title(f"batch size {size}", fontsize="medium")
        name_ticks(axes.xaxis, columns)
        name_ticks(axes.yaxis, rows)
    for axes in panels[len(sizes) - across : len(sizes)]:
        axes.tick_params(labelbottom=True)
    for axes in panels[len(sizes) :]:
        axes.set_axis_off()
    if final.notna().any():
        for _, best in table.loc[final == (final.min() if loss else final.max())].iterrows():
            corner = (columns.index(best["dropout_rate"]) - 0.5, rows.index(best["learning_rate"]) - 0.5)
            frame = Rectangle(corner, 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=2.5, clip_on=False, zorder=3)
            panels[sizes.index(best["batch_size"])].add_patch(frame)
        beyond = "max" if final.max() > scale_end(final, metric) else "neither"
        figure.colorbar(scale, ax=panels, label=METRIC_LABELS[metric], extend=beyond, aspect=25, pad=0.02)
    figure.supxlabel(PARAMETERS["dropout_rate"], fontsize="medium")
    figure.supylabel(PARAMETERS["learning_rate"], fontsize="medium")
    figure.suptitle(title, fontsize="small")
    return figure


def draw_cells(axes: Axes, cells: pd.DataFrame, diverged: pd.DataFrame, scale: ScalarMappable, numbers: bool) -> None:
    """A panel of `cells`, which are hatched where runs `diverged`; NaN is what is not there."""
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
                text, colour = short(value), "white" if dark else "black"
                axes.text(column, row, text, color=colour, ha="center", va="center", fontsize="small")


def effect(table: pd.DataFrame, parameter: str) -> Figure:
    """Two panels, val_acc and val_loss: the final figure against `parameter`, its values in equal steps.

    A thin line joins the configurations that differ in `parameter` only, in the colour of their learning rate; it has a
    gap where one diverged. A thick line is the median of a learning rate's thin ones that are whole, so that the same
    configurations count at each value. `table`: a model's configurations.
    """
    rates, title = of_the_best(table, "learning_rate", MOST_CURVES)
    table = table.loc[table["learning_rate"].isin(rates)]
    values = sorted(table[parameter].unique())
    (other,) = {"batch_size", "dropout_rate"} - {parameter}
    diverged = table.loc[table["diverged"] > 0, parameter].value_counts()
    remarks: dict[Any, str] = {value: f"\n{count}\ndiverged" for value, count in diverged.items()}
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    for axes, metric in zip(figure.subplots(1, 2), HEATMAPS.values(), strict=True):
        final = final_values(table, metric)
        lines = over(table, final, ["learning_rate", other], parameter)
        for position, rate in enumerate(rates):
            turn, colour = divmod(position, len(COLOURS))
            style: dict[str, Any] = {"color": COLOURS[colour], "linestyle": LINE_STYLES[turn]}
            thin = lines.loc[rate]
            # One line with gaps: a thousand of them would take seconds to draw.
            gaps = np.insert(thin.to_numpy(), len(values), np.nan, axis=1).ravel()
            places = np.tile(np.arange(len(values) + 1), len(thin))
            axes.plot(places, gaps, **style, linewidth=0.8, alpha=0.45, marker=".", markersize=3)
            label = rate_name(rate) if metric == "val_acc" else None
            axes.plot(thin.dropna().median().to_numpy(), **style, linewidth=2.2, marker="o", markersize=5, label=label)
        if final.max() > (end := scale_end(final, metric)):
            axes.set_ylim(final.min() - 0.05 * (end - final.min()), end)
        if final.isna().all():
            axes.set_yticks([])
        name_ticks(axes.xaxis, values, remarks)
        axes.set_xlim(-0.3, len(values) - 0.7)
        axes.set_xlabel(PARAMETERS[parameter])
        axes.set_ylabel(METRIC_LABELS[metric])
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        loc="outside upper center",
        title=title or PARAMETERS["learning_rate"],
        ncols=legend_columns(map(rate_name, rates)),
        frameon=False,
        labelcolor="linecolor",
        fontsize="small",
        title_fontsize="small",
    )
    return figure


def of_the_best(table: pd.DataFrame, column: str, most: int) -> tuple[list[Any], str]:
    """The values of `column`, from the lowest up; of more than `most` those of the best configurations, and a title
    that says so."""
    found = table[column].drop_duplicates()
    left_out = f"{most} of {len(found)} {column.replace('_', ' ')}s, those of the best configurations"
    return sorted(found[:most]), left_out if len(found) > most else ""


def final_values(table: pd.DataFrame, metric: str) -> pd.Series:
    """The final `metric` of each configuration; NaN where a run diverged, whatever the other seeds say."""
    return table[f"last_{metric}"].where(table["diverged"] == 0)


def over(table: pd.DataFrame, values: pd.Series, rows: list[str], columns: str) -> pd.DataFrame:
    """The configurations' `values` in a table with a row for each combination of `rows`."""
    return table.assign(values=values).pivot(index=rows, columns=columns, values="values")  # noqa: PD010  one a cell


def scale_end(final: pd.Series, metric: str) -> float:
    """The end of a scale of these values. A loss has no upper bound, and one run that failed must not make all others
    look alike: the scale ends five times as far from the best as the median at the latest."""
    spread = final.median() - final.min()
    return float(min(final.max(), final.min() + 5 * spread) if metric == "val_loss" and spread else final.max())


def name_ticks(axis: Any, values: list[float], remarks: dict[float, str] | None = None) -> None:
    """A tick at each of the positions 0, 1, … that has the value's name; of many, at some."""
    step = ceil(len(values) / MOST_TICKS)
    names = [str(value) if isinstance(value, int | np.integer) else rate_name(value) for value in values]
    labels = [name + (remarks or {}).get(value, "") for name, value in zip(names, values, strict=True)]
    axis.set_ticks(range(0, len(values), step), labels[::step], fontsize="small")


def short(value: float) -> str:
    """In the width of a cell: "0.520", "12.346", "1e+06"; a dash for what is not there."""
    if np.isnan(value):
        return "–"
    return f"{value:.3f}" if value < 100 else f"{value:.3g}"
