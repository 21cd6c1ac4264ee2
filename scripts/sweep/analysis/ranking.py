"""How sure a ranking is: which configurations may be the best within the noise, and how probable that is for each."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

# A difference is significant if it is larger than this many times its noise.
NOISE_FACTOR = 2
BOOTSTRAP_DRAWS = 10_000
# Means are compared after rounding to this many decimals.
DIGITS = 12
Accuracy = TypeVar("Accuracy", float, pd.Series)


def binomial_error(accuracy: Accuracy, images: int) -> Accuracy:
    """The standard error of an accuracy that was measured on so many images: half the width of Wilson's interval of one
    standard error. It is nearly √(p (1 − p) / n), but for p = 0 and 1 not 0: n images tell no more than that the
    accuracy is near it."""
    error: Accuracy = (accuracy * (1 - accuracy) / images + 1 / (4 * images**2)) ** 0.5 / (1 + 1 / images)
    return error


@dataclass(frozen=True)
class Ranking:
    """A model's configurations without a run that diverged, the best first.

    `names` has all of them; `candidates` has those whose difference from the best one is within the noise, the best one
    included. `probabilities` gives for each name the bootstrap probability of being the best; with one seed it is
    empty.
    """

    names: list[str]
    candidates: list[str]
    probabilities: dict[str, float]


def rank(runs: pd.DataFrame, rank_by: str, images: int) -> Ranking | None:
    """Rank the configurations of one model by the mean over the seeds of last_<rank_by>; ties keep their order.

    With several seeds a configuration is a candidate unless its mean difference from the best one, taken seed by seed,
    is larger than Student's 97.5 % quantile times its standard error. With one seed it is a candidate unless its
    accuracy is lower than that of the best one by more than NOISE_FACTOR binomial errors of the difference. With one
    seed the accuracy decides even if the ranking is by loss, because the error of a single loss is not known.

    Args:
        runs: the model's rows of the table of runs.
        rank_by: "val_loss" or "val_acc".
        images: the number of images in the validation set.

    Returns:
        None if runs are missing, or if every configuration has a run that diverged.
    """
    diverged = runs.loc[runs["status"] != "completed", "name"]
    whole = runs[~runs["name"].isin(diverged)]
    names = whole["name"].unique()
    values, accuracies = (
        whole.pivot_table(index="name", columns="seed", values=f"last_{metric}").reindex(names)
        for metric in (rank_by, "val_acc")
    )
    seeds = values.shape[1]
    if values.empty or seeds != runs["seed"].nunique() or values.isna().any(axis=None):
        return None
    losses = values if rank_by == "val_loss" else -values
    # Rounded, because means of the same values in another order differ in the last bit.
    order = losses.mean(axis=1).round(DIGITS).sort_values(kind="stable").index
    losses, accuracies = losses.loc[order], accuracies.loc[order]
    if seeds == 1:
        accuracy = accuracies.iloc[:, 0]
        error = binomial_error(accuracy, images)
        kept = accuracy.iloc[0] - accuracy <= NOISE_FACTOR * np.hypot(error, error.iloc[0])
        return Ranking(list(order), list(order[kept]), {})
    behind = losses - losses.iloc[0]
    kept = behind.mean(axis=1).round(DIGITS) <= stdtrit(seeds - 1, 0.975) * behind.std(axis=1) / math.sqrt(seeds)
    probabilities = best_probabilities(losses.to_numpy())
    return Ranking(list(order), list(order[kept]), dict(zip(order, probabilities.tolist(), strict=True)))


def best_probabilities(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bootstrap probability of each configuration to have the lowest mean loss.

    The seeds are drawn with replacement, in each draw the same seeds for all configurations; configurations with equal
    means share the win. The generator is seeded, so that the same losses always give the same probabilities.

    Args:
        losses: shape (configurations, seeds).

    Returns:
        Shape (configurations,); the sum is 1.
    """
    seeds = losses.shape[1]
    drawn = np.random.default_rng(0).multinomial(seeds, [1 / seeds] * seeds, BOOTSTRAP_DRAWS)
    wins = np.zeros(len(losses))
    for weights, times in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        means = (losses @ weights / seeds).round(DIGITS)
        best = means == means.min()
        wins += times * best / best.sum()
    return wins / BOOTSTRAP_DRAWS
