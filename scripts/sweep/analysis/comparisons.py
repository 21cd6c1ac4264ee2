"""What may be said of differences between figures whose noise is known: told apart or not, consistent or not.

Everything here is at one level: where nothing differs, chance alone tells two figures apart in LEVEL of the cases at
most. Of many configurations it is promised that the truly best one is among those that are not told apart from the
apparently best one, but for LEVEL of the cases; those told apart are then not the best, which does not say that they
differ from each other.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import nctdtr, ndtri, stdtrit

from sweep.analysis.tables import DIGITS

LEVEL = 0.05
# A difference that is to be found is found with this probability: see `seeds_to_tell`.
POWER = 0.8

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A difference, the standard error that chance gives it, and the degrees of freedom that this error is known by.

    What is counted, such as parameters, has the error 0.
    """

    value: float
    error: float
    df: float

    @property
    def least(self) -> float:
        """How large a difference must be to be told from 0: in so much, chance alone stays but for LEVEL of the cases.
        It is Student's two-sided quantile times the error."""
        return float(stdtrit(self.df, 1 - LEVEL / 2)) * self.error

    @property
    def sign(self) -> int:
        """1 or −1 if the difference is told from 0, otherwise 0."""
        told = round(abs(self.value) - self.least, DIGITS) > 0
        return int(math.copysign(1, self.value)) if told else 0


@dataclass(frozen=True)
class Figure:
    """A mean over seeds: of `seeds` runs, between which it has the standard deviation `sd`, known by `df` degrees of
    freedom."""

    value: float
    sd: float
    df: float
    seeds: int

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.sd / math.sqrt(self.seeds)


def subtract(first: Figure, second: Figure) -> Difference:
    """The first figure minus the second, which is of other runs."""
    error, df = combine((first.error, first.df), (second.error, second.df))
    return Difference(first.value - second.value, error, df)


def combine(*errors: tuple[float, float]) -> tuple[float, float]:
    """The standard error of a sum or difference whose parts have these standard errors, each with its degrees of
    freedom, and the degrees of freedom of the whole, by Welch and Satterthwaite."""
    whole = math.hypot(*(error for error, _ in errors))
    if not whole:
        return 0.0, min(df for _, df in errors)
    return whole, 1 / sum((error / whole) ** 4 / df for error, df in errors)


def deviation(figure: Figure, drawn: float) -> Difference:
    """A figure minus a number that is said to be one more draw of the same experiment: of one more seed.

    The draw is consistent with the figure if the difference is not told from 0. So figure ± `least` is the 95 %
    prediction interval for one new draw. It counts the noise of the new draw as well as that of the figure.
    """
    return Difference(figure.value - drawn, figure.sd * math.sqrt(1 + 1 / figure.seeds), figure.df)


def is_equivalent(difference: Difference, margin: float) -> bool:
    """Whether all that chance leaves open is within ±margin, so that the difference does not matter, told from 0 or
    not."""
    return round(abs(difference.value) + difference.least - margin, DIGITS) <= 0


@cache
def dunnett_quantile(comparisons: int, df: float) -> float:
    """How many standard errors the best may be ahead of so many others by chance: the one-sided 95 % quantile of
    Dunnett's t, for correlations of ½, as they are where all means are of equally many runs.

    It is the quantile d of the maximum of (Zᵢ − Z₀) / (√2 S), with independent standard normal Z and S² = χ²(df) / df.
    Given M, the maximum of the Zᵢ, (M − Z₀) / S has the noncentral t distribution with noncentrality M, so that one
    integral over the quantiles of M is left.
    """

    def excess(quantile: float) -> float:
        return below(quantile) - (1 - LEVEL)

    def below(quantile: float) -> float:
        def given(u: float) -> float:
            return float(nctdtr(df, ndtri(u ** (1 / comparisons)), math.sqrt(2) * quantile))

        return float(quad(given, 0, 1, epsabs=1e-8, limit=200)[0])

    return float(brentq(excess, 0, 1000, xtol=1e-6))


def not_told_apart(means: Floats, variances: Floats, seeds: int, df: float) -> NDArray[np.bool_]:
    """Which configurations cannot be told apart from the one with the lowest mean: Hsu's multiple comparisons with the
    best.

    The set of them has the configuration with the truly lowest mean but for LEVEL of the cases, however many
    configurations there are. A configuration stays if its mean is above the lowest by at most `dunnett_quantile` times
    the standard error of the two's difference.

    Args:
        means: over the seeds, shape (configurations,).
        variances: between runs that differ in the seed alone, shape (configurations,).
        seeds: the number of runs that each mean is of.
        df: the degrees of freedom that the variances are known by.

    Returns:
        Shape (configurations,).
    """
    if len(means) == 1:
        return np.ones(1, bool)
    best = int(means.argmin())
    errors = np.sqrt((variances + variances[best]) / seeds)
    kept: NDArray[np.bool_] = (means - means[best] - dunnett_quantile(len(means) - 1, df) * errors).round(DIGITS) <= 0
    return kept


def seeds_to_tell(difference: float, sd: float, df: float) -> int:
    """The number of seeds with which two configurations whose true means differ by `difference` are told apart in POWER
    of the cases; two at least, since of one seed each there is no noise to see.

    `sd` is the noise of a run, known by `df` degrees of freedom. The formula is the usual one for two means,
    2 (t₀.₉₇₅ + t₀.₈)² (sd / difference)².
    """
    return max(2, math.ceil(2 * (_sum_of_quantiles(df) * sd / difference) ** 2))


def tellable_difference(seeds: int, sd: float, df: float) -> float:
    """The true difference of two configurations that so many seeds tell in POWER of the cases: `seeds_to_tell` the
    other way round."""
    return _sum_of_quantiles(df) * sd * math.sqrt(2 / seeds)


def _sum_of_quantiles(df: float) -> float:
    return float(stdtrit(df, 1 - LEVEL / 2) + stdtrit(df, POWER))
