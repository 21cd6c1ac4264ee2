"""The noise of a run: how much a metric differs between runs that differ in the seed alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc
from scipy.stats import bartlett

from sweep.analysis.importance import HIGHER, analyse_variance, arrange, is_exact
from sweep.grid import Grid

# With fewer degrees of freedom the interactions of one seed are no measure of the noise.
LEAST_DF = 8
# A configuration is erratic if chance would give one of all the configurations so large a deviation with less than this
# probability. It is so small because erratic ones are left out of the pooled noise: noise that merely differs between
# configurations must stay in it, or the others would seem surer than they are.
ERRATIC = 1e-8
# Runs are of one kind if these columns of the table of runs have one value each.
KINDS = ("precision", "torch")


@dataclass(frozen=True)
class Noise:
    """The standard deviation of a metric between runs of one model that differ in the seed alone, taken to be the same
    for all configurations, and the degrees of freedom that it is known by.

    `origin` is one of:
        seeds: the standard deviation within configurations, pooled over all that have several runs;
        interactions: with one seed of a complete grid, the mean square of the interactions of three hyper-parameters
            and more in the analysis of variance. That is too large, never too small, if there truly are such
            interactions.

    For seeds, `erratic` names the configurations whose deviation is so far beyond the others' that they are left out of
    the pooled one; their own has to be used for them. `homogeneity` is the probability, by Bartlett's test, of
    deviations as different as those of all other configurations if the noise were the same for all; None if that cannot
    be tested.
    """

    sd: float
    df: int
    origin: Literal["seeds", "interactions"]
    erratic: tuple[str, ...] = ()
    homogeneity: float | None = None


def run_noise(runs: pd.DataFrame, column: str, model: str, grid: Grid) -> Noise | None:
    """The noise of a column of the table of runs, such as "last_val_acc", for one model. Configurations with a run that
    diverged are left out.

    `runs` is the table of runs of `grid`. None if the noise is not known: there is one seed, and either the grid is not
    complete or its interactions of three and more have fewer than LEAST_DF degrees of freedom. `seeds_to_know` says how
    many seeds would tell.
    """
    runs = runs[runs["model"] == model]
    diverged = runs.loc[runs["status"] != "completed", "name"]
    whole = runs[~runs["name"].isin(diverged)]
    if len(grid.seeds) > 1:
        return _noise_of_seeds(whole, column)
    return _noise_of_interactions(whole, column, model, grid)


def _noise_of_seeds(runs: pd.DataFrame, column: str) -> Noise | None:
    groups = runs.groupby("name", sort=False)[column]
    runs = runs[groups.transform("size") > 1]
    if runs.empty:
        return None
    groups = runs.groupby("name", sort=False)[column]
    variances, df = groups.var(), groups.size() - 1
    kept = ~find_erratic(variances.to_numpy(), df.to_numpy())
    within = float((variances * df)[kept].sum())
    pooled_df = int(df[kept].sum())
    tested = [values.to_numpy() for (_, values), stays in zip(groups, kept, strict=True) if stays]
    testable = len(tested) > 1 and bool((variances[kept] > 0).all())
    return Noise(
        float(np.sqrt(within / pooled_df)),
        pooled_df,
        "seeds",
        tuple(map(str, variances.index[~kept])),
        float(bartlett(*tested).pvalue) if testable else None,
    )


def find_erratic(variances: NDArray[np.floating], df: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which configurations are erratic, as Cochran's test for the largest variance finds them, one after the other.

    Args:
        variances: between the runs of each configuration, shape (configurations,).
        df: their degrees of freedom, the numbers of runs less one.
    """
    erratic = np.zeros(len(variances), bool)
    squares = variances * df
    while (left := int((~erratic).sum())) > 2:
        largest = int(np.where(erratic, -1.0, variances).argmax())
        others = ~erratic
        others[largest] = False
        others_df = int(df[others].sum())
        pooled = float(squares[others].sum()) / others_df
        if not variances[largest]:
            break
        # Beside others that do not vary at all, any deviation is too large.
        if pooled and left * fdtrc(df[largest], others_df, variances[largest] / pooled) >= ERRATIC:
            break
        erratic[largest] = True
    return erratic


def _noise_of_interactions(runs: pd.DataFrame, column: str, model: str, grid: Grid) -> Noise | None:
    if not is_exact(runs, model, grid):
        return None
    space = grid.models[model]
    terms, _ = analyse_variance(arrange(runs, column, model, grid), list(space.varying))
    higher = next((term for term in terms if term.name == HIGHER and term.df >= LEAST_DF), None)
    return higher and Noise(float(np.sqrt(higher.squares / higher.df)), higher.df, "interactions")


def seeds_to_know(configurations: int) -> int:
    """The least number of seeds that tells the noise of a run of so many configurations: of several, two, which are
    pooled; of a single one, three."""
    return 2 if configurations > 1 else 3


def find_mixtures(runs: pd.DataFrame) -> dict[str, list[str]]:
    """What the runs were made with that is not the same for all of them, of KINDS: {"precision": ["bfloat16",
    "float32"]}. Their differences are then not of the hyper-parameters and the seed alone."""
    found = {kind: sorted(runs[kind].dropna().unique()) for kind in KINDS}
    return {kind: values for kind, values in found.items() if len(values) > 1}
