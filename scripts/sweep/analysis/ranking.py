"""How sure a ranking is: which configurations may be the best, how optimistic the best one's figure is, and what it is
worth on the test set."""

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from sweep.analysis.comparisons import LEVEL, Figure, dunnett_quantile, not_told_apart
from sweep.analysis.noise import Noise, run_noise
from sweep.analysis.rungs import survivors
from sweep.analysis.tables import DIGITS
from sweep.grid import Grid

# Draws for the optimism of the best, each with its mirror image. The generator is seeded, so that the same runs always
# give the same number.
DRAWS = 1000
Accuracy = TypeVar("Accuracy", float, pd.Series)

Floats = NDArray[np.float64]


def binomial_error(accuracy: Accuracy, images: int) -> Accuracy:
    """The standard error of an accuracy that was measured on so many images: half the width of Wilson's interval of one
    standard error. It is nearly √(p (1 − p) / n), but for p = 0 and 1 not 0: n images tell no more than that the
    accuracy is near it."""
    error: Accuracy = (accuracy * (1 - accuracy) / images + 1 / (4 * images**2)) ** 0.5 / (1 + 1 / images)
    return error


@dataclass(frozen=True)
class Ranking:
    """A model's configurations without a run that diverged, the best first, each of `seeds` runs.

    Where the noise of a run is not known, nothing else is. Otherwise:
        candidates: those that cannot be told apart from the best one by `not_told_apart`, the best one included, in the
            order of the ranking. If one is erratic, or two have the same mean, they need not be the first ones.
        reach: how far two configurations of ordinary noise must be apart to be told apart by that rule; None if there
            is only one.
        optimism: by how much the best one's figure is better than the best one is; see `optimism_of_best`.
    """

    names: list[str]
    seeds: int
    noise: Noise | None
    candidates: list[str] | None = None
    reach: float | None = None
    optimism: float | None = None


def rank_model(runs: pd.DataFrame, model: str, grid: Grid) -> Ranking | None:
    """Rank a model's configurations by the grid's `rank_by`, with the noise of its runs; of a halved model those alone
    that were not stopped, by their own noise. `runs` is the table of runs of the grid. None as of `rank`, and if runs
    are missing of the grid, as whole configurations or seeds may be in a preview."""
    compared = survivors(runs, grid)
    own, space = compared[compared["model"] == model], grid.models[model]
    whole = space.halving or own["name"].nunique() == len(space.configurations)
    if not whole or own["seed"].nunique() < len(grid.seeds):
        return None
    return rank(own, grid.rank_by, run_noise(compared, f"last_{grid.rank_by}", model, grid))


def rank(runs: pd.DataFrame, rank_by: str, noise: Noise | None) -> Ranking | None:
    """Rank the configurations of one model by the mean over the seeds of last_<rank_by>; ties keep their order.

    Args:
        runs: the model's rows of the table of runs.
        rank_by: "val_loss" or "val_acc".
        noise: that of last_<rank_by> in the model's runs, by `run_noise`. A configuration whose own deviation is larger
            has its own.

    Returns:
        None if runs are missing, or if every configuration has a run that diverged.
    """
    diverged = runs.loc[runs["status"] != "completed", "name"]
    whole = runs[~runs["name"].isin(diverged)]
    names = whole["name"].unique()
    values = whole.pivot_table(index="name", columns="seed", values=f"last_{rank_by}").reindex(names)
    seeds = values.shape[1]
    if values.empty or seeds != runs["seed"].nunique() or values.isna().any(axis=None):
        return None
    losses = values if rank_by == "val_loss" else -values
    # Rounded, because means of the same values in another order differ in the last bit.
    means = losses.mean(axis=1).round(DIGITS).sort_values(kind="stable")
    order = list(means.index)
    if noise is None:
        return Ranking(order, seeds, None)
    # One seed has no variance.
    variances = losses.loc[order].var(axis=1).fillna(0).clip(lower=noise.sd**2).to_numpy()
    kept = not_told_apart(means.to_numpy(), variances, seeds, noise.df)
    reach = None
    if len(order) > 1:
        reach = dunnett_quantile(len(order) - 1, noise.df) * noise.sd * math.sqrt(2 / seeds)
    candidates = [name for name, stays in zip(order, kept, strict=True) if stays]
    # The larger of two deviations would make the luck of many too large; erratic ones alone have their own.
    lucks = np.where(means.index.isin(noise.erratic), variances, noise.sd**2)
    return Ranking(order, seeds, noise, candidates, reach, optimism_of_best(means.to_numpy(), lucks / seeds))


def optimism_of_best(means: Floats, variances: Floats) -> float:
    """How much lower the lowest of noisy means is, on average, than the true mean of its configuration.

    The lowest is chosen for its luck as well. To each mean, noise of its own size is added for the choice, and the same
    noise is taken away for the measurement: the two numbers are then independent, whatever the true means are, so that
    the measurement of the chosen one is honest and the difference between the two is optimism. Each of them has twice
    the variance of the means; what is found is therefore divided by √2, which is exact where all configurations are
    equally good, and up to about a third of a mean's standard error too much where they are not.

    Args:
        means: shape (configurations,).
        variances: those of the means, shape (configurations,).
    """
    errors = np.sqrt(variances)
    # What is so far behind is never chosen.
    near = means - means.min() <= 12 * errors.max()
    means, errors = means[near], errors[near]
    generator = np.random.default_rng(0)
    # Draw by draw, since all draws of ten thousand configurations would take more memory than the rest of the sweep.
    lucks = []
    for _ in range(DRAWS):
        noise = errors * generator.standard_normal(len(means))
        lucks.append(noise[(means - noise).argmin()] - noise[(means + noise).argmin()])
    return float(np.mean(lucks) / math.sqrt(2))


@dataclass(frozen=True)
class Tested:
    """An accuracy on the test set, the mean over the seeds, with its 95 % interval."""

    accuracy: float
    low: float
    high: float


def configuration_figure(values: Floats, noise: Noise) -> Figure:
    """The mean of one configuration's runs. Its noise is that of the model's runs, or its own where that is larger.

    `values` has the shape (seeds,).
    """
    own = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Figure(float(values.mean()), max(own, noise.sd), noise.df, len(values))


def honest_accuracy(accuracies: Floats, images: int) -> Tested:
    """What a configuration's accuracy on the test set is worth. No choice was made by these images, so that this is the
    honest figure of the trained networks of a configuration that is the best of many on the validation set.

    The interval counts that other images would be easier or harder, which more seeds do not help. It does not count
    that other seeds would train better or worse: where the configuration was chosen for the luck of its seeds, these
    networks are lucky on the test set, too.

    Args:
        accuracies: of the configuration's runs, shape (seeds,).
        images: the number of images in the test set.
    """
    accuracy = float(accuracies.mean())
    half = float(stdtrit(images, 1 - LEVEL / 2)) * binomial_error(accuracy, images)
    return Tested(accuracy, max(accuracy - half, 0.0), min(accuracy + half, 1.0))
