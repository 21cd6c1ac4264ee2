"""Learning curves: which are drawn, in which order and look, and from which numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from examples import record
from figures.made_up import legend
from sweep.analysis.tables import configuration_table, epoch_table, run_table
from sweep.figures.curves import draw_learning_curves, draw_study_curves
from sweep.grid import Grid, Space
from sweep.metrics import METRIC_LABELS

SEEDS = [0, 1]
RATES = [0.0, 0.2, 0.4, 0.6]
# Last losses that rank the four rates 0.4, 0.0, 0.6, 0.2; the seeds lie 0.2 apart.
LAST = {0.0: 2.0, 0.2: 4.0, 0.4: 1.0, 0.6: 3.0}
RANKED = ["8_0.001_0.4", "8_0.001_0.0", "8_0.001_0.6", "8_0.001_0.2"]

Tables = tuple[pd.DataFrame, pd.DataFrame, Space]


def tables(grid: Grid, records: list[dict[str, Any]], model: str = "mlp") -> Tables:
    """The tables of epochs and of configurations, and the model's search space."""
    runs = grid.runs()
    return (
        epoch_table(runs, records),
        configuration_table(run_table(runs, records, grid), "val_loss"),
        grid.models[model],
    )


def space_of(rates: list[float], epochs: int = 1) -> dict[str, Any]:
    return {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": rates, "epochs": epochs}


@pytest.fixture
def sweep() -> Tables:
    grid = Grid.of({"mlp": space_of(RATES, 3), "cnn": space_of(RATES)}, SEEDS)
    records = []
    for run in grid.runs():
        losses = [9.0, 5.0 + run.dropout_rate, LAST[run.dropout_rate] + 0.2 * run.seed][-run.epochs :]
        records.append(record(run, losses, [loss / 10 for loss in losses]))
    return tables(grid, records)


@pytest.mark.parametrize(("top", "drawn"), [(1, 1), (3, 3), (10, 4)])
def test_the_best_configurations_are_drawn_and_named_by_rank(sweep: Tables, top: int, drawn: int) -> None:
    figure = draw_learning_curves(*sweep, "mlp", "val_loss", top)
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == RANKED[:drawn]
    assert legend(figure) == RANKED[:drawn]
    assert [to_hex(text.get_color()) for text in figure.legends[0].get_texts()] == [
        to_hex(line.get_color()) for line in axes.lines
    ]


@pytest.mark.parametrize("metric", METRIC_LABELS)
def test_a_curve_is_the_mean_over_the_seeds_and_epochs_count_from_0(sweep: Tables, metric: str) -> None:
    figure = draw_learning_curves(*sweep, "mlp", metric, 2)
    (axes,) = figure.axes
    val_loss = np.array([9.0, 5.4, 1.1])  # of rate 0.4, the best: (1.0 + 1.2) / 2 in the end
    # examples.result makes the other metrics from these two.
    expected = {
        "val_loss": val_loss,
        "val_acc": val_loss / 10,
        "train_loss": val_loss + 1,
        "train_acc": val_loss / 20,
    }
    assert list(axes.lines[0].get_xdata()) == [0, 1, 2]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), expected[metric])
    assert axes.get_xlabel() == "Epoch"
    assert axes.get_ylabel() == METRIC_LABELS[metric]


def test_several_seeds_have_a_band_of_one_standard_deviation_up_and_down(sweep: Tables) -> None:
    (axes,) = draw_learning_curves(*sweep, "mlp", "val_loss", 2).axes
    for line, band in zip(axes.lines, axes.collections, strict=True):
        (path,) = band.get_paths()
        assert to_hex(band.get_facecolor()[0]) == to_hex(line.get_color())
        # The last epoch's values are 0.2 apart, the others equal.
        for epoch, deviation in ((0, 0), (1, 0), (2, np.std([0, 0.2], ddof=1))):
            edges = {round(y, 6) for x, y in path.vertices if x == epoch}
            mean = float(line.get_ydata()[epoch])
            assert edges == {round(mean - deviation, 6), round(mean + deviation, 6)}


def test_a_mean_curve_ends_where_its_first_run_diverged() -> None:
    grid = Grid.of({"mlp": space_of([0.0], 3)}, SEEDS)
    good, bad = grid.runs()
    records = [record(good, [3.0, 2.0, 1.0], [0.5] * 3), record(bad, [5.0], [0.5], 1)]
    (axes,) = draw_learning_curves(*tables(grid, records), "mlp", "val_loss", 1).axes
    assert list(axes.lines[0].get_ydata()) == [4.0]


def test_one_seed_has_no_band() -> None:
    grid = Grid.of({"mlp": space_of([0.0], 2)}, [0])
    records = [record(run, [2.0, 1.0], [0.5, 0.6]) for run in grid.runs()]
    (axes,) = draw_learning_curves(*tables(grid, records), "mlp", "val_loss", 1).axes
    assert len(axes.collections) == 0


def test_a_model_has_figures_of_its_own(sweep: Tables) -> None:
    (axes,) = draw_learning_curves(*sweep, "cnn", "val_loss", 4).axes
    np.testing.assert_allclose([line.get_ydata() for line in axes.lines], [[1.1], [2.1], [3.1], [4.1]])


def test_a_configuration_looks_the_same_in_all_figures_of_its_model(sweep: Tables) -> None:
    looks = []
    for metric in METRIC_LABELS:
        (axes,) = draw_learning_curves(*sweep, "mlp", metric, 4).axes
        looks.append({line.get_label(): (line.get_color(), line.get_linestyle()) for line in axes.lines})
    assert all(look == looks[0] for look in looks)


def test_no_two_of_24_curves_look_alike() -> None:
    grid = Grid.of({"mlp": space_of([0.0]) | {"batch_sizes": list(range(2, 26))}}, [0])
    records = [record(run, [float(run.batch_size)], [0.5]) for run in grid.runs()]
    for draw in (draw_learning_curves, draw_study_curves):
        (axes,) = draw(*tables(grid, records), "mlp", "val_loss", 24).axes
        assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 24


@pytest.mark.parametrize("others_diverged", [False, True])
def test_a_configuration_without_a_finished_epoch_is_named_but_has_no_curve(others_diverged: bool) -> None:
    grid = Grid.of({"mlp": space_of([0.0, 0.5])}, [0])
    good, bad = grid.runs()
    records = [record(good, [], [], 0) if others_diverged else record(good, [1.0], [0.5]), record(bad, [], [], 0)]
    figure = draw_learning_curves(*tables(grid, records), "mlp", "val_loss", 10)
    assert legend(figure) == [good.name, bad.name]
    assert [len(line.get_ydata()) for line in figure.axes[0].lines] == [0 if others_diverged else 1, 0]
    figure.draw_without_rendering()  # an empty axis must not stop the drawing
    assert (len(figure.axes[0].get_yticks()) == 0) == others_diverged


def test_what_is_not_finished_has_no_curve() -> None:
    grid = Grid.of({"mlp": space_of([0.0, 0.5])}, [0])
    records = [record(run, [1.0], [0.5]) for run in grid.runs()]
    epochs, configurations, space = tables(grid, records)
    figure = draw_learning_curves(epochs, configurations.iloc[1:], space, "mlp", "val_loss", 10)
    assert legend(figure) == ["8_0.001_0.5"]


@pytest.mark.parametrize("values", [["channel"], ["channel", "a-name-of-several-words-that-is-long"]])
def test_the_legend_stays_within_the_figure_and_leaves_room_for_the_curves(values: list[str]) -> None:
    """Long names take fewer columns, very long ones several lines, and many lines make the figure taller."""
    names = {"dropout_kind": values, "label_smoothing": [0.1], "weight_decay": [0.0005]}
    defaults = {"dropout_kind": "channel", "label_smoothing": 0.0, "weight_decay": 0.0}
    grid = Grid.of({"mlp": {**space_of(RATES), "axes": names, "defaults": defaults}}, [0])
    records = [record(run, [1.0], [0.5]) for run in grid.runs()]
    figure = draw_learning_curves(*tables(grid, records), "mlp", "val_loss", 10)
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert "".join(legend(figure)[-1].split("\n")) == figure.axes[0].lines[-1].get_label()
    assert figure.axes[0].get_window_extent().height > 300


STUDY = {"axes": {"batch_norm": [True, False]}, "defaults": {"batch_norm": True}}


def test_a_study_names_what_differs_and_its_axis_decides_the_line_style() -> None:
    grid = Grid.of({"cnn": {**space_of([0, 0.5], 2), **STUDY}}, [0])
    records = [record(run, [9.0, 1 + run.dropout_rate + 2 * len(run.axes)], [0.5, 0.5]) for run in grid.runs()]
    figure = draw_study_curves(*tables(grid, records, "cnn"), "cnn", "val_loss", 1)
    lines = figure.axes[0].lines
    np.testing.assert_array_equal([line.get_ydata()[-1] for line in lines], [3.0, 3.5, 1.0, 1.5])
    assert legend(figure) == [
        f"dropout rate {rate}, batch norm {norm}" for norm in ("false", "true") for rate in (0.0, 0.5)
    ]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "--"]
    colours = [line.get_color() for line in lines]
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]
    assert figure.legends[0].get_title().get_text() == ""


def test_of_a_large_study_the_best_are_drawn_and_it_says_so() -> None:
    grid = Grid.of({"cnn": {**space_of([k / 10 for k in range(8)]), **STUDY}}, [0])
    records = [record(run, [1 + run.dropout_rate], [0.5]) for run in grid.runs()]
    figure = draw_study_curves(*tables(grid, records, "cnn"), "cnn", "val_loss", 10)
    assert figure.legends[0].get_title().get_text() == "the 12 best of 16 configurations"
    assert {line.get_ydata()[-1] for line in figure.axes[0].lines} == {1 + k / 10 for k in range(6)}
