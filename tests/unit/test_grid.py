"""The grid of runs: how many there are, in which order, and the one name of each."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.grid import Grid, Run, rate_name

SPACE = {"batch_sizes": [1024, 512], "learning_rates": [0.001, 1e-5], "dropout_rates": [0, 0.5], "epochs": 3}


@pytest.mark.parametrize(
    ("rate", "name"),
    [
        (0, "0.0"),
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (0.10, "0.1"),
        (1e-3, "0.001"),
        (1e-5, "1e-05"),
        (0.00001, "1e-05"),
        (1, "1.0"),
    ],
)
def test_a_rate_has_one_name(rate: float, name: str) -> None:
    assert rate_name(rate) == name


def distinct(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
    return st.lists(values, min_size=1, max_size=3, unique=True)  # equal numbers are one: 0, 0.0 and -0.0


SPACES = st.fixed_dictionaries(
    {
        "batch_sizes": distinct(st.integers(2, 10**6)),
        "learning_rates": distinct(st.floats(0, sys.float_info.max, exclude_min=True) | st.integers(1, 10**20)),
        "dropout_rates": distinct(st.floats(0, 1, exclude_max=True) | st.sampled_from([0, -0.0])),
        "epochs": st.integers(1, 10**6),
    }
)


@given(st.dictionaries(st.sampled_from(["mlp", "cnn"]), SPACES, min_size=1), distinct(st.integers(0, 2**63 - 1)))
def test_every_run_has_a_name_of_its_own_that_read_back_is_the_run_to_the_last_bit(
    models: dict[str, dict[str, list[float]]], seeds: list[int]
) -> None:
    runs = Grid.of(models, seeds).runs()
    assert len({str(run.path).lower() for run in runs}) == len(runs)  # on a file system without case, too
    for run in runs:
        model, name, seed = run.path.parts
        assert re.fullmatch(r"[0-9]+_[0-9.e+-]+_[0-9.e+-]+", name)
        batch_size, learning_rate, dropout_rate = name.split("_")
        read = Run(
            model,
            int(batch_size),
            float(learning_rate),
            float(dropout_rate),
            run.epochs,
            int(seed.removeprefix("seed")),
        )
        assert repr(read) == repr(run)


def test_the_grid_is_every_combination_in_the_configs_order() -> None:
    runs = Grid.of({"mlp": SPACE, "cnn": {**SPACE, "batch_sizes": [8], "epochs": 1}}, [3, 1]).runs()
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
    """Keys are made of the values: a run must not be trained again because 0 became 0.0 in the config."""
    grids = [{"mlp": {**SPACE, "dropout_rates": [zero]}} for zero in (0, 0.0, -0.0)]
    assert len({repr(list(Grid.of(grid, [0]).runs())) for grid in grids}) == 1


def test_a_model_that_is_null_is_left_out() -> None:
    assert {run.model for run in Grid.of({"mlp": None, "cnn": SPACE}, [0]).runs()} == {"cnn"}
