"""How sure a ranking is: which configurations cannot be told apart from the best one, and how often each is it."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# A difference above so many times its noise is more than noise.
NOISE_FACTOR = 2
BOOTSTRAP_DRAWS = 10_000
# Means that agree in so many digits are equal.
DIGITS = 12
# Student's t, 97.5 % quantile, for 1 to 10 degrees of freedom.
T_QUANTILES = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281]


def t_quantile(freedom: int) -> float:
    """Student's t, 97.5 % quantile, for `freedom` ≥ 1 degrees of freedom."""
    if freedom <= len(T_QUANTILES):
        return T_QUANTILES[freedom - 1]
    z = 1.959964
    # Cornish and Fisher's expansion: right to 0.001 from here on.
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def binomial_error(accuracy: float, pictures: int) -> float:
    """The standard error of an accuracy that was measured on so many pictures."""
    return math.sqrt(accuracy * (1 - accuracy) / pictures)


@dataclass(frozen=True)
class Ranking:
    """A model's configurations without a run that diverged, the best first: names of all, and of those that cannot be
    told apart from the first; with several seeds, by name, the bootstrap probability of being the best."""

    names: list[str]
    candidates: list[str]
    probabilities: dict[str, float]


def rank(runs: pd.DataFrame, rank_by: str, pictures: int) -> Ranking | None:
    """Rank one model's `runs` (rows of the table of that name) by the mean over the seeds of last_<rank_by>; equals
    keep their order. `pictures`: the validation set's size. None if runs are missing, or no configuration is left.

    Several seeds: a configuration is told apart from the best one if the mean of their differences, seed by seed, is
    above Student's 97.5 % quantile times its standard error. One seed: if its accuracy is lower than the best one's by
    more than NOISE_FACTOR binomial errors of the difference of two accuracies; whatever the ranking is by, since
    nothing tells the error of a single loss.
    """
    diverged = runs.loc[runs["status"] != "completed", "name"]
    whole = runs[~runs["name"].isin(diverged)]
    names = whole["name"].unique()
    values, accuracies = (
        whole.pivot_table(index="name", columns="seed", values=f"last_{figure}").reindex(names)
        for figure in (rank_by, "val_acc")
    )
    seeds = values.shape[1]
    if values.empty or seeds != runs["seed"].nunique() or values.isna().any(axis=None):
        return None
    losses = values if rank_by == "val_loss" else -values
    # Means of the same figures in another order differ in the last bit.
    order = losses.mean(axis=1).round(DIGITS).sort_values(kind="stable").index
    losses, accuracies = losses.loc[order], accuracies.loc[order]
    if seeds == 1:
        accuracy = accuracies.iloc[:, 0]
        variance = accuracy * (1 - accuracy) / pictures
        kept = accuracy.iloc[0] - accuracy <= NOISE_FACTOR * np.sqrt(variance + variance.iloc[0])
        return Ranking(list(order), list(order[kept]), {})
    behind = losses - losses.iloc[0]
    kept = behind.mean(axis=1).round(DIGITS) <= t_quantile(seeds - 1) * behind.std(axis=1) / math.sqrt(seeds)
    probabilities = best_probabilities(losses.to_numpy())
    return Ranking(list(order), list(order[kept]), dict(zip(order, probabilities.tolist(), strict=True)))


def best_probabilities(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often each row of `losses` (configurations × seeds) has the lowest mean over seeds that are drawn with
    replacement, the same for all rows; equals share. The generator is seeded: the same losses give the same numbers."""
    seeds = losses.shape[1]
    drawn = np.random.default_rng(0).multinomial(seeds, [1 / seeds] * seeds, BOOTSTRAP_DRAWS)
    wins = np.zeros(len(losses))
    for weights, times in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        means = (losses @ weights / seeds).round(DIGITS)
        best = means == means.min()
        wins += times * best / best.sum()
    return wins / BOOTSTRAP_DRAWS
