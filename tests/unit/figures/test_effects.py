"""Effects join the configurations that differ in one hyper-parameter alone, and compare only what can be compared."""

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from figures.made_up import SAMPLE, legend, made_up, ticks
from sweep.figures.effects import draw_effect
from sweep.figures.style import COLOURS


def test_a_thin_line_is_of_configurations_that_differ_in_it_alone() -> None:
    figure = draw_effect(*made_up(), "cnn", "dropout_rate")
    axes = figure.axes[1]
    assert (ticks(axes.xaxis), axes.get_xlabel()) == (["0.0", "0.2", "0.4"], "Dropout rate")
    assert (legend(figure), figure.legends[0].get_title().get_text()) == (["0.001", "0.1"], "Learning rate")
    thin, median, *_ = axes.lines
    np.testing.assert_allclose(
        np.asarray(thin.get_ydata()).reshape(2, 4), [[1.091, 1.291, 1.491, np.nan], [1.171, 1.371, 1.571, np.nan]]
    )
    np.testing.assert_allclose(np.asarray(thin.get_xdata()).reshape(2, 4)[:, :3], [[0, 1, 2]] * 2)
    np.testing.assert_allclose(median.get_ydata(), [1.131, 1.331, 1.531])
    np.testing.assert_allclose(figure.axes[0].lines[1].get_ydata(), [0.1131, 0.1331, 0.1531])


@pytest.mark.parametrize(
    ("parameter", "names", "colour", "median"),
    [
        ("batch_size", ["8", "16"], "Learning rate", [1.291, 1.371]),
        ("learning_rate", ["0.001", "0.1"], "Dropout rate", [1.131, 1.230]),
        ("batch_norm", ["false", "true"], "Learning rate", [3.331, 1.331]),
    ],
)
def test_every_hyper_parameter_has_an_effect(
    parameter: str, names: list[str], colour: str, median: list[float]
) -> None:
    axes = {"batch_norm": [True, False]} if parameter == "batch_norm" else {}
    figure = draw_effect(*made_up(axes=axes), "cnn", parameter)
    assert ticks(figure.axes[1].xaxis) == names
    assert figure.legends[0].get_title().get_text() == colour
    np.testing.assert_allclose(figure.axes[1].lines[1].get_ydata(), median)


def test_a_line_with_a_gap_does_not_move_the_median() -> None:
    table, space = made_up(diverged={("8_0.001_0.0", 0), ("8_0.001_0.2", 0), ("16_0.1_0.0", 1)})
    axes = draw_effect(table, space, "cnn", "dropout_rate").axes[1]
    np.testing.assert_allclose(axes.lines[0].get_ydata()[:3], [np.nan, np.nan, 1.491])
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [1.171, 1.371, 1.571])  # batch size 16 alone
    assert ticks(axes.xaxis) == ["0.0\n2\ndiverged", "0.2\n1\ndiverged", "0.4"]


def test_what_is_not_in_the_space_is_passed_and_a_median_is_of_lines_with_the_same_values() -> None:
    """Rate 0.001 lacks dropout rate 0.2; and one configuration has a rate of its own: it is a point, and no line."""
    lacks: dict[str, Any] = {"exclude": [{"learning_rate": 0.001, "dropout_rate": 0.2}]}
    lone = {"batch_size": 4, "learning_rate": 0.001, "dropout_rate": 0.4}
    figure = draw_effect(*made_up(**lacks, include=[lone]), "cnn", "dropout_rate")
    median = figure.axes[1].lines[1]
    np.testing.assert_array_equal(median.get_xdata(), [0, 2])
    np.testing.assert_allclose(median.get_ydata(), [1.131, 1.531])
    assert figure.legends[0].get_title().get_text() == "Learning rate"
    # A dropout rate, 0.1, of batch size 8 alone.
    own = {"batch_size": 8, "learning_rate": 0.001, "dropout_rate": 0.1}
    figure = draw_effect(*made_up(**lacks, include=[own]), "cnn", "dropout_rate")
    thin, median, _, other, *_ = figure.axes[1].lines
    line = (0, 1, 3, 4, 0, 3, 4)  # 4 ends a line
    np.testing.assert_array_equal(thin.get_xdata(), line)
    np.testing.assert_allclose(thin.get_ydata(), [1.091, 1.191, 1.491, np.nan, 1.171, 1.571, np.nan])
    assert len(median.get_xdata()) == 0
    np.testing.assert_array_equal(other.get_xdata(), [0, 2, 3])
    assert legend(figure) == ["0.001", "0.1"]
    title = figure.legends[0].get_title().get_text()
    assert title == "Learning rate; no median where the lines of a colour have different values"


def test_what_diverged_is_counted_where_not_every_value_has_a_tick() -> None:
    rates = [k / 100 for k in range(30)]
    table, space = made_up(dropout_rates=rates, diverged={("8_0.001_0.01", 0), ("16_0.1_0.02", 1)})
    figure = draw_effect(table, space, "cnn", "dropout_rate")
    assert not any("diverged" in name for name in ticks(figure.axes[1].xaxis))
    assert figure.legends[0].get_title().get_text() == "Learning rate; 2 diverged"


def test_a_sampled_number_is_on_an_axis_of_numbers() -> None:
    table, space = made_up(sample=SAMPLE)
    bad = table.loc[table["model"] == "cnn", "name"].iloc[-1]
    table, space = made_up(sample=SAMPLE, diverged={(bad, 0)})
    shown = table.loc[(table["model"] == "cnn") & (table["diverged"] == 0)].set_index("name")
    figure = draw_effect(table, space, "cnn", "learning_rate")
    axes = figure.axes[1]
    assert (axes.get_xscale(), figure.axes[0].get_xscale()) == ("log", "log")
    points = axes.collections[0].get_offsets()
    assert {(x, y) for x, y in points.tolist() if y is not None} == set(
        zip(shown["learning_rate"], shown["last_val_loss"], strict=True)
    )
    assert legend(figure) == ["diverged", "median of 5 neighbours"]
    assert figure.axes[-1].get_ylabel() == "Dropout rate"  # the bar of colours
    median = axes.lines[-1]
    five = shown.sort_values("learning_rate").iloc[:5][["learning_rate", "last_val_loss"]].median()
    np.testing.assert_allclose(median.get_xydata()[2], five.to_numpy(), rtol=1e-12)

    by_norm = draw_effect(table, space, "cnn", "batch_norm")
    assert ticks(by_norm.axes[1].xaxis) == ["false", "true"]
    medians = shown.groupby("batch_norm")["last_val_loss"].median()
    bars = by_norm.axes[1].collections[1].get_segments()
    np.testing.assert_allclose([bar[0][1] for bar in bars], medians.to_numpy())


def test_one_failed_run_does_not_make_all_others_look_alike() -> None:
    table, space = made_up()
    table.loc[table["name"] == "16_0.1_0.4", "last_val_loss"] = 1e30
    assert draw_effect(table, space, "cnn", "batch_size").axes[1].get_ylim()[1] < 3


@pytest.mark.parametrize(
    "space",
    [
        {"batch_sizes": [8, 16], "learning_rates": [0.1], "dropout_rates": [0]},
        {"batch_sizes": [8, 16], "learning_rates": [k / 1000 for k in range(1, 30)]},
        {"sample": SAMPLE},
    ],
    ids=["one line", "many colours", "sampled"],
)
@pytest.mark.parametrize("diverged", [False, True])
@pytest.mark.filterwarnings("error")
def test_any_grid_has_its_figures(space: dict[str, Any], diverged: bool) -> None:
    table, found = made_up(**space)
    if diverged:
        table = table.assign(diverged=table["runs"], last_val_acc=np.nan, last_val_loss=np.nan)
    for parameter in found.varying:
        figure = draw_effect(table, found, "cnn", parameter)
        figure.draw_without_rendering()
        title = figure.legends[0].get_title().get_text()
        colours = [to_hex(text.get_color()) for text in figure.legends[0].get_texts()]
        many = "learning_rates" in space and len(space["learning_rates"]) > 12 and parameter != "learning_rate"
        assert ("12 of 29 values, those of the best configurations" in title) == many
        assert all(colour in [to_hex(each) for each in (*COLOURS, "black", "grey")] for colour in colours)
