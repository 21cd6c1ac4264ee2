"""How much each hyper-parameter matters: the share that each has in the variance of a metric."""

import math
from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc

from sweep.grid import Grid, Value

# The terms that no hyper-parameter explains: with an analysis of variance, and with least squares.
UNEXPLAINED = (SEED_NOISE, RESIDUAL) = ("seed noise", "residual")
HIGHER = "interactions of three and more"
COLUMNS = ["model", "metric", "method", "term", "share", "df", "f", "p"]
# In a fit by least squares a number with more distinct values, or with fewer configurations for each, is a linear term:
# a mean for each value would take up too many of the configurations.
MOST_LEVELS, CONFIGURATIONS_PER_LEVEL = 8, 3
# Figure, report and explorer show so many of the largest terms one by one.
MOST_TERMS = 12
# A share below this is what rounding leaves of zero.
LEAST_SHARE = 1e-12

Floats = NDArray[np.float64]


class Term(NamedTuple):
    """One part of a metric's variance: its sum of squares and its degrees of freedom."""

    name: str
    squares: float
    df: int


def importance_table(runs: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """For each model and metric of the last epoch, how much of the metric's variance each hyper-parameter with several
    values explains. `runs` is the table of runs of `grid`.

    A row is a term. `share` is its sum of squares divided by the total, `df` are its degrees of freedom; `f` is its F
    statistic against the residual, and `p` the probability of a larger one if the term had no effect.
    `method` is one of:
        anova: every combination of the values is in the grid, and every run is there and completed. The terms are the
            main effects ("learning_rate"), the pairs ("learning_rate:dropout_rate"), "interactions of three and more",
            and with several seeds the residual, "seed noise". The shares add up to 1. With one seed there is no
            residual, so that f and p are missing.
        least_squares: all others, by a fit of main effects to the means over the seeds of the configurations whose runs
            are all there and completed. (The seeds of a configuration are no independent evidence on what its
            hyper-parameters do, so a fit to the runs would find effects where there are none.) A term's share is what
            the fit loses without the term. With that of the "residual" the shares need not add up to 1, since the
            effects of hyper-parameters that change together overlap; that of one that cannot be distinguished from the
            others at all is missing, and its df is 0. One that has a single value in these configurations has no row.

    f and p are missing if the residual is zero, too. There are no rows for a metric that is the same everywhere, nor if
    a fit has as many parameters as there are configurations, since it then explains any numbers.
    """
    rows = []
    for model in grid.models:
        completed = runs[(runs["model"] == model) & (runs["status"] == "completed")]
        # In this order, so that the order of the runs does not change the last digits.
        completed = completed.sort_values(["name", "seed"])
        for metric in ("val_acc", "val_loss"):
            found = _terms(completed, f"last_{metric}", model, grid)
            rows += [{"model": model, "metric": metric, **term} for term in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _terms(runs: pd.DataFrame, metric: str, model: str, grid: Grid) -> list[dict[str, Any]]:
    """The rows of one model and metric. `runs` are the model's runs that completed."""
    space = grid.models[model]
    exact = is_exact(runs, model, grid)
    if not exact:
        runs = _means(runs, metric, len(grid.seeds))
    values = runs[metric].to_numpy(float)
    if not space.varying or runs.empty or values.min() == values.max():
        return []
    parameters: dict[str, list[Value]] = {name: runs[name].tolist() for name in space.varying}
    method = "anova" if exact else "least_squares"
    if exact:
        terms, residual = analyse_variance(arrange(runs, metric, model, grid), list(parameters))
    else:
        numbers = [name for name in parameters if not isinstance(space.values[name][0], bool | str)]
        logarithmic = [name for name in numbers if space.scale(name) == "log"]
        terms, residual = fit_main_effects(values, parameters, logarithmic)
        if residual.df < 1:
            return []
    total = float(((values - values.mean()) ** 2).sum())
    rest = _share(residual, total)
    rows = []
    for term in terms:
        share, f, p = _share(term, total) if term.df else math.nan, math.nan, math.nan
        if rest and term.df:
            f = share / term.df / (rest / residual.df)
            p = float(fdtrc(term.df, residual.df, f))
        rows.append({"method": method, "term": term.name, "share": share, "df": term.df, "f": f, "p": p})
    if residual.df:
        rows.append({"method": method, "term": residual.name, "share": rest, "df": residual.df})
    return rows


def is_exact(runs: pd.DataFrame, model: str, grid: Grid) -> bool:
    """Whether the analysis of variance of a model is exact: whether its grid is complete, and `runs`, those of the
    model that completed, are all of it and none of other code or data."""
    space = grid.models[model]
    stale = grid.partial is not None and any(entry["run"].startswith(f"{model}/") for entry in grid.partial.stale)
    return space.complete and not stale and len(runs) == len(space.configurations) * len(grid.seeds)


def arrange(runs: pd.DataFrame, column: str, model: str, grid: Grid) -> Floats:
    """A column of all runs of a model for `analyse_variance`, where `is_exact`: an axis for each hyper-parameter with
    several values, and the last one for the seeds."""
    space = grid.models[model]
    levels: list[Sequence[Value]] = [*(space.values[name] for name in space.varying), grid.seeds]
    places = [{value: place for place, value in enumerate(each)} for each in levels]
    columns: list[list[Value]] = [*(runs[name].tolist() for name in space.varying), runs["seed"].tolist()]
    cells = np.empty([len(each) for each in levels])
    cells[tuple([of[value] for value in values] for of, values in zip(places, columns, strict=True))] = runs[column]
    return cells


def _means(runs: pd.DataFrame, metric: str, seeds: int) -> pd.DataFrame:
    """A row for each configuration of which all runs, one a seed, are among the `runs`, with the metric's mean."""
    by_name = runs.groupby("name")[metric]
    whole = runs.assign(**{metric: by_name.transform("mean")})[by_name.transform("size") == seeds]
    return whole.drop_duplicates("name")


def _share(term: Term, total: float) -> float:
    share = term.squares / total
    return share if share > LEAST_SHARE else 0.0


def analyse_variance(cells: Floats, names: list[str]) -> tuple[list[Term], Term]:
    """The exact analysis of variance of a balanced factorial, by means over subsets of its factors.

    Args:
        cells: a metric, of shape (values of the first factor, values of the second, …, seeds).
        names: those of the factors.

    Returns:
        The terms, and the residual, which has no degrees of freedom if there is one seed.
    """
    cells = cells - cells.mean()
    means = cells.mean(axis=-1, keepdims=True)
    effects: dict[tuple[int, ...], Floats] = {}
    terms, higher = [], means
    for chosen in [*combinations(range(len(names)), 1), *combinations(range(len(names)), 2)]:
        others = tuple(axis for axis in range(cells.ndim) if axis not in chosen)
        effect: Floats = cells.mean(axis=others, keepdims=True)
        if len(chosen) == 2:
            effect = effect - effects[chosen[:1]] - effects[chosen[1:]]
        effects[chosen] = effect
        higher = higher - effect
        df = math.prod(cells.shape[axis] - 1 for axis in chosen)
        terms.append(Term(":".join(names[axis] for axis in chosen), _squares(effect, cells.size), df))
    left = means.size - 1 - sum(term.df for term in terms)
    if left:
        terms.append(Term(HIGHER, _squares(higher, cells.size), left))
    return terms, Term(SEED_NOISE, _squares(cells - means, cells.size), cells.size - means.size)


def _squares(effect: Floats, runs: int) -> float:
    """The sum over all runs of the squares of an effect, which holds for equally many runs in each of its cells."""
    return float((effect**2).mean()) * runs


def fit_main_effects(
    values: Floats, parameters: dict[str, list[Value]], logarithmic: Collection[str] = ()
) -> tuple[list[Term], Term]:
    """What a fit of main effects by least squares loses without each of the `parameters`, and its residual.

    Args:
        values: a metric, of shape (configurations,).
        parameters: the hyper-parameters of the configurations. Those with a single value are left out.
        logarithmic: the names of those whose numbers are on a logarithmic scale.
    """
    values = values - values.mean()
    columns = {
        name: _columns(column, name in logarithmic) for name, column in parameters.items() if len(set(column)) > 1
    }
    squares, rank = _fit(values, list(columns.values()))
    terms = []
    for name in columns:
        without, rank_without = _fit(values, [column for other, column in columns.items() if other != name])
        terms.append(Term(name, without - squares, rank - rank_without))
    return terms, Term(RESIDUAL, squares, len(values) - 1 - rank)


def _columns(values: list[Value], logarithmic: bool) -> Floats:
    """A hyper-parameter's columns of the design, of shape (configurations, its degrees of freedom), each with mean 0.

    Names, booleans and numbers with few values, MOST_LEVELS at most and CONFIGURATIONS_PER_LEVEL for each on average,
    have a mean for each value. Other numbers are linear, or their logarithms are.
    """
    levels = list(dict.fromkeys(values))
    few = len(levels) <= MOST_LEVELS and len(levels) * CONFIGURATIONS_PER_LEVEL <= len(values)
    if few or any(isinstance(level, bool | str) for level in levels):
        columns = np.array([[value == level for level in levels[1:]] for value in values], float)
    else:
        columns = np.array(values, float).reshape(-1, 1)
        if logarithmic:
            columns = np.log(columns)
        # To the scale of the other columns, since the rank is found by comparing them.
        columns = columns / np.ptp(columns)
    centred: Floats = columns - columns.mean(axis=0)
    return centred


def _fit(values: Floats, columns: list[Floats]) -> tuple[float, int]:
    """The sum of squares that a fit by least squares leaves, and the rank of its design. Everything has mean 0."""
    design = np.hstack([np.empty((len(values), 0)), *columns])
    coefficients, _, rank, _ = np.linalg.lstsq(design, values)
    return float(((values - design @ coefficients) ** 2).sum()), int(rank)
