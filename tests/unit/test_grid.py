"""The grid of runs: how many, in which order, and the one name of each."""

from pathlib import Path

import pytest

from sweep.grid import Run, expand_grid, rate_name

SPACE = {"batch_sizes": [1024, 512], "learning_rates": [0.001, 1e-5], "dropout_rates": [0, 0.5], "epochs": 3}


@pytest.mark.parametrize(
    ("rate", "name"),
    [(0, "0.0"), (0.0, "0.0"), (0.10, "0.1"), (1e-3, "0.001"), (1e-5, "1e-05"), (0.00001, "1e-05"), (1, "1.0")],
)
def test_a_rate_has_one_name(rate: float, name: str) -> None:
    assert rate_name(rate) == name


@pytest.mark.parametrize("rate", [0.1 + 0.2, 1 / 3, 5e-324, 0.0005, 123456.789])
def test_a_rates_name_read_back_is_the_rate_to_the_last_bit(rate: float) -> None:
    assert float(rate_name(rate)) == rate


def test_the_grid_is_every_combination_in_the_configs_order() -> None:
    runs = list(expand_grid({"mlp": SPACE, "cnn": {**SPACE, "batch_sizes": [8], "epochs": 1}}, [3, 1]))
    assert len(runs) == 2 * 2 * 2 * 2 + 1 * 2 * 2 * 2
    assert [str(run.path) for run in runs[:5]] == [
        str(Path("mlp", name, seed))
        for name, seed in [
            ("1024_0.001_0.0", "seed3"),
            ("1024_0.001_0.0", "seed1"),
            ("1024_0.001_0.5", "seed3"),
            ("1024_0.001_0.5", "seed1"),
            ("1024_1e-05_0.0", "seed3"),
        ]
    ]
    assert runs[8] == Run("mlp", 512, 0.001, 0.0, 3, 3)
    assert runs[-1] == Run("cnn", 8, 1e-5, 0.5, 1, 1)
    assert len({run.path for run in runs}) == len(runs)


def test_an_integer_rate_gives_the_same_run_as_a_decimal_one() -> None:
    """Keys are made of the values: a run must not train anew since 0 became 0.0 in the config."""
    one, other = ({"mlp": {**SPACE, "dropout_rates": [zero]}} for zero in (0, 0.0))
    assert [repr(run) for run in expand_grid(one, [0])] == [repr(run) for run in expand_grid(other, [0])]


def test_a_model_that_is_null_is_left_out() -> None:
    assert {run.model for run in expand_grid({"mlp": None, "cnn": SPACE}, [0])} == {"cnn"}
