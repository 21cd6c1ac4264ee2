"""Learning curves of a model's best configurations."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.files import replacing
from sweep.metrics import METRIC_LABELS

# Okabe & Ito's colours for all kinds of colour vision, without yellow (too pale in print) and black; the line style
# changes with each turn of the colours, so that no two of the first 24 curves look alike in grey either.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
LINE_STYLES = ["solid", "dashed", "dotted", "dashdot"]
# A line of the legend, in characters of its names; a column adds those that its line and gaps take up.
LEGEND_WIDTH, COLUMN_EXTRA = 84, 5


def learning_curves(
    epochs: pd.DataFrame,
    configurations: pd.DataFrame,
    model: str,
    metric: str,
    top: int,
    colours: int = len(COLOURS),
) -> Figure:
    """One panel: `metric` over epochs, counted from 0, of the `top` best configurations of `model`, each the mean over
    its seeds in a band of ± a standard deviation. It ends where the first of them diverged. A configuration's rank
    decides its colour and style, so they are the same in all figures of the model.

    `epochs` and `configurations` are the tables of those names; the line style changes after so many `colours`.
    """
    best = configurations.loc[configurations["model"] == model].nsmallest(top, "rank")
    names, seeds = best["name"], best.set_index("name")["runs"]
    curves = epochs.loc[epochs["model"] == model].groupby(["name", "epoch"])[metric].agg(["mean", "std", "count"])
    figure = Figure(figsize=(6.8, 4.6), layout="constrained")
    axes = figure.subplots()
    for position, name in enumerate(names):
        # A run that diverged in its first epoch has no rows; its name still belongs in the legend.
        curve = curves.xs(name) if name in curves.index.get_level_values("name") else curves.iloc[:0].droplevel("name")
        curve = curve[curve["count"] == seeds[name]]
        turn, place = divmod(position, colours)
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(curve.index, curve["mean"], label=name, color=colour, linestyle=LINE_STYLES[turn % 4])
        if seeds[name] > 1:
            edges = (curve["mean"] - curve["std"], curve["mean"] + curve["std"])
            axes.fill_between(curve.index, *edges, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlabel("Epoch")
    axes.set_ylabel(METRIC_LABELS[metric])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(
        loc="outside upper center",
        ncols=legend_columns(names),
        frameon=False,
        labelcolor="linecolor",
        fontsize="small",
    )
    return figure


def legend_columns(names: Iterable[str]) -> int:
    """How many columns of these names a legend of a figure's width holds."""
    return max(1, min(5, LEGEND_WIDTH // (max(map(len, names)) + COLUMN_EXTRA)))


def save_figure(figure: Figure, file: Path) -> None:
    """Write a figure, its format by the file's suffix; text stays text in an SVG, and neither file holds a date or a
    random id: the same tables give the same bytes."""
    with replacing(file) as temporary, rc_context({"svg.fonttype": "none", "svg.hashsalt": "sweep"}):
        figure.savefig(temporary, dpi=200, metadata={"Date": None} if file.suffix == ".svg" else None)
