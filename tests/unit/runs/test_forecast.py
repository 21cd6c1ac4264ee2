"""How long a run will take, judged by the closest of those that are finished."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from examples import DATA_HASH, result
from sweep.files import write_json
from sweep.grid import Run
from sweep.runs.forecast import Forecast, read_benchmarks
from sweep.runs.records import make_record

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


@pytest.mark.parametrize(
    ("resumed_epochs", "seconds", "other_s"),
    [
        # An epoch takes 2 s by the record; the rest is that of the job.
        ([], 30, 10),
        ([6], 20, 12),
        ([2, 8], 5, 1),
        ([6], 1, None),  # it published what another job had trained
        ([], 15, None),
        ([10], 5, None),  # it was interrupted after its last epoch
    ],
)
def test_a_job_that_went_on_is_judged_by_the_epochs_since_then(
    tmp_path: Path, resumed_epochs: list[int], seconds: float, other_s: float | None
) -> None:
    record = make_record(RUN, DATA_HASH, {**result([0.5] * 10, [0.5] * 10), "resumed_epochs": resumed_epochs})
    write_json(tmp_path / "runs" / RUN.path / "metrics.json", record)
    benchmark = tmp_path / "benchmarks" / "train" / f"{RUN.path}.jsonl"
    benchmark.parent.mkdir(parents=True)
    benchmark.write_text(json.dumps({"s": seconds}))
    forecast = read_benchmarks(tmp_path)
    assert forecast.seconds(RUN) == (other_s and 2 * 10 + other_s)
    assert forecast.seconds(RUN, 4) == (other_s and 2 * 6 + other_s)
