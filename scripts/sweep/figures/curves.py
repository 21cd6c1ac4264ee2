"""Learning curves: of a model's best configurations, and of a study's model and variant."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.figures.style import COLOURS, add_legend, line_style, open_axes
from sweep.grid import rate_name
from sweep.metrics import METRIC_LABELS
from sweep.studies import variant_of

# By study: the legend's word for the model, and that for its variant.
STUDY_LABELS = {"ablation": ("BN", "no BN"), "dropout_kind": ("channels", "elements")}


def draw_learning_curves(
    epochs: pd.DataFrame, configurations: pd.DataFrame, model: str, metric: str, top: int
) -> Figure:
    """`metric` over the epochs of the `top` best configurations of `model`.

    A configuration's rank decides its colour and line style, so they are the same in all figures of the model.
    `epochs` and `configurations` are the tables of those names.
    """
    best = configurations.loc[configurations["model"] == model].nsmallest(top, "rank")
    return draw_curves(epochs.loc[epochs["model"] == model], best, metric)


def draw_study_curves(
    epochs: pd.DataFrame, configurations: pd.DataFrame, study: str, model: str, metric: str
) -> Figure:
    """`metric` over the epochs of a study's configurations, solid for `model` and dashed for its variant.

    Each dropout rate has a colour. `epochs` and `configurations` are the study's tables of those names.
    """
    rows: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    for name, word in zip((model, variant_of(study, model)), STUDY_LABELS[study], strict=True):
        part = configurations.loc[configurations["model"] == name].sort_values("dropout_rate")
        legend = [f"{word}, dropout {rate_name(rate)}" for rate in part["dropout_rate"]]
        names = dict(zip(part["name"], legend, strict=True))
        epochs_of_part = epochs.loc[epochs["model"] == name]
        rows.append(part.assign(name=legend))
        curves.append(epochs_of_part.assign(name=epochs_of_part["name"].map(names)))
    return draw_curves(pd.concat(curves), pd.concat(rows), metric, len(rows[0]))


def draw_curves(epochs: pd.DataFrame, configurations: pd.DataFrame, metric: str, colours: int = len(COLOURS)) -> Figure:
    """One panel: `metric` over epochs, counted from 0, of these configurations in their order.

    A curve is the mean over the seeds, in a band of ± one standard deviation where there are several. It ends before
    the epoch in which the first of its runs diverged. The tables have one name for each curve; the line style changes
    after so many `colours`.
    """
    curves = epochs.groupby(["name", "epoch"])[metric].agg(["mean", "std", "count"])
    figure = Figure(figsize=(6.8, 4.6), layout="constrained")
    axes = figure.subplots()
    for position, (name, runs) in enumerate(zip(configurations["name"], configurations["runs"], strict=True)):
        # A configuration whose runs all diverged in their first epoch has no rows, but its name is in the legend.
        curve = curves.xs(name) if name in curves.index.get_level_values("name") else curves.iloc[:0].droplevel("name")
        curve = curve[curve["count"] == runs]
        style = line_style(position, colours)
        axes.plot(curve.index, curve["mean"], label=name, **style)
        if runs > 1:
            edges = (curve["mean"] - curve["std"], curve["mean"] + curve["std"])
            axes.fill_between(curve.index, *edges, color=style["color"], alpha=0.15, linewidth=0)
    axes.set_xlabel("Epoch")
    axes.set_ylabel(METRIC_LABELS[metric])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    open_axes(axes)
    add_legend(figure, configurations["name"])
    return figure
