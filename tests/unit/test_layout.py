"""Which runs a sweep has."""

from typing import Any

from sweep.layout import Layout

SPACE = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2}


def layout(**studies: Any) -> Layout:
    return Layout({"models": {"mlp": SPACE, "cnn": {**SPACE, "epochs": 3}}, "seeds": [0, 4], "studies": studies})


def test_a_study_adds_the_runs_that_the_grid_has_not() -> None:
    assert layout().runs == layout().grid.runs()
    asked = layout(ablation={"mlp": "8_0.001_0.2"}, dropout_kind={"cnn": "16_0.001"})
    assert asked.grid.runs() == layout().grid.runs()
    added = {(run.model, run.name, run.epochs) for run in asked.runs[len(asked.grid.runs()) :]}
    assert added == {
        ("mlp", "8_0.001_0.2", 2),
        ("mlp_without_bn", "8_0.001_0.2", 2),
        ("mlp_without_bn", "8_0.001_0.0", 2),
        *((model, f"16_0.001_{rate}", 3) for model in ("cnn", "cnn_element_dropout") for rate in (0.0, 0.5)),
    }
    assert len(asked.runs) == len(set(asked.runs)) == len(asked.grid.runs()) + 2 * len(added)
