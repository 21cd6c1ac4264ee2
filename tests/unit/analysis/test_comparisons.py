"""What may be said of differences, in simulated sweeps whose truth is known, and against scipy's own numbers."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from sweep.analysis.claims import best_figure, best_runs
from sweep.analysis.comparisons import (
    Difference,
    Figure,
    combine,
    deviation,
    dunnett_quantile,
    is_equivalent,
    not_told_apart,
    seeds_to_tell,
    subtract,
    tellable_difference,
)
from sweep.analysis.noise import find_erratic, run_noise
from sweep.analysis.ranking import configuration_figure, rank_model
from sweep.grid import Grid

CONFIGURATIONS = 60
Floats = NDArray[np.float64]


@pytest.mark.parametrize(("comparisons", "df", "expected"), [(59, 120, 2.966), (59, 24, 3.148)])
def test_the_quantile_is_the_known_one(comparisons: int, df: int, expected: float) -> None:
    assert dunnett_quantile(comparisons, df) == pytest.approx(expected, abs=1e-3)


def test_the_quantile_is_where_scipys_dunnett_says_5_percent() -> None:
    """Five groups of four, the first of which is so far from the control as the quantile says: its p is 0.05."""
    generator = np.random.default_rng(1)
    groups = generator.normal(size=(5, 4))
    groups = (groups - groups.mean(axis=1, keepdims=True)) / groups.std(axis=1, ddof=1, keepdims=True)
    groups[1] += dunnett_quantile(4, 15) * math.sqrt(2 / 4)
    found = stats.dunnett(*groups[1:], control=groups[0], alternative="greater", rng=generator)
    assert found.pvalue[0] == pytest.approx(0.05, abs=0.002)
    # Of one comparison it is Student's.
    assert dunnett_quantile(1, 7) == pytest.approx(stats.t.ppf(0.95, 7), abs=1e-5)


def simulate(seeds: int, spread: float, uneven: float, sweeps: int = 1500) -> tuple[float, float]:
    """How often the set has the truly best configuration, and the share of the configurations in it.

    The true means have the standard deviation `spread`, in noises of a run, the logarithms of the noises `uneven`. Of
    one seed the noise is known by the 24 degrees of freedom that the interactions of the write-up's grid have.
    """
    generator = np.random.default_rng(7)
    found, shares = 0, []
    for _ in range(sweeps):
        noises = np.exp(uneven * generator.standard_normal(CONFIGURATIONS))
        truth = spread * generator.standard_normal(CONFIGURATIONS)
        values = truth[:, None] + noises[:, None] * generator.standard_normal((CONFIGURATIONS, seeds))
        if seeds == 1:
            df = 24
            variances = np.full(CONFIGURATIONS, generator.chisquare(df) / df)
        else:
            own = values.var(axis=1, ddof=1)
            pooled = own[~find_erratic(own, np.full(CONFIGURATIONS, seeds - 1))]
            df = len(pooled) * (seeds - 1)
            variances = np.maximum(own, pooled.mean())
        kept = not_told_apart(values.mean(axis=1), variances, seeds, df)
        # Where all are equally good, any may be called the best.
        found += kept[truth.argmin()]
        shares.append(kept.mean())
    return found / sweeps, float(np.mean(shares))


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("spread", [0, 1, 3])
def test_the_true_best_is_in_the_set(seeds: int, spread: float) -> None:
    found, share = simulate(seeds, spread, 0)
    assert found >= 0.93
    # And the set is one: where the configurations differ, most are not in it.
    assert spread < 3 or share < 0.25


@pytest.mark.parametrize(("seeds", "least"), [(2, 0.88), (3, 0.92), (5, 0.92)])
@pytest.mark.parametrize("spread", [0, 1])
def test_the_true_best_is_in_the_set_if_the_noises_differ(seeds: int, spread: float, least: float) -> None:
    assert simulate(seeds, spread, 0.7)[0] >= least


def test_more_seeds_leave_fewer_in_the_set() -> None:
    shares = [simulate(seeds, 3, 0, 200)[1] for seeds in (1, 2, 3, 5, 10)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] < shares[0] / 3


def test_the_set_goes_by_the_difference_and_both_variances() -> None:
    """Three configurations, four seeds: a standard error of the best and the second of √(2 / 4), of the third of
    √(10 / 4)."""
    quantile = dunnett_quantile(2, 9)
    variances = np.array([1.0, 1.0, 9.0])
    for factor, kept in ((0.999, True), (1.001, False)):
        behind = quantile * np.sqrt([0, 2 / 4, 10 / 4])
        assert not_told_apart(factor * behind, variances, 4, 9).tolist() == [True, kept, kept]
    assert not_told_apart(np.array([3.0]), np.array([1.0]), 4, 3).tolist() == [True]
    # Without any noise all but equals are told apart.
    assert not_told_apart(np.array([1.0, 1.0, 1.1]), np.zeros(3), 1, 9).tolist() == [True, True, False]


def best_values(generator: np.random.Generator, spread: float, seeds: int, sweeps: int) -> Floats:
    """The lowest of the configurations' values of each seed, shape (sweeps, seeds); the noise of a run is 1."""
    truth = spread * generator.standard_normal((sweeps, CONFIGURATIONS, 1))
    values: Floats = (truth + generator.standard_normal((sweeps, CONFIGURATIONS, seeds))).min(axis=1)
    return values


def figures(values: Floats, generator: np.random.Generator) -> list[Figure]:
    """The mean of each row, with the noise that is known of so many seeds: its own from three on, or else a run's."""
    sweeps, seeds = values.shape
    if seeds >= 3:
        noises, df = values.std(axis=1, ddof=1), seeds - 1
    else:
        df = 24 if seeds == 1 else CONFIGURATIONS
        noises = np.sqrt(generator.chisquare(df, sweeps) / df)
    return [Figure(*pair, df, seeds) for pair in zip(values.mean(axis=1).tolist(), noises.tolist(), strict=True)]


@pytest.mark.parametrize("spread", [0, 1, 3])
@pytest.mark.parametrize(("seeds", "least", "most"), [(1, 0, 0.07), (2, 0, 0.07), (3, 0.03, 0.07), (5, 0.03, 0.07)])
def test_a_true_replication_is_rarely_called_inconsistent(seeds: int, least: float, most: float, spread: float) -> None:
    """The figure of the write-up is the best of one more seed of the same experiment."""
    generator = np.random.default_rng(11)
    values = best_values(generator, spread, seeds + 1, 4000)
    pairs = zip(figures(values[:, :-1], generator), values[:, -1].tolist(), strict=True)
    assert least <= np.mean([deviation(figure, drawn).sign != 0 for figure, drawn in pairs]) <= most


def test_of_ten_seeds_too() -> None:
    generator = np.random.default_rng(12)
    values = best_values(generator, 1, 11, 2000)
    pairs = zip(figures(values[:, :-1], generator), values[:, -1].tolist(), strict=True)
    assert 0.03 <= np.mean([deviation(figure, drawn).sign != 0 for figure, drawn in pairs]) <= 0.07


def test_the_prediction_interval_is_the_textbooks() -> None:
    """1.0, 1.1, 1.3: mean 1.1333, deviation 0.1528; Student's quantile for two degrees of freedom is 4.303."""
    difference = deviation(Figure(3.4 / 3, float(np.std([1.0, 1.1, 1.3], ddof=1)), 2, 3), 1.0)
    assert difference.least == pytest.approx(4.3027 * 0.15275 * math.sqrt(4 / 3), rel=1e-3)
    assert difference.sign == 0
    assert [replace(difference, value=value).sign for value in (0.75, 0.77, -0.77)] == [0, 1, -1]


@pytest.mark.parametrize(
    ("value", "error", "margin", "equivalent"),
    [(0.002, 0.001, 0.004, True), (-0.003, 0.001, 0.004, False), (0.0, 0.01, 0.01, False), (0.004, 0.0, 0.004, True)],
)
def test_equivalent_is_what_stays_within_the_margin(
    value: float, error: float, margin: float, equivalent: bool
) -> None:
    assert is_equivalent(Difference(value, error, 1000), margin) is equivalent


def named(values: Floats) -> tuple[pd.DataFrame, Grid]:
    """The table of runs with these losses, shape (configurations, seeds), and a grid with its seeds."""
    configurations, seeds = values.shape
    runs = pd.DataFrame({"model": "mlp", "name": np.repeat(np.arange(configurations).astype(str), seeds)})
    runs = runs.assign(
        seed=[*range(seeds)] * configurations, status="completed", epochs=1, last_val_loss=values.ravel()
    )
    sizes = [*range(2, 2 + configurations)]
    space = {"batch_sizes": sizes, "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}
    return runs, Grid.of({"mlp": space}, [*range(seeds)])


def lead(ours: Floats, theirs: Floats) -> Difference:
    """The lead of the best configuration of one model over that of another, less the luck of each, as a report has
    it."""
    figures = []
    for values in (ours, theirs):
        runs, grid = named(values)
        ranking = rank_model(runs, "mlp", grid)
        assert ranking is not None
        assert ranking.noise is not None
        assert ranking.optimism is not None
        own = runs.loc[runs["name"] == ranking.names[0], "last_val_loss"].to_numpy(float)
        figure = configuration_figure(own, ranking.noise)
        figures.append(replace(figure, value=figure.value + ranking.optimism))
    return subtract(*figures)


@pytest.mark.parametrize(("ours", "theirs", "seeds"), [(40, 40, 2), (60, 2, 3), (60, 3, 2)])
def test_equal_models_are_rarely_told_apart(ours: int, theirs: int, seeds: int) -> None:
    """Of however unequally many configurations: the best of sixty is luckier than the best of two."""
    generator = np.random.default_rng(13)
    told = [
        lead(*(generator.standard_normal((configurations, seeds)) for configurations in (ours, theirs))).sign != 0
        for _ in range(150)
    ]
    assert np.mean(told) <= 0.06


def test_a_true_lead_is_found_more_often_with_more_seeds() -> None:
    """One configuration of each model is far ahead of the others, that of ours by two noises of a run more; the claim
    that a model is ahead takes the best run of each seed."""
    generator = np.random.default_rng(14)
    found = []
    for seeds in (2, 3, 5, 10):
        told = 0
        for _ in range(120):
            figures = []
            for ahead in (2.0, 0.0):
                values = generator.standard_normal((20, seeds))
                values[0] -= 9 + ahead
                runs, grid = named(values)
                noise = run_noise(runs, "last_val_loss", "mlp", grid)
                best = best_runs(runs, "val_loss", seeds)
                assert best is not None
                figure = best_figure(best, runs, "last_val_loss", noise, pooled=True)
                assert figure is not None
                figures.append(figure)
            told += subtract(*figures).sign == -1
        found.append(told / 120)
    assert found == sorted(found)
    assert found[0] > 0.3
    assert found[-1] > 0.95


def test_two_seeds_are_careful_even_if_the_noises_differ() -> None:
    """The write-up's best is that of one more seed; deviations are lognormal(0.7)."""
    generator = np.random.default_rng(15)
    judged = []
    for _ in range(250):
        noises = np.exp(0.7 * generator.standard_normal((60, 1)))
        values = generator.standard_normal((60, 1)) + noises * generator.standard_normal((60, 3))
        runs, grid = named(values[:, :2])
        best = best_runs(runs, "val_loss", 2)
        assert best is not None
        noise = run_noise(runs, "last_val_loss", "mlp", grid)
        if figure := best_figure(best, runs, "last_val_loss", noise, pooled=False):
            judged.append(deviation(figure, float(values[:, 2].min())).sign != 0)
    assert len(judged) > 200
    assert np.mean(judged) <= 0.07


def test_a_difference_is_that_of_welch() -> None:
    first, second = np.array([1.0, 1.2, 1.7, 0.9]), np.array([2.0, 2.6, 1.9])
    ours, other = (Figure(each.mean(), each.std(ddof=1), len(each) - 1, len(each)) for each in (first, second))
    found, expected = subtract(ours, other), stats.ttest_ind(first, second, equal_var=False)
    assert found.value / found.error == pytest.approx(expected.statistic)
    assert found.df == pytest.approx(expected.df)
    assert found.least == pytest.approx(expected.confidence_interval(0.95).high - found.value)
    assert combine((0.0, 3), (0.0, 5)) == (0.0, 3)


@pytest.mark.parametrize(("difference", "df"), [(0.9, 120), (1.5, 120), (1.2, 24)])
def test_so_many_seeds_find_the_difference_four_times_of_five(difference: float, df: int) -> None:
    seeds = seeds_to_tell(difference, 1, df)
    generator = np.random.default_rng(17)
    means = generator.standard_normal((20000, 2)) / math.sqrt(seeds) + [difference, 0]
    noises = np.sqrt(generator.chisquare(df, 20000) / df)
    least = stats.t.ppf(0.975, df) * noises * math.sqrt(2 / seeds)
    assert 0.79 <= np.mean(np.abs(means[:, 0] - means[:, 1]) > least) <= 0.88
    assert tellable_difference(seeds, 1, df) <= difference < tellable_difference(seeds - 1, 1, df)
    assert seeds_to_tell(100, 1, df) == 2
