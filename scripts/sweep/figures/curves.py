"""Learning curves: of a model's best configurations in a sweep, and of its configurations in a study."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sweep.figures.space import MOST_CURVES, asked_table, assignment
from sweep.figures.style import COLOURS, LINE_STYLES, add_legend, line_style, open_axes
from sweep.grid import MAIN, Space
from sweep.metrics import METRIC_LABELS


def draw_learning_curves(
    epochs: pd.DataFrame, configurations: pd.DataFrame, space: Space, model: str, metric: str, top: int
) -> Figure:
    """`metric` over the epochs of the `top` best configurations of `model`.

    A configuration's rank decides its colour and line style, so they are the same in all figures of the model.
    `epochs` and `configurations` are the tables of those names.
    """
    table = asked_table(configurations, space, model)
    best = table.loc[table["state"] != "missing"].head(top)
    looks = [line_style(position) for position in range(len(best))]
    return draw_curves(epochs.loc[epochs["model"] == model], best, list(best["name"]), looks, metric)


def draw_study_curves(
    epochs: pd.DataFrame, configurations: pd.DataFrame, space: Space, model: str, metric: str, top: int
) -> Figure:
    """`metric` over the epochs of a study's configurations of `model`, in the order of the search space, named by what
    differs between them.

    If there are more than MOST_CURVES and more than `top` of them, only the best are drawn, and the title says so. The
    last of the further hyper-parameters that vary decides the line style, solid for its first value, and all others the
    colour. If one of these has more values than there are looks, both change from curve to curve.
    """
    table = asked_table(configurations, space, model)
    finished = table.loc[table["state"] != "missing"]
    drawn = finished.head(max(top, MOST_CURVES))
    title = f"the {len(drawn)} best of {len(finished)} configurations" if len(drawn) < len(finished) else ""
    styled = [name for name in space.varying if name not in MAIN][-1:]
    coloured = [name for name in space.varying if name not in styled]
    if space.varying:
        drawn = drawn.sort_values(
            styled + coloured, key=lambda column: column.map(space.values[str(column.name)].index)
        )
    names = [assignment(row) for row in drawn[space.varying].to_dict("records")] if space.varying else drawn["name"]
    turns, places = ([tuple(row) for row in drawn[each].to_numpy()] for each in (styled, coloured))
    turn_of, place_of = ({value: k for k, value in enumerate(dict.fromkeys(each))} for each in (turns, places))
    looks = [line_style(position) for position in range(len(drawn))]
    if len(turn_of) <= len(LINE_STYLES) and len(place_of) <= len(COLOURS):
        looks = [
            {"color": COLOURS[place_of[place]], "linestyle": LINE_STYLES[turn_of[turn]]}
            for place, turn in zip(places, turns, strict=True)
        ]
    return draw_curves(epochs.loc[epochs["model"] == model], drawn, list(names), looks, metric, title)


def draw_curves(
    epochs: pd.DataFrame,
    configurations: pd.DataFrame,
    names: Sequence[str],
    looks: Sequence[dict[str, Any]],
    metric: str,
    title: str = "",
) -> Figure:
    """One panel: `metric` over epochs, counted from 0, of these configurations in their order, with their names and
    looks (keywords of `Axes.plot`), below a legend with this title.

    A curve is the mean over the seeds, in a band of ± one standard deviation where there are several. It ends before
    the epoch in which the first of its runs diverged.
    """
    drawn = epochs.loc[epochs["name"].isin(configurations["name"])]
    curves = drawn.groupby(["name", "epoch"])[metric].agg(["mean", "std", "count"])
    figure = Figure(figsize=(6.8, 4.6), layout="constrained")
    axes = figure.subplots()
    entries: dict[str, Any] = {}
    rows = zip(configurations["name"], configurations["runs"], names, looks, strict=True)
    for configuration, runs, name, look in rows:
        # A configuration whose runs all diverged in their first epoch has no rows, but its name is in the legend.
        has_rows = configuration in curves.index.get_level_values("name")
        curve = curves.xs(configuration) if has_rows else curves.iloc[:0].droplevel("name")
        curve = curve[curve["count"] == runs]
        marker = "o" if len(curve) == 1 else None  # a line of one epoch would not be seen
        (entries[name],) = axes.plot(curve.index, curve["mean"], label=name, marker=marker, **look)
        if runs > 1:
            edges = (curve["mean"] - curve["std"], curve["mean"] + curve["std"])
            axes.fill_between(curve.index, *edges, color=look["color"], alpha=0.15, linewidth=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if curves.empty:
        axes.set(xticks=[], yticks=[])
    axes.set_xlabel("Epoch")
    axes.set_ylabel(METRIC_LABELS[metric])
    open_axes(axes)
    add_legend(figure, entries, title)
    return figure
