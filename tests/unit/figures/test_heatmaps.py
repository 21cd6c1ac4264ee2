"""Heat maps show the tables' final metrics, and a cell without one never as a number or as another kind of cell."""

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.made_up import LISTS, SAMPLE, made_up, ticks
from sweep.figures.heatmaps import draw_heatmap

DROPOUTS = LISTS["dropout_rates"]


def panels(figure: Figure) -> dict[str, Axes]:
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def texts(figure: Figure) -> dict[str, list[str]]:
    """The cells' texts of each panel, row by row from the lowest learning rate."""
    return {title: [text.get_text() for text in axes.texts] for title, axes in panels(figure).items()}


def dashes(axes: Axes) -> list[tuple[int, int]]:
    """The cells with a dash, as (column, row)."""
    (line,) = axes.lines
    return list(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True))


@pytest.mark.parametrize("metric", ["val_loss", "val_acc"])
def test_a_panel_a_batch_size_and_each_mean_over_the_seeds(metric: str) -> None:
    figure = draw_heatmap(*made_up(), "cnn", metric)
    scale = 1 if metric == "val_loss" else 0.1
    expected = {
        f"batch size {size}": [
            f"{scale * (1 + size / 100 + rate + dropout + 0.01):.3f}" for rate in (0.001, 0.1) for dropout in DROPOUTS
        ]
        for size in (8, 16)
    }
    assert texts(figure) == expected
    first = figure.axes[0]
    assert (ticks(first.xaxis), ticks(first.yaxis)) == (["0.0", "0.2", "0.4"], ["0.001", "0.1"])
    # The best cell of all panels has the only frame.
    frames = [(title, patch.get_xy()) for title, axes in panels(figure).items() for patch in axes.patches]
    assert frames == [("batch size 8", (-0.5, -0.5)) if metric == "val_loss" else ("batch size 16", (1.5, 0.5))]
    assert figure.get_suptitle() == ""


def test_diverged_missing_and_not_in_the_space_are_three_looks_and_none_counts() -> None:
    table, space = made_up(
        diverged={("8_0.001_0.0", 1)},
        missing={"16_0.1_0.4"},
        exclude=[{"batch_size": 16, "dropout_rate": 0.2}],
        include=[{"batch_size": 16, "learning_rate": 0.5, "dropout_rate": 0.0}],
    )
    figure = draw_heatmap(table, space, "cnn", "val_loss")
    small, large = panels(figure).values()
    # Seed 0 of what diverged has a number, but the configuration has none: its cell has no text.
    assert texts(figure)["batch size 8"] == ["1.291", "1.491", "1.190", "1.390", "1.590"]
    assert texts(figure)["batch size 16"] == ["1.171", "1.571", "1.270", "1.670"]
    assert (dashes(small), dashes(large)) == ([], [(2, 1)])
    assert [mesh.get_hatch() for axes in (small, large) for mesh in axes.collections] == [None, "////", None]
    # What is not in the space has no colour: 0.2 is excluded, and 0.5 is there with one dropout rate alone.
    colours = large.collections[0].get_array()
    assert (colours[..., 3] > 0).tolist() == [[True, False, True], [True, False, False], [True, False, False]]
    assert figure.get_suptitle() == "blank: not in the search space; dash: not finished; hatched: diverged"
    (frame,) = (patch for axes in (small, large) for patch in axes.patches)
    assert frame.axes is large  # 16_0.001_0.0 is the best of the others


def test_a_panel_for_each_combination_of_the_other_hyper_parameters() -> None:
    axes = {"batch_norm": [True, False], "weight_decay": [0.0, 0.0005]}
    figure = draw_heatmap(*made_up(batch_sizes=[8], axes=axes, learning_rates=[0.1]), "cnn", "val_loss")
    assert {title.replace("\n", " "): cells[0] for title, cells in texts(figure).items()} == {
        "batch norm false, weight decay 0.0": "3.190",
        "batch norm false, weight decay 0.0005": "3.240",
        "batch norm true, weight decay 0.0": "1.190",
        "batch norm true, weight decay 0.0005": "1.240",
    }


def test_more_than_a_dozen_combinations_are_one_panel_of_the_best() -> None:
    axes = {"weight_decay": [k / 1000 for k in range(7)]}
    table, space = made_up(axes=axes, diverged={("8_0.1_0.0", 0)}, missing={"8_0.1_0.2"})
    figure = draw_heatmap(table, space, "cnn", "val_loss")
    first = figure.axes[0]
    assert figure.get_suptitle() == "the best over 14 combinations of batch size, weight decay"
    # Where weight decay 0.0 has no number, the best is that of batch size 16 without it.
    assert [text.get_text() for text in first.texts] == ["1.091", "1.291", "1.491", "1.270", "1.470", "1.590"]
    # The colours are those of what is shown.
    low, high = figure.axes[-1].get_ylim()
    np.testing.assert_allclose([low, high], [1.091, 1.59])


def test_a_sampled_space_is_points_in_a_plane() -> None:
    table, space = made_up(sample=SAMPLE)
    bad, gone = (table.loc[table["model"] == "cnn", "name"].iloc[k] for k in (18, 19))
    table, space = made_up(sample=SAMPLE, diverged={(bad, 0)}, missing={gone})
    figure = draw_heatmap(table, space, "cnn", "val_loss")
    assert figure.get_suptitle() == "cross: diverged; dash: not finished"
    drawn = panels(figure)
    assert list(drawn) == [f"batch size {size}, batch norm {norm}" for size in (8, 16) for norm in ("false", "true")]
    assert {(axes.get_xscale(), axes.get_yscale()) for axes in drawn.values()} == {("linear", "log")}
    points = np.concatenate([axes.collections[0].get_offsets() for axes in drawn.values()])
    shown = table.loc[(table["model"] == "cnn") & (table["diverged"] == 0)]
    assert set(map(tuple, points.tolist())) == set(zip(shown["dropout_rate"], shown["learning_rate"], strict=True))
    best = shown.nsmallest(1, "last_val_loss").iloc[0]
    frames = [line.get_xydata().tolist() for axes in drawn.values() for line in axes.lines if line.get_marker() == "s"]
    assert [frame for frame in frames if frame] == [[[best["dropout_rate"], best["learning_rate"]]]]


def test_one_failed_run_does_not_make_all_others_look_alike() -> None:
    table, space = made_up()
    table.loc[table["name"] == "16_0.1_0.4", "last_val_loss"] = 1e30
    figure = draw_heatmap(table, space, "cnn", "val_loss")
    assert texts(figure)["batch size 16"][-1] == "1e+30"
    assert figure.axes[-1].get_ylim()[1] < 3


@pytest.mark.parametrize(
    "space",
    [
        {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0]},
        {"batch_sizes": [8, 16, 32]},
        {"batch_sizes": [8], "learning_rates": [k / 1000 for k in range(1, 60)]},
        {"axes": {"a_long_name_of_a_parameter": ["a-long-name-of-a-value", "another-long-name"]}},
    ],
    ids=["one configuration", "a place without a panel", "many rates", "long names"],
)
@pytest.mark.parametrize("diverged", [False, True])
@pytest.mark.filterwarnings("error")
def test_any_grid_has_its_figures(space: dict[str, Any], diverged: bool) -> None:
    defaults = {"a_long_name_of_a_parameter": "another-long-name"} if "axes" in space else {}
    table, found = made_up(**space, defaults=defaults)
    if diverged:
        table = table.assign(diverged=table["runs"], last_val_acc=np.nan, last_val_loss=np.nan)
    for metric in ("val_acc", "val_loss"):
        figure = draw_heatmap(table, found, "cnn", metric)
        figure.draw_without_rendering()
        assert figure.get_size_inches().max() < 14
        assert all(axes.title.get_window_extent().x1 <= figure.bbox.x1 for axes in figure.axes)
