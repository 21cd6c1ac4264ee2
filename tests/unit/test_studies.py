"""Studies: how their configurations are read, which runs they have, and what their curves are."""

from typing import Any

import numpy as np
import pytest

from examples import record
from sweep.analysis.tables import configuration_table, epoch_table, run_table
from sweep.errors import SweepError
from sweep.figures.curves import study_curves
from sweep.grid import Grid
from sweep.layout import Layout
from sweep.studies import read_configuration, study_spaces

SPACE = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2}


@pytest.mark.parametrize(
    ("study", "value", "expected"),
    [
        ("ablation", "1024_0.001_0.2", (1024, [0.001, 0.2])),
        ("ablation", "2_1e-05_0.5", (2, [1e-05, 0.5])),
        ("dropout_kind", "128_0.001", (128, [0.001])),
        ("dropout_kind", 1280.001, (128, [0.001])),  # as YAML reads 128_0.001
        ("dropout_kind", 10240.00012345, (1024, [0.00012345])),
        ("dropout_kind", "128_1.0", (128, [1.0])),
    ],
)
def test_a_configuration_is_read_from_its_name(study: str, value: Any, expected: Any) -> None:
    assert read_configuration(study, value) == expected


@pytest.mark.parametrize(("study", "value"), [("dropout_kind", 1281.5), ("dropout_kind", 128), ("ablation", 0.2)])
def test_a_number_that_may_be_several_names_is_refused(study: str, value: float) -> None:
    with pytest.raises(SweepError, match="in quotes"):
        read_configuration(study, value)


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


def test_curves_are_solid_for_the_model_and_dashed_for_its_variant_in_the_colour_of_the_rate() -> None:
    spaces = study_spaces("ablation", {"mlp": "8_0.001_0.5", "cnn": "8_0.001_0.2"}, layout().settings["models"])
    runs = Grid.of(spaces, [0]).runs()
    losses = {("mlp", 0.0): 1.0, ("mlp", 0.5): 2.0, ("mlp_without_bn", 0.0): 3.0, ("mlp_without_bn", 0.5): 4.0}
    records = [record(run, [9.0, losses.get((run.model, run.dropout_rate), 7.0)], [0.5, 0.5]) for run in runs]
    tables = epoch_table(runs, records), configuration_table(run_table(runs, records), "val_loss")
    figure = study_curves(*tables, "ablation", "mlp", "val_loss")
    lines = figure.axes[0].lines
    np.testing.assert_array_equal([line.get_ydata()[-1] for line in lines], [1.0, 2.0, 3.0, 4.0])
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["BN, dropout 0.0", "BN, dropout 0.5", "no BN, dropout 0.0", "no BN, dropout 0.5"]
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--", "--"]
    colours = [line.get_color() for line in lines]
    assert colours[:2] == colours[2:]
    assert colours[0] != colours[1]
