"""How long a run will take, judged by the closest of those that are finished."""

from dataclasses import replace

import pytest

from sweep.grid import Run
from sweep.runs.forecast import Forecast

RUN = Run("mlp", 8, 0.001, 0.2, 10, 0)
WIDE = (("hidden", 1000),)


def test_runs_with_the_same_batch_size_and_axes_count_before_those_with_the_same_batch_size_and_all_others() -> None:
    forecast = Forecast()
    assert forecast.seconds(RUN) is None
    forecast.add(replace(RUN, batch_size=64, epochs=3), 1.0)
    assert forecast.seconds(RUN) == 10
    forecast.add(replace(RUN, axes=WIDE), 5.0)
    assert forecast.seconds(RUN) == 50
    for seconds in (2.0, 3.0, 100.0):
        forecast.add(replace(RUN, learning_rate=0.1), seconds)
    assert forecast.seconds(RUN) == 30
    assert forecast.seconds(replace(RUN, axes=WIDE)) == 50
    assert forecast.seconds(replace(RUN, axes=(("batch_norm", False),))) == pytest.approx(40)
    assert forecast.seconds(replace(RUN, model="cnn")) is None
    assert forecast.size == 5
