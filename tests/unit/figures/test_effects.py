"""Heat maps and effects show the tables' final metrics, and a diverged or missing configuration never as a number."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from examples import record
from sweep.analysis.tables import configuration_table, run_table
from sweep.figures.effects import draw_effect, draw_heatmap
from sweep.grid import Grid, Run
from sweep.metrics import EFFECTS, HEATMAPS

SIZES, RATES, DROPOUTS = [16, 8], [0.1, 0.001], [0.0, 0.2, 0.4]


def loss(run: Run) -> float:
    return 1 + run.batch_size / 100 + run.learning_rate + run.dropout_rate + 0.02 * run.seed


def configurations(
    diverged: Collection[tuple[str, int]] = (), missing: Collection[str] = (), **space: Any
) -> pd.DataFrame:
    """The table of a grid of two seeds whose last val_loss is `loss` and whose accuracy is a tenth of that."""
    grid = {"batch_sizes": SIZES, "learning_rates": RATES, "dropout_rates": DROPOUTS, "epochs": 1} | space
    runs = [run for run in Grid.of({"mlp": grid, "cnn": grid}, [0, 1]).runs() if run.name not in missing]
    records = [
        record(run, [], [], 0) if (run.name, run.seed) in diverged else record(run, [loss(run)], [loss(run) / 10])
        for run in runs
    ]
    return configuration_table(run_table(runs, records), "val_loss")


def texts(figure: Figure) -> dict[str, list[str]]:
    """The cells' texts of each panel, row by row from the lowest learning rate."""
    panels = [axes for axes in figure.axes if axes.get_title()]
    return {axes.get_title(): [text.get_text() for text in axes.texts] for axes in panels}


def labels(axis: Any) -> list[str]:
    return [text.get_text() for text in axis.get_ticklabels()]


@pytest.mark.parametrize("metric", ["val_loss", "val_acc"])
def test_a_heat_map_has_a_panel_a_batch_size_and_each_mean_over_the_seeds(metric: str) -> None:
    figure = draw_heatmap(configurations(), "mlp", metric)
    scale = 1 if metric == "val_loss" else 0.1
    expected = {
        f"batch size {size}": [
            f"{scale * (1 + size / 100 + rate + dropout + 0.01):.3f}" for rate in (0.001, 0.1) for dropout in DROPOUTS
        ]
        for size in (8, 16)
    }
    assert texts(figure) == expected
    first = figure.axes[0]
    assert (labels(first.xaxis), labels(first.yaxis)) == (["0.0", "0.2", "0.4"], ["0.001", "0.1"])
    # The best cell of all panels has the only frame.
    frames = [(axes.get_title(), patch.get_xy()) for axes in figure.axes for patch in axes.patches]
    frames = [(title, xy) for title, xy in frames if title]
    best = ("batch size 8", (-0.5, -0.5)) if metric == "val_loss" else ("batch size 16", (1.5, 0.5))
    assert frames == [best]
    assert isinstance(figure.axes[0].patches[0] if metric == "val_loss" else figure.axes[1].patches[0], Rectangle)


def test_what_diverged_is_hatched_and_what_is_missing_a_dash_and_neither_counts() -> None:
    table = configurations(diverged={("8_0.001_0.0", 1)}, missing={"16_0.1_0.4"})
    figure = draw_heatmap(table, "mlp", "val_loss")
    cells = texts(figure)
    # Seed 0 has a number, but the configuration has none: its cell has no text.
    assert cells["batch size 8"] == ["1.291", "1.491", "1.190", "1.390", "1.590"]
    assert cells["batch size 16"][-1] == "–"
    hatched = {axes.get_title(): [mesh.get_hatch() for mesh in axes.collections] for axes in figure.axes[:2]}
    assert hatched == {"batch size 8": [None, "////"], "batch size 16": [None]}
    (frame,) = (patch for axes in figure.axes[:2] for patch in axes.patches)
    assert frame.axes is figure.axes[1]  # 16_0.001_0.0 is the best of the others


def test_an_effect_joins_the_configurations_that_differ_in_it_alone() -> None:
    figure = draw_effect(configurations(), "mlp", "dropout_rate")
    axes = figure.axes[1]
    assert (labels(axes.xaxis), axes.get_xlabel()) == (["0.0", "0.2", "0.4"], "Dropout rate")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0.001", "0.1"]
    thin, median, *_ = axes.lines
    np.testing.assert_allclose(
        np.asarray(thin.get_ydata()).reshape(2, 4), [[1.091, 1.291, 1.491, np.nan], [1.171, 1.371, 1.571, np.nan]]
    )
    np.testing.assert_allclose(np.asarray(thin.get_xdata()).reshape(2, 4)[:, :3], [[0, 1, 2]] * 2)
    np.testing.assert_allclose(median.get_ydata(), [1.131, 1.331, 1.531])
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), [0.1131, 0.1331, 0.1531])

    other = draw_effect(configurations(), "mlp", "batch_size").axes[1]
    assert labels(other.xaxis) == ["8", "16"]
    np.testing.assert_allclose(other.lines[1].get_ydata(), [1.291, 1.371])


def test_a_line_with_a_gap_does_not_move_the_median() -> None:
    table = configurations(diverged={("8_0.001_0.0", 0), ("8_0.001_0.2", 0), ("16_0.1_0.0", 1)})
    axes = draw_effect(table, "mlp", "dropout_rate").axes[1]
    np.testing.assert_allclose(axes.lines[0].get_ydata()[:3], [np.nan, np.nan, 1.491])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [1.171, 1.371, 1.571])  # batch size 16 alone
    assert labels(axes.xaxis) == ["0.0\n2\ndiverged", "0.2\n1\ndiverged", "0.4"]


def test_one_failed_run_does_not_make_all_others_look_alike() -> None:
    table = configurations()
    bad = table.index[table["name"] == "16_0.1_0.4"]
    table.loc[bad, "last_val_loss"] = 1e30
    figure = draw_heatmap(table, "mlp", "val_loss")
    assert texts(figure)["batch size 16"][-1] == "1e+30"
    top = max(axes.get_ylim()[1] for axes in figure.axes if not axes.get_title())
    assert top < 3
    assert draw_effect(table, "mlp", "batch_size").axes[1].get_ylim()[1] < 3


@pytest.mark.parametrize("draw", [draw_heatmap, draw_effect])
@pytest.mark.parametrize(
    ("space", "title"),
    [
        ({"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0]}, None),
        ({"batch_sizes": [8, 16, 32]}, None),
        ({"batch_sizes": list(range(2, 40)), "learning_rates": [0.00012345]}, "12 of 38 batch sizes"),
        ({"batch_sizes": [8], "learning_rates": [k / 1000 for k in range(1, 60)]}, "12 of 59 learning rates"),
    ],
    ids=["one configuration", "a place without a panel", "many panels", "many rates"],
)
@pytest.mark.filterwarnings("error")
def test_any_grid_has_its_figures(draw: Any, space: dict[str, Any], title: str | None) -> None:
    figure = draw(configurations(**space), "cnn", "val_acc" if draw is draw_heatmap else "batch_size")
    figure.canvas.draw()
    assert figure.get_size_inches().max() < 14
    texts = [text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text"))]
    titles = {text for text in texts if "those of the best configurations" in text}
    many = title is not None and ("batch" in title) == (draw is draw_heatmap)
    assert titles == ({f"{title}, those of the best configurations"} if many else set())


@pytest.mark.parametrize(
    ("draw", "shown"),
    [*((draw_heatmap, metric) for metric in HEATMAPS.values()), *((draw_effect, name) for name in EFFECTS.values())],
)
@pytest.mark.filterwarnings("error")
def test_a_model_whose_runs_all_diverged_has_its_figures(draw: Any, shown: str) -> None:
    table = configurations(batch_sizes=[8], dropout_rates=[0.5])
    table = table.assign(diverged=table["runs"], last_val_acc=np.nan, last_val_loss=np.nan)
    draw(table, "cnn", shown).canvas.draw()
