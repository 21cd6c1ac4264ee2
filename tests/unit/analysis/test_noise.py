"""The noise of a run as it is found in made-up sweeps whose noise is known, and against statsmodels."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from examples import record
from sweep.analysis.noise import find_erratic, find_mixtures, run_noise, seeds_to_know
from sweep.analysis.tables import run_table
from sweep.grid import Grid, Run

# The write-up's grid.
MLP = {
    "batch_sizes": [512, 1024, 2048, 4096],
    "learning_rates": [0.001, 0.0005, 0.0001],
    "dropout_rates": [0, 0.2, 0.4, 0.6, 0.8],
    "epochs": 1,
}


def sweep(
    loss: Callable[[Run, np.random.Generator], float | None], seeds: list[int], **space: Any
) -> tuple[pd.DataFrame, Grid]:
    """The table of runs of the write-up's grid of MLPs with these losses, None for a run that diverged, and the
    grid."""
    grid = Grid.of({"mlp": {**MLP, **space}}, seeds)
    generator = np.random.default_rng(5)
    records = []
    for run in grid.runs():
        value = loss(run, generator)
        records.append(record(run, [], [], 0) if value is None else record(run, [value], [0.5]))
    return run_table(grid.runs(), records, grid), grid


def effects(run: Run) -> float:
    """Main effects and a pair's interaction, far larger than the noise."""
    return 1 + run.dropout_rate**2 + math.log(run.batch_size) * (1 + 500 * run.learning_rate)


def noisy(run: Run, generator: np.random.Generator) -> float:
    return effects(run) + 0.01 * float(generator.standard_normal())


def test_several_seeds_are_pooled() -> None:
    runs, grid = sweep(noisy, [0, 1, 2])
    noise = run_noise(runs, "last_val_loss", "mlp", grid)
    assert noise is not None
    residual = smf.ols("last_val_loss ~ C(name)", runs).fit()
    assert noise.sd == pytest.approx(residual.mse_resid**0.5)
    assert noise.df == residual.df_resid
    assert (noise.origin, noise.erratic, noise.df) == ("seeds", (), 120)
    groups = [values for _, values in runs.groupby("name")["last_val_loss"]]
    assert noise.homogeneity == pytest.approx(stats.bartlett(*groups).pvalue)


def test_configurations_with_a_diverged_run_are_left_out() -> None:
    runs, grid = sweep(lambda run, generator: None if run.seed == 1 and run.dropout_rate == 0.8
                       else noisy(run, generator), [0, 1, 2])  # fmt: skip
    noise = run_noise(runs, "last_val_loss", "mlp", grid)
    assert noise is not None
    assert noise.df == 2 * 48


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_erratic_configuration_is_named_and_left_out(seeds: int) -> None:
    def loss(run: Run, generator: np.random.Generator) -> float:
        return noisy(run, generator) + (run.name == "512_0.001_0.8") * [1.0, 1.1, 5.0, 9.0, 2.0][run.seed] * 50

    runs, grid = sweep(loss, list(range(seeds)))
    noise = run_noise(runs, "last_val_loss", "mlp", grid)
    assert noise is not None
    assert (noise.erratic, noise.df) == (("512_0.001_0.8",), 59 * (seeds - 1))
    assert noise.sd == pytest.approx(0.01, rel=0.2)


def test_noises_that_merely_differ_stay_in_the_pool() -> None:
    """Of two hundred sweeps whose configurations have lognormal deviations none loses more than one of sixty."""
    generator = np.random.default_rng(2)
    deviations = np.exp(0.7 * generator.standard_normal((200, 60, 1)))
    variances = (deviations * generator.standard_normal((200, 60, 3))).var(axis=2, ddof=1)
    df = np.full(60, 2)
    lost = [find_erratic(each, df).sum() for each in variances]
    assert np.mean(lost) < 0.3
    # Bartlett's test sees that they differ.
    assert stats.bartlett(*(deviations[0] * generator.standard_normal((60, 3)))).pvalue < 0.01
    # Of two configurations none is erratic, nor where there is no noise; beside no noise, any is too much.
    assert not find_erratic(np.array([0.0, 1.0]), df[:2]).any()
    assert not find_erratic(np.array([0.0, 0.0, 0.0]), df[:3]).any()
    assert find_erratic(np.array([0.0, 0.0, 1.0]), df[:3]).tolist() == [False, False, True]


def test_one_seed_of_a_complete_grid_has_the_noise_of_its_higher_interactions() -> None:
    runs, grid = sweep(noisy, [0])
    noise = run_noise(runs, "last_val_loss", "mlp", grid)
    assert noise is not None
    formula = "last_val_loss ~ (C(batch_size) + C(learning_rate) + C(dropout_rate)) ** 2"
    residual = smf.ols(formula, runs).fit()
    assert noise.sd == pytest.approx(residual.mse_resid**0.5)
    assert noise.df == residual.df_resid == 24
    assert (noise.origin, noise.erratic, noise.homogeneity) == ("interactions", (), None)
    assert noise.sd == pytest.approx(0.01, rel=0.4)


def test_without_seeds_and_interactions_the_noise_is_unknown() -> None:
    """With one seed: a run is missing from the grid, there are 2 · 2 · 1 degrees of freedom, or one of two axes."""
    spaces: list[dict[str, Any]] = [
        {"exclude": [{"batch_size": 512, "learning_rate": 0.001, "dropout_rate": 0.2}]},
        {"batch_sizes": [8, 16, 32], "learning_rates": [0.1, 0.01, 0.001], "dropout_rates": [0, 0.5]},
        {"batch_sizes": [8]},
    ]
    for space in spaces:
        runs, grid = sweep(noisy, [0], **space)
        assert run_noise(runs, "last_val_loss", "mlp", grid) is None
    runs, grid = sweep(lambda run, generator: None if run.dropout_rate == 0 else noisy(run, generator), [0])
    assert run_noise(runs, "last_val_loss", "mlp", grid) is None
    # With a second seed it is known for each of them.
    runs, grid = sweep(noisy, [0, 1], **spaces[2])
    assert run_noise(runs, "last_val_loss", "mlp", grid) is not None
    assert [seeds_to_know(configurations) for configurations in (1, 2, 60)] == [3, 2, 2]


def test_the_mean_square_is_right_on_average_from_one_seed_and_from_several() -> None:
    """Made again and again, the noise of one seed is that of several, as it must be if no three interact."""
    squares: dict[int, list[float]] = {1: [], 2: []}
    for seeds, found in squares.items():
        runs, grid = sweep(noisy, list(range(seeds)))
        generator = np.random.default_rng(9)
        truth = np.array([effects(run) for run in grid.runs()])
        for _ in range(40):
            drawn = runs.assign(last_val_loss=truth + 0.01 * generator.standard_normal(len(runs)))
            noise = run_noise(drawn, "last_val_loss", "mlp", grid)
            assert noise is not None
            found.append((noise.sd / 0.01) ** 2)
    for seeds, df in ((1, 24), (2, 60)):
        # Four standard errors of the mean of forty χ² / df.
        assert np.mean(squares[seeds]) == pytest.approx(1, abs=4 * (2 / df / 40) ** 0.5)


def test_a_mixture_is_named() -> None:
    runs, _ = sweep(noisy, [0])
    assert find_mixtures(runs) == {}
    mixed = runs.assign(precision=["bf16", *runs["precision"][1:]], torch=[*runs["torch"][1:], math.nan])
    assert find_mixtures(mixed) == {"precision": ["bf16", "fp32"]}
