"""Which runs a sweep has, and where its files are."""

from pathlib import Path
from typing import Any

from sweep.layout import Layout

SPACE = {
    "batch_sizes": [8],
    "learning_rates": [0.001],
    "dropout_rates": [0, 0.5],
    "epochs": 2,
    "defaults": {"batch_norm": True, "weight_decay": 0.0},
}


def layout(**studies: Any) -> Layout:
    settings = {"experiment": "tiny", "models": {"mlp": SPACE, "cnn": {**SPACE, "epochs": 3}}, "seeds": [0, 4]}
    settings["report"] = {"rank_by": "val_loss"}
    return Layout({**settings, "studies": studies})


def test_a_study_adds_the_runs_that_neither_the_grid_nor_another_study_has() -> None:
    assert layout().runs == layout().grid.runs()
    norms = {**SPACE, "axes": {"batch_norm": [True, False]}}
    sizes = {**SPACE, "batch_sizes": [8, 16], "dropout_rates": [0.5], "epochs": 3, "axes": {"batch_norm": [False]}}
    asked = layout(ablation={"mlp": norms}, sizes={"mlp": {**norms, "dropout_rates": [0]}, "cnn": sizes})
    assert asked.grid.runs() == layout().grid.runs()
    added = [(run.model, run.name, run.epochs, run.seed) for run in asked.runs[len(asked.grid.runs()) :]]
    assert added == [
        (*configuration, seed)
        for configuration in (
            ("mlp", "8_0.001_0.0_batch_norm=false", 2),
            ("mlp", "8_0.001_0.5_batch_norm=false", 2),
            ("cnn", "8_0.001_0.5_batch_norm=false", 3),
            ("cnn", "16_0.001_0.5_batch_norm=false", 3),
        )
        for seed in (0, 4)
    ]
    assert {name: (grid.study, len(grid.runs())) for name, grid in asked.studies.items()} == {
        "ablation": ("ablation", 8),
        "sizes": ("sizes", 8),
    }
    assert asked.study_tables("sizes") == Path("results/tiny/studies/sizes")


def test_a_runs_files_have_its_axes_in_their_paths() -> None:
    asked = layout(ablation={"mlp": {**SPACE, "axes": {"weight_decay": [0.0005]}}})
    path = "mlp/8_0.001_0.5_weight_decay=0.0005/seed4"
    assert asked.metrics(asked.runs[-1]) == Path(f"results/tiny/runs/{path}/metrics.json")
    assert asked.log(asked.runs[-1]) == Path(f"results/tiny/logs/train/{path}.log")
