"""Learning curves: of a model's best configurations, and of a study's model and variant."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.figures.style import COLOURS, LINE_STYLES, legend_columns
from sweep.grid import rate_name
from sweep.metrics import METRIC_LABELS
from sweep.studies import variant_of

# What the model has, and what its variant has instead.
KINDS = {"ablation": ("BN", "no BN"), "dropout_kind": ("channels", "elements")}


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


def study_curves(epochs: pd.DataFrame, configurations: pd.DataFrame, study: str, model: str, metric: str) -> Figure:
    """`metric` over epochs of a study's configurations of `model`, solid, and of its variant, dashed; a colour for each
    dropout rate. `epochs` and `configurations` are the study's tables of those names."""
    rates = sorted(configurations.loc[configurations["model"] == model, "dropout_rate"].unique())
    rows, curves = [], []
    for position, (name, kind) in enumerate(zip((model, variant_of(study, model)), KINDS[study], strict=True)):
        part = configurations.loc[configurations["model"] == name]
        ranks = position * len(rates) + part["dropout_rate"].map(rates.index)
        labels = part["dropout_rate"].map(lambda rate, kind=kind: f"{kind}, dropout {rate_name(rate)}")
        rows.append(part.assign(model=study, name=labels, rank=ranks))
        names = dict(zip(part["name"], labels, strict=True))
        of_model = epochs.loc[epochs["model"] == name]
        curves.append(of_model.assign(model=study, name=of_model["name"].map(names)))
    return learning_curves(pd.concat(curves), pd.concat(rows), study, metric, 2 * len(rates), len(rates))
