"""Which configurations may be the best, compared with numbers that are computed in another way."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from examples import record
from sweep.analysis.ranking import Ranking, binomial_error, rank
from sweep.analysis.tables import run_table
from sweep.grid import Grid, Run

RUN = Run("mlp", 8, 0.001, 0.0, 1, 0)
SPACE = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}
GRID = Grid.of({"mlp": SPACE}, [0])


def ranked(metrics: list[list[tuple[float, float] | None]], rank_by: str = "val_loss", images: int = 100) -> Ranking:
    """The ranking of configurations 0.0, 0.1, … of which each seed's (val_loss, val_acc) is given, None if diverged."""
    runs, records = [], []
    for position, seeds in enumerate(metrics):
        for seed, last in enumerate(seeds):
            run = replace(RUN, dropout_rate=position / 10, seed=seed)
            runs.append(run)
            records.append(record(run, [], [], 0) if last is None else record(run, [last[0]], [last[1]]))
    ranking = rank(run_table(runs, records, GRID), rank_by, images)
    assert ranking is not None
    return ranking


@pytest.mark.parametrize("rank_by", ["val_loss", "val_acc"])
def test_one_seed_is_judged_by_the_accuracy(rank_by: str) -> None:
    """At 100 images two binomial errors of the difference from 0.5 are 0.141 and a bit less on the way down."""
    metrics = [(1.1, 0.365), (1.0, 0.5), (1.2, 0.35), (9.0, 0.49)]
    limit = 2 * math.sqrt((0.5 * 0.5 + 0.365 * 0.635) / 100)
    assert 0.5 - 0.365 < limit < 0.5 - 0.35
    ranking = ranked([[pair] for pair in metrics], rank_by)
    names = [f"8_0.001_{rate}" for rate in {"val_loss": (0.1, 0.0, 0.3), "val_acc": (0.1, 0.3, 0.0)}[rank_by]]
    assert (ranking.candidates, ranking.probabilities) == (names, {})
    assert len(ranking.names) == 4
    # With so many images, each difference is significant.
    assert len(ranked([[pair] for pair in metrics], rank_by, 1_000_000).candidates) == 1


@pytest.mark.parametrize(("right", "images"), [(0, 12), (12, 12), (1, 12), (5197, 10000)])
def test_the_error_of_an_accuracy_is_half_of_wilsons_interval(right: int, images: int) -> None:
    interval = stats.binomtest(right, images).proportion_ci(2 * stats.norm.cdf(1) - 1, method="wilson")
    error = binomial_error(right / images, images)
    assert error == pytest.approx((interval.high - interval.low) / 2)
    # That of an ordinary accuracy, which is 0 where all or no images are right.
    assert images < 10000 or error == pytest.approx(math.sqrt(0.5197 * 0.4803 / images), abs=1e-6)


def test_an_accuracy_of_1_is_not_certain() -> None:
    """Of 12 images, 12 and 9 are right: too few to tell. The old error, 0 and 0.125, told them apart at 2 × 0.125."""
    ranking = ranked([[(1.0, 1.0)], [(1.1, 9 / 12 - 1e-9)], [(1.2, 0.5)]], images=12)
    assert ranking.candidates == ["8_0.001_0.0", "8_0.001_0.1"]


def test_several_seeds_are_compared_seed_by_seed() -> None:
    """The second and the third lie behind by 0.1, 3.9 and 4.7 standard errors; Student's quantile is 4.3."""
    best = [1.00, 1.10, 1.20]
    losses = [best, [1.0556, 1.20, 1.3444], [1.0632, 1.2001, 1.3369], [1.05, None, 1.0]]
    ranking = ranked([[None if loss is None else (loss, 0.5) for loss in seeds] for seeds in losses])
    assert ranking.names == ["8_0.001_0.0", "8_0.001_0.1", "8_0.001_0.2"]
    told = [stats.ttest_rel(losses[position], best).pvalue < 0.05 for position in (1, 2)]
    assert told == [False, True]
    assert ranking.candidates == ["8_0.001_0.0", "8_0.001_0.1"]


@pytest.mark.parametrize("rank_by", ["val_loss", "val_acc"])
def test_the_probability_of_being_the_best_is_that_over_all_draws(rank_by: str) -> None:
    values = np.random.default_rng(3).normal(0.5, 0.05, (6, 3)).round(3)
    values[5] = values[4]  # equals share
    sign = 1 if rank_by == "val_loss" else -1
    wins = np.zeros(6)
    for seeds in itertools.product(range(3), repeat=3):
        means = sign * values[:, seeds].mean(axis=1)
        best = np.isclose(means, means.min())
        wins += best / best.sum()
    ranking = ranked([[(value, value) for value in row] for row in values.tolist()], rank_by)
    for position, probability in enumerate(wins / 27):
        assert ranking.probabilities[f"8_0.001_{position / 10}"] == pytest.approx(probability, abs=0.02)
    assert sum(ranking.probabilities.values()) == pytest.approx(1)


def test_missing_runs_and_nothing_left_are_no_ranking() -> None:
    runs = [RUN, replace(RUN, seed=1), replace(RUN, dropout_rate=0.5)]
    assert rank(run_table(runs, [record(run, [1.0], [0.5]) for run in runs], GRID), "val_loss", 100) is None
    assert rank(run_table(runs, [record(run, [], [], 0) for run in runs], GRID), "val_loss", 100) is None
