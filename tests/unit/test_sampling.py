"""What is drawn from a sampled space: repeatable, extended by more runs, even, and within its ranges."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.errors import SweepError
from sweep.sampling import draw

SPACE: dict[str, Any] = {
    "batch_size": [128, 256],
    "learning_rate": {"from": 0.0001, "to": 0.01, "scale": "log"},
    "dropout_rate": {"from": 0.0, "to": 0.8, "scale": "linear"},
}


def test_more_runs_extend_the_sequence_and_another_seed_or_dimension_draws_anew() -> None:
    forty = draw(SPACE, 40, 0)
    assert draw(SPACE, 20, 0) == forty[:20]
    assert draw(SPACE, 3000, 0)[:40] == forty
    assert draw(SPACE, 40, 0) == forty
    rates = [each["learning_rate"] for each in forty]
    assert [each["learning_rate"] for each in draw(SPACE, 40, 1)] != rates
    more = {**SPACE, "batch_norm": [True, False]}
    assert [each["learning_rate"] for each in draw(more, 40, 0)] != rates


def test_a_seed_draws_what_it_always_drew() -> None:
    """Otherwise a new version of the code or of scipy would train every sampled sweep again."""
    drawn = [(128, 0.00848, 0.686), (256, 0.000223, 0.227), (256, 0.00148, 0.51), (128, 0.000416, 0.153)]
    assert [tuple(each.values()) for each in draw(SPACE, 4, 0)] == drawn


FLOATS = st.floats(1e-9, 1e9)
RANGES = st.tuples(FLOATS | st.integers(1, 10**6), FLOATS | st.integers(1, 10**6), st.sampled_from(["linear", "log"]))


@settings(max_examples=60, deadline=None)
@given(RANGES.filter(lambda ends: ends[0] < ends[1]), st.integers(0, 2**63 - 1))
def test_a_value_is_within_its_range_and_an_integer_or_of_three_digits(ends: tuple[Any, Any, str], seed: int) -> None:
    low, high, scale = ends
    if type(low) is not type(high):
        low, high = float(low), float(high)
    drawn = draw({"a": {"from": low, "to": high, "scale": scale}, "b": list(range(10))}, 10, seed)
    assert len({tuple(each.values()) for each in drawn}) == 10
    for value in (each["a"] for each in drawn):
        assert low <= value <= high
        assert type(value) is type(low)
        assert isinstance(value, int) or value in (low, high, float(f"{value:.2e}"))


@pytest.mark.parametrize(
    ("dimension", "count"),
    [
        (["a", "b", "c"], 3),
        ([True], 1),
        ({"from": 1, "to": 7, "scale": "linear"}, 7),
        ({"from": 1, "to": 300, "scale": "log"}, 300),
        ({"from": 0.1, "to": 0.103, "scale": "linear"}, 4),
        ({"from": 0.12341, "to": 0.12349, "scale": "log"}, 1),  # all have the digits 0.123, which is out of the range
    ],
)
def test_as_many_runs_as_there_are_combinations_are_found_and_one_more_is_refused(dimension: Any, count: int) -> None:
    dimensions = {"a": dimension, "b": [1, 2]}
    drawn = draw(dimensions, 2 * count, 3)
    assert len({tuple(each.values()) for each in drawn}) == 2 * count
    if isinstance(dimension, dict) and count > 1:
        assert {dimension["from"], dimension["to"]} <= {each["a"] for each in drawn}
    with pytest.raises(SweepError) as caught:
        draw(dimensions, 2 * count + 1, 3)
    sentence = f"runs is {2 * count + 1}, but there are only {2 * count} different configurations to draw"
    assert str(caught.value) == sentence


def test_every_part_of_a_dimension_is_drawn_as_often() -> None:
    drawn = draw({**SPACE, "hidden": {"from": 1, "to": 9, "scale": "linear"}, "kind": ["a", "b", "c"]}, 1000, 7)
    thirds: dict[str, Callable[[Any], float]] = {
        "learning_rate": lambda value: 3 * math.log(value / 0.0001) / math.log(100),
        "dropout_rate": lambda value: 3 * value / 0.8,
        "hidden": lambda value: (value - 1) / 3,
        "kind": "abc".index,
    }
    for name, third in thirds.items():
        counts = Counter(min(int(third(each[name])), 2) for each in drawn)
        assert all(abs(counts[part] - 1000 / 3) < 15 for part in range(3)), (name, counts)
    assert abs(Counter(each["batch_size"] for each in drawn)[128] - 500) < 15


def test_an_integer_on_a_log_scale_is_drawn_the_less_the_larger_it_is() -> None:
    drawn = draw({"a": {"from": 1, "to": 4, "scale": "log"}, "b": {"from": 0.0, "to": 1.0, "scale": "linear"}}, 900, 0)
    counts = Counter(each["a"] for each in drawn)
    assert all(counts[small] > counts[large] > 50 for small, large in pairwise((1, 2, 3, 4)))
