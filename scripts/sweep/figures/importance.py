"""How much each hyper-parameter of a model matters, as bars."""

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sweep.analysis.importance import MOST_TERMS, UNEXPLAINED
from sweep.figures.space import count
from sweep.figures.style import COLOURS, add_legend, fold, open_axes, sentence_figure
from sweep.grid import Space
from sweep.metrics import HEATMAPS, METRIC_LABELS

METHODS = {"anova": "analysis of variance", "least_squares": "least squares of main effects"}
# What the shares are of, by the method: of all runs, or of the means over the seeds.
VARIANCES = {"anova": "the variance over the runs", "least_squares": "the variance over the configurations"}
# The characters of a title and of a term that fit above and beside the bars.
TITLE_CHARACTERS, TERM_CHARACTERS = 72, 30


def draw_importance(importance: pd.DataFrame, configurations: pd.DataFrame, space: Space, model: str) -> Figure:
    """The shares of each term in the variance of val_acc and val_loss, as two bars: the largest first, noise last. A
    share that is not known has no bar, but a dash.

    `importance` and `configurations` are the tables of those names, the second of a halved model as it was after its
    first rung. If the first has no row of the model, the figure says why.
    """
    rows = importance.loc[importance["model"] == model]
    counts = configurations.loc[configurations["model"] == model, ["runs", "diverged"]]
    if rows.empty:
        every = (counts["runs"] == counts["diverged"]).all()
        reason = "every run diverged" if every else "what is finished is too little or all equal"
        return sentence_figure(f"No shares of a variance: {reason}.")
    method = rows["method"].iloc[0]
    shares = rows.pivot(index="term", columns="metric", values="share")  # noqa: PD010  one a cell
    shares = select_terms(shares, added=method == "anova")
    figure = Figure(figsize=(6.8, 1.3 + 0.45 * len(shares)), layout="constrained")
    axes = figure.subplots()
    entries: dict[str, Any] = {}
    remarks = [METHODS[method]]
    if space.halving:
        remarks.append(f"after {count(space.rungs[0], 'epoch')}")
    for place, metric in zip((-0.2, 0.2), HEATMAPS.values(), strict=True):
        if metric not in shares:
            remarks.append(f"{metric} is the same everywhere")
            continue
        heights = [position + place for position in range(len(shares))]
        colour = COLOURS[0] if metric == "val_acc" else COLOURS[1]
        bars = axes.barh(heights, shares[metric].fillna(0), height=0.36, color=colour)
        words = ["–" if math.isnan(share) else f"{share:.1%}" for share in shares[metric]]
        axes.bar_label(bars, words, padding=3, fontsize="x-small")
        entries[METRIC_LABELS[metric]] = bars
    if left_out := int((counts["diverged"] > 0).sum()):
        remarks.append(f"without {left_out} that diverged")
    axes.set_yticks(range(len(shares)), [term_label(term) for term in shares.index], fontsize="small")
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel(f"Share of {VARIANCES[method]}")
    open_axes(axes)
    axes.grid(visible=False, axis="y")
    add_legend(figure, entries, fold("; ".join(remarks), TITLE_CHARACTERS))
    return figure


def select_terms(shares: pd.DataFrame, added: bool) -> pd.DataFrame:
    """The rows of the largest MOST_TERMS terms, then one with the sum of all others, which is not known unless shares
    can be `added`, then noise."""
    is_noise = shares.index.isin(UNEXPLAINED)
    order = shares.max(axis=1).sort_values(ascending=False, kind="stable").index
    terms, noise = shares.loc[order[~order.isin(UNEXPLAINED)]], shares.loc[is_noise]
    largest, others = terms.iloc[:MOST_TERMS], terms.iloc[MOST_TERMS:]
    if len(others) > 1:
        rest = others.sum(min_count=1 if added else len(others) + 1).to_frame(f"{len(others)} other terms").T
        return pd.concat([largest, rest, noise])
    return pd.concat([terms, noise])


def term_label(term: str) -> str:
    """A term as the figure names it: "learning rate × dropout rate"."""
    return fold(term.replace("_", " ").replace(":", " × "), TERM_CHARACTERS)
