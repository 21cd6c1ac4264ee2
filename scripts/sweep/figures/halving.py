"""All learning curves of a model that is halved, each ending where it was stopped."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sweep.figures.space import CHARACTERS, count, scale_end
from sweep.figures.style import MOST_SHAPES, add_legend, fold, line_style, open_axes
from sweep.grid import Space
from sweep.metrics import METRIC_LABELS


def draw_halving(epochs: pd.DataFrame, configurations: pd.DataFrame, space: Space, model: str, metric: str) -> Figure:
    """One panel: `metric`, the one that ranks, over epochs, counted from 0, of every configuration of `model` in the
    tables `epochs` and `configurations`.

    A curve is the mean over the seeds, in the colour of the rung at which it ended; those of the last rung are the
    strongest. The dashed lines are the last epochs of the rungs. Where a run of a configuration diverged, its curve
    ends in a cross. A scale of losses ends at the `scale_end` of the curves' last or highest values.
    """
    own = configurations[configurations["model"] == model]
    histories = epochs[epochs["model"] == model]
    # A row a configuration, a column an epoch; an epoch more, of nothing, separates the rows in one line of all.
    means, counts = (
        histories.pivot_table(index="name", columns="epoch", values=metric, aggfunc=each).reindex(
            own["name"], columns=range(space.epochs + 1)
        )
        for each in ("mean", "count")
    )
    curves = means.where(counts.eq(own["runs"].to_numpy(), axis=0))
    figure = Figure(figsize=(6.8, 4.6), layout="constrained")
    axes = figure.subplots()
    entries: dict[str, Any] = {}
    many = len(own) > MOST_SHAPES
    for position, rung in enumerate(reversed(space.rungs)):
        look = line_style(position)
        strength: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.55} if position else {"linewidth": 1.8}
        ended = curves[(own["epochs"] == rung).to_numpy()]
        # A curve of one epoch would not be seen without a marker.
        strength |= {"marker": "o", "markersize": 3} if rung == 1 else {}
        places = np.tile(np.arange(curves.shape[1]), len(ended))
        axes.plot(places, ended.to_numpy().ravel(), **look, **strength, zorder=3 - position / 10, rasterized=many)
        name = f"{count(rung, 'epoch')}: {count(len(ended), 'configuration')}"
        entries[name] = Line2D([], [], **look, **{**strength, "alpha": 1})
    for rung in space.halving["epochs"]:
        axes.axvline(rung - 1, color="grey", linewidth=1, linestyle="dashed", zorder=1)
    last = curves.ffill(axis=1).iloc[:, -1]
    diverged = (own["diverged"] > 0).to_numpy() & last.notna().to_numpy()
    if diverged.any():
        ends = curves.notna().sum(axis=1) - 1
        marked: dict[str, Any] = {"linestyle": "", "marker": "x", "color": "black", "markersize": 5}
        (entries["diverged"],) = axes.plot(ends[diverged], last[diverged], **marked)
    lowest, highest = float(curves.min().min()), curves.max(axis=1)
    end = max(scale_end(last, metric), scale_end(highest, metric))
    if highest.isna().all():
        axes.set(xticks=[], yticks=[])
    elif highest.max() > end:
        axes.set_ylim(lowest - 0.05 * (end - lowest), end)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Epoch")
    axes.set_ylabel(METRIC_LABELS[metric])
    open_axes(axes)
    title = f"Epochs trained; after {rungs_in_words(space)} (dashed) the best {space.halving['keep']:.0%} go on"
    add_legend(figure, entries, fold(title, CHARACTERS))
    return figure


def rungs_in_words(space: Space) -> str:
    """The numbers of epochs after which a model's configurations are compared: "1, 5 and 15 epochs"."""
    *before, last = space.halving["epochs"]
    return f"{', '.join(map(str, before))} and {last} epochs" if before else count(last, "epoch")
