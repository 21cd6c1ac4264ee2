"""Configurations drawn from a sampled space: points of a scrambled Sobol sequence, which fill the space evenly."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sweep.errors import SweepError

# The order of these dimensions is fixed, and that of the others is by name, since it decides what is drawn.
FIRST = ("batch_size", "learning_rate", "dropout_rate")
# So many points are drawn at once, and so many, for each configuration that is asked for, before the search ends.
BLOCK, MOST_POINTS_PER_RUN = 1024, 1000


def draw(sample: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Draw `sample["runs"]` distinct configurations, always the same for the same seed and dimensions.

    With more runs, those of fewer runs come first. A dimension is a list of values, which are equally likely, or a
    range {"from": low, "to": high, "scale": "linear" or "log"}, rounded to three significant digits, or to an integer if
    both ends are integers.

    Raises:
        SweepError: there are fewer distinct configurations. The message is half a sentence on what `runs` must be.
    """
    dimensions = {name: sample[name] for name in (*FIRST, *sorted(sample)) if name not in ("runs", "seed")}
    found: dict[tuple[Any, ...], None] = {}
    for point in _points(len(dimensions), sample["seed"], sample["runs"] * MOST_POINTS_PER_RUN):
        found[tuple(map(_place, dimensions.values(), point))] = None
        if len(found) == sample["runs"]:
            return [dict(zip(dimensions, values, strict=True)) for values in found]
    raise SweepError(f"runs is {sample['runs']}, but there are only {len(found)} different configurations to draw")


def _points(dimensions: int, seed: int, count: int) -> Iterator[list[float]]:
    """The first `count` points or a few more, each a list of numbers in [0, 1)."""
    # Imported here: it takes half a second, and only a sampled space needs it.
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, rng=seed)
    for _ in range(0, count, BLOCK):
        yield from sequence.random(BLOCK).tolist()


def _place(dimension: Any, position: float) -> Any:
    """The value of a dimension at a position in [0, 1)."""
    if isinstance(dimension, list):
        return dimension[int(position * len(dimension))]
    low, high = dimension["from"], dimension["to"]
    if isinstance(low, int) and isinstance(high, int):
        # Each integer gets the same share of a linear scale, or of a log scale the share between its halves.
        low, high = low - 0.5, high + 0.5
        return min(max(round(_between(low, high, dimension["scale"], position)), dimension["from"]), dimension["to"])
    value = float(f"{_between(low, high, dimension['scale'], position):.2e}")
    return min(max(value, low), high)


def _between(low: float, high: float, scale: str, position: float) -> float:
    if scale == "log":
        return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    return low + position * (high - low)
