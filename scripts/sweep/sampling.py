"""Configurations drawn from a sampled space: points of a scrambled Sobol sequence, which fill the space evenly."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sweep.errors import SweepError

# So many points are computed at once. The search ends when this many for each configuration found so far, one after the
# other, gave no new one: if all are equally likely, one that is still to be found is missed with a chance of e^-100.
BLOCK, PATIENCE = 1024, 100


def draw(dimensions: Mapping[str, Any], runs: int, seed: int) -> list[dict[str, Any]]:
    """Draw `runs` distinct configurations, always the same for the same seed, dimensions and order of dimensions.

    With more runs, those of fewer runs come first. A dimension is a list of values, which are equally likely, or a
    range {"from": low, "to": high, "scale": "linear" or "log"}. A value of a range is rounded to three significant
    digits, or to an integer if both ends are integers.

    Raises:
        SweepError: there are fewer distinct configurations. The message is half a sentence on what `runs` must be.
    """
    found: dict[tuple[Any, ...], None] = {}
    since_new = 0
    for point in _points(len(dimensions), seed):
        before = len(found)
        found[tuple(map(_place, dimensions.values(), point))] = None
        since_new = since_new + 1 if len(found) == before else 0
        if len(found) == runs or since_new > PATIENCE * len(found):
            break
    if len(found) < runs:
        raise SweepError(f"runs is {runs}, but there are only {len(found)} different configurations to draw")
    return [dict(zip(dimensions, values, strict=True)) for values in found]


def _points(dimensions: int, seed: int) -> Iterator[list[float]]:
    """The points of the sequence, each a list of numbers in [0, 1)."""
    # Imported here: it takes half a second, and only a sampled space needs it.
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, rng=seed)
    while True:
        yield from sequence.random(BLOCK).tolist()


def _place(dimension: Any, position: float) -> Any:
    """The value of a dimension at a position in [0, 1)."""
    if isinstance(dimension, list):
        return dimension[int(position * len(dimension))]
    low, high, scale = dimension["from"], dimension["to"], dimension["scale"]
    value: float
    if isinstance(low, int) and isinstance(high, int):
        # An integer has the part of the scale that lies between it and its neighbours: the ends have as much as others.
        value = round(_between(low - 0.5, high + 0.5, scale, position))
    else:
        value = float(f"{_between(low, high, scale, position):.2e}")
    return min(max(value, low), high)


def _between(low: float, high: float, scale: str, position: float) -> float:
    if scale == "log":
        return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    return low + position * (high - low)
