"""The bars of importance are the table's shares, in the order of their size."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from figures.made_up import legend, ticks
from sweep.figures.importance import draw_importance
from sweep.grid import Space

TERMS = {"learning_rate": (0.1, 0.5), "dropout_rate": (0.3, 0.2), "learning_rate:dropout_rate": (0.2, 0.05)}

SPACE = Space(epochs=1)


def importance(terms: dict[str, tuple[float, float]], method: str = "anova") -> pd.DataFrame:
    rows = [
        {"model": model, "metric": metric, "method": method, "term": term, "share": share}
        for model in ("mlp", "cnn")
        for term, shares in terms.items()
        for metric, share in zip(("val_acc", "val_loss"), shares, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "metric", "method", "term", "share", "df", "f", "p"])


def configurations(diverged: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"model": ["cnn", "cnn"], "runs": [2, 2], "diverged": [0, diverged]})


def widths(figure: Figure) -> list[list[float]]:
    """The lengths of the bars, of each metric."""
    return [[bar.get_width() for bar in bars] for bars in figure.axes[0].containers]


def test_both_metrics_side_by_side_the_largest_first_and_noise_last() -> None:
    figure = draw_importance(importance({"seed noise": (0.4, 0.25), **TERMS}), configurations(), SPACE, "cnn")
    assert ticks(figure.axes[0].yaxis) == [
        "learning rate", "dropout rate", "learning rate × dropout rate", "seed noise",
    ]  # fmt: skip
    np.testing.assert_allclose(widths(figure), [[0.1, 0.3, 0.2, 0.4], [0.5, 0.2, 0.05, 0.25]])
    assert legend(figure) == ["Validation Accuracy", "Validation Loss"]
    assert figure.legends[0].get_title().get_text() == "analysis of variance"
    assert [text.get_text() for text in figure.axes[0].texts][:2] == ["10.0%", "30.0%"]


@pytest.mark.parametrize(("method", "rest"), [("anova", ["3.0%", "6.0%"]), ("least_squares", ["–", "–"])])
def test_small_terms_are_one_bar_where_shares_can_be_added(method: str, rest: list[str]) -> None:
    terms = {f"a{k:02}": (k / 100, k / 50) for k in range(15)}
    figure = draw_importance(importance(terms, method), configurations(), SPACE, "cnn")
    assert ticks(figure.axes[0].yaxis) == [*(f"a{k:02}" for k in range(14, 2, -1)), "3 other terms"]
    np.testing.assert_allclose([each[-1] for each in widths(figure)], [0.03, 0.06] if method == "anova" else [0, 0])
    assert [text.get_text() for text in figure.axes[0].texts][12::13] == rest


def test_a_share_that_is_not_known_is_a_dash_and_no_zero() -> None:
    terms = {"hidden": (math.nan, math.nan), "dropout_rate": (0.3, 0.0)}
    figure = draw_importance(importance(terms, "least_squares"), configurations(), SPACE, "cnn")
    assert ticks(figure.axes[0].yaxis) == ["dropout rate", "hidden"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["30.0%", "–", "0.0%", "–"]
    assert figure.axes[0].get_xlabel() == "Share of the variance over the configurations"


def test_the_title_says_what_is_left_out() -> None:
    table = importance(TERMS, "least_squares")
    figure = draw_importance(table.loc[table["metric"] == "val_loss"], configurations(diverged=2), SPACE, "cnn")
    title = figure.legends[0].get_title().get_text().replace("\n", " ")
    assert title == "least squares of main effects; val_acc is the same everywhere; without 1 that diverged"
    assert legend(figure) == ["Validation Loss"]


@pytest.mark.parametrize(
    ("diverged", "reason"), [(0, "what is finished is too little or all equal"), (2, "every run diverged")]
)
def test_without_rows_the_figure_says_why(diverged: int, reason: str) -> None:
    table = configurations(diverged).iloc[1:]
    figure = draw_importance(importance({}), table, SPACE, "cnn")
    assert [text.get_text() for text in figure.texts] == [f"No shares of a variance: {reason}."]
