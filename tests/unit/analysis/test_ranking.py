"""Which configurations may be the best, how optimistic the best figure is, and what the test set says."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from examples import record
from sweep.analysis.comparisons import dunnett_quantile, subtract
from sweep.analysis.noise import Noise, run_noise
from sweep.analysis.ranking import (
    Ranking,
    binomial_error,
    configuration_figure,
    honest_accuracy,
    optimism_of_best,
    rank,
)
from sweep.analysis.tables import run_table
from sweep.grid import Grid, Run

RUN = Run("mlp", 8, 0.001, 0.0, 1, 0)


def ranked(losses: list[list[float | None]], rank_by: str = "val_loss", noise: Noise | None = None) -> Ranking:
    """The ranking of configurations 0.0, 0.01, … of which each seed's metric is given, None if diverged; by the noise
    of the runs if none is given."""
    rates = [position / 100 for position in range(len(losses))]
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": rates, "epochs": 1}
    grid = Grid.of({"mlp": space}, list(range(len(losses[0]))))
    runs, records = [], []
    for rate, seeds in zip(rates, losses, strict=True):
        for seed, last in enumerate(seeds):
            run = replace(RUN, dropout_rate=rate, seed=seed)
            runs.append(run)
            records.append(record(run, [], [], 0) if last is None else record(run, [last], [last]))
    table = run_table(runs, records, grid)
    ranking = rank(table, rank_by, noise or run_noise(table, f"last_{rank_by}", "mlp", grid))
    assert ranking is not None
    return ranking


def name(position: int) -> str:
    return f"8_0.001_{position / 100}"


@pytest.mark.parametrize("rank_by", ["val_loss", "val_acc"])
def test_one_seed_is_judged_by_the_noise_that_is_known(rank_by: str) -> None:
    """Noise 0.1 with 24 degrees of freedom, and three others: at most d · 0.1 · √2 behind."""
    sign = 1 if rank_by == "val_loss" else -1
    least = dunnett_quantile(3, 24) * 0.1 * math.sqrt(2)
    metrics: list[list[float | None]] = [[0.5 + sign * behind] for behind in (2 * least, 0, 1.01 * least, 0.99 * least)]
    ranking = ranked(metrics, rank_by, Noise(0.1, 24, "interactions"))
    assert ranking.names == [name(position) for position in (1, 3, 2, 0)]
    assert ranking.candidates == [name(1), name(3)]
    assert ranking.reach == pytest.approx(least)
    assert ranking.seeds == 1


def test_without_noise_the_order_alone_is_known() -> None:
    ranking = ranked([[1.1], [1.0]])
    assert ranking == Ranking([name(1), name(0)], 1, None)


def test_an_erratic_configuration_is_no_candidate_in_the_place_of_a_better_one() -> None:
    """Ten tight configurations, the second of which is near the best, and an erratic one, which is ranked last."""
    tight: list[list[float | None]] = [[1 + 0.02 * place + luck for luck in (0.0, 0.01, 0.02)] for place in range(10)]
    ranking = ranked([*tight, [1.9, 2.0, 6.0]])
    assert ranking.noise is not None
    assert ranking.noise.erratic == (name(10),)
    assert ranking.names[-1] == name(10)
    assert ranking.candidates is not None
    assert ranking.candidates[:2] == [name(0), name(1)]
    assert name(9) not in ranking.candidates
    # Its own noise leaves open that it is the best, 2.29 behind by a standard error of 1.35; it hides no other one.
    assert ranking.candidates[2:] == [name(10)]


def test_two_that_differ_by_less_than_their_noise_are_both_named() -> None:
    """Of three seeds each, 1.00, 1.01, 1.02 and 1.01, 1.04, 1.08, and nothing is said to have no chance."""
    assert ranked([[1.00, 1.01, 1.02], [1.01, 1.04, 1.08]]).candidates == [name(0), name(1)]


def test_with_equal_noises_the_set_is_the_first_ones() -> None:
    """As in the real grid, where ranks 1, 2, 3 and 8 could not be told apart, but 4 to 7 could."""
    generator = np.random.default_rng(4)
    truth = np.linspace(1, 1.2, 60)[:, None]
    deviations = 0.01 + 0 * truth
    values = truth + deviations * generator.standard_normal((60, 3))
    # Their own deviations, scaled to be the same.
    values = values.mean(1, keepdims=True) + 0.01 * (values - values.mean(1, keepdims=True)) / values.std(
        1, ddof=1, keepdims=True
    )
    ranking = ranked([[float(value) for value in row] for row in values])
    assert ranking.candidates == ranking.names[: len(ranking.candidates or [])]
    assert 2 < len(ranking.candidates) < 30
    # The optimism is that of means of three.
    expected = optimism_of_best(np.sort(values.mean(axis=1)), np.full(60, 0.01**2 / 3))
    assert ranking.optimism == pytest.approx(expected, rel=1e-6)


def test_diverged_configurations_are_not_ranked() -> None:
    ranking = ranked([[1.1, None], [1.0, 1.01], [1.2, 1.21]])
    assert ranking.names == [name(1), name(2)]


def test_missing_runs_and_nothing_left_are_no_ranking() -> None:
    grid = Grid.of({"mlp": {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}}, [0])
    runs = [RUN, replace(RUN, seed=1), replace(RUN, dropout_rate=0.5)]
    noise = Noise(0.1, 24, "seeds")
    assert rank(run_table(runs, [record(run, [1.0], [0.5]) for run in runs], grid), "val_loss", noise) is None
    assert rank(run_table(runs, [record(run, [], [], 0) for run in runs], grid), "val_loss", noise) is None


@pytest.mark.parametrize("spread", [0, 1, 3])
@pytest.mark.parametrize("configurations", [10, 60])
def test_the_optimism_of_the_best_is_what_it_truly_is(spread: float, configurations: int) -> None:
    """In simulated sweeps the figure of the best is compared with its true mean, in standard errors of a mean. What is
    found is right where all are equally good, and up to 0.45 too careful where they are not."""
    generator = np.random.default_rng(6)
    true, found = [], []
    for sweep in range(1500):
        truth = spread * generator.standard_normal(configurations)
        means = truth + generator.standard_normal(configurations)
        true.append(truth[means.argmin()] - means.min())
        if sweep < 100:
            found.append(optimism_of_best(means, np.ones(configurations)))
    error = np.std(found) / math.sqrt(len(found)) + np.std(true) / math.sqrt(len(true))
    assert -2.5 * error <= np.mean(found) - np.mean(true) <= (0.45 if spread else 2.5 * error)


def test_one_configuration_alone_is_not_optimistic() -> None:
    assert optimism_of_best(np.array([1.0]), np.array([0.04])) == 0
    assert optimism_of_best(np.array([1.0, 100.0]), np.array([0.04, 0.04])) == 0


@pytest.mark.parametrize(("right", "images"), [(0, 12), (12, 12), (1, 12), (5197, 10000)])
def test_the_error_of_an_accuracy_is_half_of_wilsons_interval(right: int, images: int) -> None:
    interval = stats.binomtest(right, images).proportion_ci(2 * stats.norm.cdf(1) - 1, method="wilson")
    error = binomial_error(right / images, images)
    assert error == pytest.approx((interval.high - interval.low) / 2)
    # That of an ordinary accuracy, which is 0 where all or no images are right.
    assert images < 10000 or error == pytest.approx(math.sqrt(0.5197 * 0.4803 / images), abs=1e-6)


def test_the_interval_of_a_test_accuracy_has_what_other_images_would_give() -> None:
    """In simulations it has the true accuracy of the networks of the best of sixty, over all images, in 95 % of cases,
    however lucky the training was that made it the best."""
    generator = np.random.default_rng(8)
    images, held = 1000, 0
    for _ in range(2000):
        best = 0.5 + 0.02 * generator.standard_normal(60).max()
        found = honest_accuracy(np.array([generator.binomial(images, best) / images]), images)
        held += found.low <= best <= found.high
    assert 0.935 <= held / 2000 <= 0.965
    alone = honest_accuracy(np.array([0.6]), images)
    wilson = stats.binomtest(600, images).proportion_ci(0.95, method="wilson")
    assert (alone.low, alone.high) == pytest.approx((wilson.low, wilson.high), abs=1e-3)
    assert honest_accuracy(np.array([1.0]), 12).high == 1


def test_a_configurations_figure_has_the_larger_noise() -> None:
    noise = Noise(0.1, 24, "seeds")
    tight, erratic = (configuration_figure(np.array(values), noise) for values in ([1.0, 1.01], [2.0, 3.0]))
    assert tight.sd == 0.1
    assert erratic.sd == pytest.approx(math.sqrt(0.5))
    assert subtract(erratic, tight).error == pytest.approx(math.sqrt((0.5 + 0.01) / 2))


def test_ten_thousand_configurations_are_ranked() -> None:
    """All are equally good, and hardly any is told apart."""
    generator = np.random.default_rng(10)
    names = [f"configuration{number}" for number in range(10_000)]
    runs = pd.DataFrame({"model": "mlp", "name": np.repeat(names, 2), "seed": [0, 1] * 10_000, "status": "completed"})
    runs["last_val_loss"] = 1 + 0.1 * generator.standard_normal(20_000)
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}
    noise = run_noise(runs, "last_val_loss", "mlp", Grid.of({"mlp": space}, [0, 1]))
    assert noise is not None
    assert noise.sd == pytest.approx(0.1, rel=0.03)
    ranking = rank(runs, "val_loss", noise)
    assert ranking is not None
    assert ranking.candidates is not None
    assert len(ranking.candidates) > 9_000
