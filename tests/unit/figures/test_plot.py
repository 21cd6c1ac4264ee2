"""The program draws the figures that the metrics' list names, of a sweep and of a study."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from examples import record
from figures.made_up import legend
from plot import plot
from sweep.analysis.tables import write_tables
from sweep.grid import Grid
from sweep.metrics import figure_names

SPACE = {
    "batch_sizes": [8],
    "learning_rates": [0.1],
    "dropout_rates": [0, 0.5],
    "axes": {"batch_norm": [True, False]},
    "defaults": {"batch_norm": True, "weight_decay": 0.0},
    "epochs": 2,
}


@pytest.mark.parametrize("study", ["", "ablation"])
def test_each_named_figure_is_drawn_as_png_and_svg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: str) -> None:
    grid = Grid.of({"mlp": SPACE, "cnn": SPACE | {"dropout_rates": [0]}}, [0], study=study)
    records = [record(run, [1.0, 0.5 + run.dropout_rate], [0.5, 0.6]) for run in grid.runs()]
    write_tables(tmp_path, grid.runs(), records, grid)
    saved: dict[str, Figure] = {}
    monkeypatch.setattr("plot.save_figure", lambda figure, file: saved.update({file.name: figure}))
    plot(tmp_path / "grid.json", tmp_path, "mlp", 4, tmp_path)
    names = figure_names(grid.models["mlp"])
    assert names[-3:] == ["effect_dropout_rate", "effect_batch_norm", "importance"]
    assert list(saved) == [f"MLP_{name}.{suffix}" for name in names for suffix in ("png", "svg")]
    expected = "dropout rate 0.5, batch norm false" if study else "8_0.1_0.5_batch_norm=false"
    assert expected in legend(saved["MLP_val_acc.svg"])
