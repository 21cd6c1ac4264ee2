"""Learning curves: which are drawn, in which order and look, and from which numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from examples import record
from sweep.analysis.tables import configuration_table, epoch_table, run_table
from sweep.figures.curves import draw_learning_curves, draw_study_curves
from sweep.grid import Grid, Run
from sweep.metrics import METRIC_LABELS
from sweep.studies import study_spaces

SEEDS = [0, 1]
RATES = [0.0, 0.2, 0.4, 0.6]
# Last losses that rank the four rates 0.4, 0.0, 0.6, 0.2; the seeds lie 0.2 apart.
LAST = {0.0: 2.0, 0.2: 4.0, 0.4: 1.0, 0.6: 3.0}
RANKED = ["8_0.001_0.4", "8_0.001_0.0", "8_0.001_0.6", "8_0.001_0.2"]

Tables = tuple[pd.DataFrame, pd.DataFrame]


def tables(runs: list[Run], records: list[dict[str, Any]]) -> Tables:
    return epoch_table(runs, records), configuration_table(run_table(runs, records), "val_loss")


@pytest.fixture
def sweep() -> Tables:
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": RATES, "epochs": 3}
    runs = Grid.of({"mlp": space, "cnn": {**space, "epochs": 1}}, SEEDS).runs()
    records = []
    for run in runs:
        losses = [9.0, 5.0 + run.dropout_rate, LAST[run.dropout_rate] + 0.2 * run.seed][-run.epochs :]
        records.append(record(run, losses, [loss / 10 for loss in losses]))
    return tables(runs, records)


def legend(figure: Figure) -> list[str]:
    (only,) = figure.legends
    return [text.get_text() for text in only.get_texts()]


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
    runs = [Run("mlp", 8, 0.001, 0.0, 3, seed) for seed in SEEDS]
    records = [record(runs[0], [3.0, 2.0, 1.0], [0.5] * 3), record(runs[1], [5.0], [0.5], 1)]
    (axes,) = draw_learning_curves(*tables(runs, records), "mlp", "val_loss", 1).axes
    assert list(axes.lines[0].get_ydata()) == [4.0]


def test_one_seed_has_no_band() -> None:
    run = Run("mlp", 8, 0.001, 0.0, 2, 0)
    (axes,) = draw_learning_curves(*tables([run], [record(run, [2.0, 1.0], [0.5, 0.6])]), "mlp", "val_loss", 1).axes
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
    space = {"batch_sizes": list(range(2, 26)), "learning_rates": [0.1], "dropout_rates": [0], "epochs": 1}
    runs = Grid.of({"mlp": space}, [0]).runs()
    records = [record(run, [float(run.batch_size)], [0.5]) for run in runs]
    (axes,) = draw_learning_curves(*tables(runs, records), "mlp", "val_loss", 24).axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 24


@pytest.mark.parametrize("others_diverged", [False, True])
def test_a_configuration_without_a_finished_epoch_is_named_but_has_no_curve(others_diverged: bool) -> None:
    good = Run("mlp", 8, 0.001, 0.0, 1, 0)
    bad = replace(good, dropout_rate=0.5)
    records = [record(good, [], [], 0) if others_diverged else record(good, [1.0], [0.5]), record(bad, [], [], 0)]
    figure = draw_learning_curves(*tables([good, bad], records), "mlp", "val_loss", 10)
    assert legend(figure) == [good.name, bad.name]
    assert [len(line.get_ydata()) for line in figure.axes[0].lines] == [0 if others_diverged else 1, 0]
    figure.canvas.draw()  # an empty axis must not stop the drawing


def test_the_legend_stays_within_the_figure() -> None:
    """Long names take fewer columns."""
    space = {"batch_sizes": [1024], "learning_rates": [0.00012345], "dropout_rates": RATES, "epochs": 1}
    runs = Grid.of({"mlp": space}, [0]).runs()
    figure = draw_learning_curves(*tables(runs, [record(run, [1.0], [0.5]) for run in runs]), "mlp", "val_loss", 10)
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1


def test_a_study_draws_the_model_solid_and_its_variant_dashed_in_the_colour_of_the_rate() -> None:
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2}
    spaces = study_spaces(
        "ablation", {"mlp": "8_0.001_0.5", "cnn": "8_0.001_0.2"}, {"mlp": space, "cnn": {**space, "epochs": 3}}
    )
    runs = Grid.of(spaces, [0]).runs()
    losses = {("mlp", 0.0): 1.0, ("mlp", 0.5): 2.0, ("mlp_without_bn", 0.0): 3.0, ("mlp_without_bn", 0.5): 4.0}
    records = [record(run, [9.0, losses.get((run.model, run.dropout_rate), 7.0)], [0.5, 0.5]) for run in runs]
    figure = draw_study_curves(*tables(runs, records), "ablation", "mlp", "val_loss")
    lines = figure.axes[0].lines
    np.testing.assert_array_equal([line.get_ydata()[-1] for line in lines], [1.0, 2.0, 3.0, 4.0])
    assert legend(figure) == ["BN, dropout 0.0", "BN, dropout 0.5", "no BN, dropout 0.0", "no BN, dropout 0.5"]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "--"]
    colours = [line.get_color() for line in lines]
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]
