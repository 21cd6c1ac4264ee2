"""All curves of a halved model: each as long as its configuration was trained, by rung; and what the other figures of
such a model compare."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from examples import record
from figures.made_up import legend
from plot import draw_figures
from sweep.analysis.tables import configuration_table, epoch_table, run_table, write_tables
from sweep.figures.halving import draw_halving
from sweep.grid import Grid, Run

RATES = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
HALVED: dict[str, Any] = {
    "batch_sizes": [8],
    "learning_rates": [0.1],
    "dropout_rates": RATES,
    "epochs": 5,
    "halving": {"epochs": [1, 3], "keep": 0.5},
}
# How long each rate was trained; 0.5 has a run that diverged at once, and 0.3 one that did so in its third epoch.
TRAINED = {0.0: 5, 0.1: 5, 0.2: 3, 0.3: 3, 0.4: 1, 0.5: 1}


def losses(run: Run) -> list[float]:
    return [3 + run.dropout_rate - 0.5 * epoch + 0.2 * run.seed for epoch in range(run.epochs)]


def sweep(metric: str = "val_loss", **more: Any) -> tuple[Grid, list[Run], list[Any]]:
    """The longest runs of a halved model and of another one, with two seeds."""
    models = {"mlp": {**HALVED, **more}, "cnn": {**HALVED, "halving": {}, "epochs": 2}}
    grid = Grid.of(models, [0, 1], rank_by=metric)
    runs, records = [], []
    for whole in grid.runs():
        epochs = TRAINED[whole.dropout_rate] if whole.model == "mlp" else whole.epochs
        run = Run(whole.model, 8, 0.1, whole.dropout_rate, epochs, whole.seed)
        history = losses(run)
        diverged = {(0.5, 1): 0, (0.3, 1): 2}.get((run.dropout_rate, run.seed)) if run.model == "mlp" else None
        history = history[:diverged]
        runs.append(run)
        records.append(record(run, history, [loss / 10 for loss in history], diverged))
    return grid, runs, records


def halving_figure(metric: str = "val_loss") -> Figure:
    grid, runs, records = sweep(metric)
    table = configuration_table(run_table(runs, records, grid), metric)
    return draw_halving(epoch_table(runs, records), table, grid.models["mlp"], "mlp", metric)


def pieces(line: Any) -> list[list[tuple[int, float]]]:
    """The curves that are one line with gaps."""
    found: list[list[tuple[int, float]]] = [[]]
    for x, y in line.get_xydata():
        if np.isnan(y):
            found.append([])
        else:
            found[-1].append((int(x), round(float(y), 6)))
    return [piece for piece in found if piece]


@pytest.mark.parametrize(("metric", "scale"), [("val_loss", 1), ("val_acc", 0.1)])
def test_a_curve_is_the_mean_over_the_seeds_and_ends_where_it_was_stopped(metric: str, scale: float) -> None:
    (axes,) = halving_figure(metric).axes
    last, middle, first, *rungs = axes.lines[:5]

    def curve(rate: float, epochs: int) -> list[tuple[int, float]]:
        return [(epoch, round((3.1 + rate - 0.5 * epoch) * scale, 6)) for epoch in range(epochs)]

    assert sorted(pieces(last)) == sorted([curve(0.0, 5), curve(0.1, 5)])
    assert sorted(pieces(middle)) == sorted([curve(0.2, 3), curve(0.3, 2)])
    assert pieces(first) == [curve(0.4, 1)]
    assert first.get_marker() == "o"  # or a curve of one epoch would not be seen
    assert [line.get_xdata()[0] for line in rungs] == [0, 2]
    assert [each.get_linewidth() for each in (last, middle, first)] == [1.8, 0.8, 0.8]
    assert len({each.get_color() for each in (last, middle, first)}) == 3
    # The configuration with a diverged run ends in a cross; the one that diverged at once has no curve.
    assert pieces(axes.lines[5]) == [[(1, round((3.4 - 0.5) * scale, 6))]]


def test_the_legend_says_how_many_ended_where() -> None:
    figure = halving_figure()
    assert legend(figure) == [
        "5 epochs: 2 configurations",
        "3 epochs: 2 configurations",
        "1 epoch: 2 configurations",
        "diverged",
    ]
    title = figure.legends[0].get_title().get_text()
    assert title == "Epochs trained; after 1 and 3 epochs (dashed) the best 50% go on"


def test_one_failed_configuration_does_not_make_all_others_alike() -> None:
    grid, runs, _ = sweep()
    records = [
        record(run, [1e6 if run.dropout_rate == 0.4 else each for each in losses(run)], [0.5] * run.epochs)
        for run in runs
    ]
    table = configuration_table(run_table(runs, records, grid), "val_loss")
    (axes,) = draw_halving(epoch_table(runs, records), table, grid.models["mlp"], "mlp", "val_loss").axes
    low, high = axes.get_ylim()
    assert low < 1.1
    assert 3.6 < high < 15


def test_a_model_all_of_whose_runs_diverged_has_a_figure() -> None:
    grid, runs, _ = sweep()
    records = [record(run, [], [], 0) for run in runs]
    table = configuration_table(run_table(runs, records, grid), "val_loss")
    figure = draw_halving(epoch_table(runs, records), table, grid.models["mlp"], "mlp", "val_loss")
    assert legend(figure)[0] == "5 epochs: 2 configurations"


def figures(folder: Path, model: str) -> dict[str, Figure]:
    grid, runs, records = sweep()
    write_tables(folder, runs, records, grid)
    return dict(draw_figures(folder, model, 10))


def test_learning_curves_are_those_of_the_survivors_and_hyper_parameters_are_compared_at_the_first_rung(
    tmp_path: Path,
) -> None:
    drawn = figures(tmp_path, "mlp")
    assert list(drawn)[4] == "halving"
    assert legend(drawn["val_loss"]) == ["8_0.1_0.0", "8_0.1_0.1"]
    for name in ("heatmap_val_loss", "effect_dropout_rate"):
        labels = [axes.get_ylabel() for axes in drawn[name].axes]
        assert "Validation Loss\nafter 1 epoch" in labels
    # After one epoch, not the last values, of which those of the survivors would be far lower.
    cells = [text.get_text() for text in drawn["heatmap_val_loss"].axes[0].texts]
    assert cells == ["3.100", "3.200", "3.300", "3.400", "3.500"]
    title = drawn["importance"].legends[0].get_title().get_text()
    assert title.split("; ")[1:] == ["after 1 epoch", "without 1 that diverged"]


def test_a_model_that_is_not_halved_has_none_of_that(tmp_path: Path) -> None:
    drawn = figures(tmp_path, "cnn")
    assert "halving" not in drawn
    assert len(legend(drawn["val_loss"])) == len(RATES)
    assert [axes.get_ylabel() for axes in drawn["effect_dropout_rate"].axes] == [
        "Validation Accuracy",
        "Validation Loss",
    ]


def test_many_curves_are_one_image_in_an_svg() -> None:
    rates = [k / 2000 for k in range(1200)]
    grid = Grid.of({"mlp": {**HALVED, "dropout_rates": rates}}, [0])
    runs = grid.runs_of("mlp", 1)
    records = [record(run, [1 + run.dropout_rate], [0.5]) for run in runs]
    table: pd.DataFrame = configuration_table(run_table(runs, records, grid), "val_loss")
    (axes,) = draw_halving(epoch_table(runs, records), table, grid.models["mlp"], "mlp", "val_loss").axes
    assert all(line.get_rasterized() for line in axes.lines[:3])
