"""How long runs will take, judged by those that are finished."""

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sweep.errors import SweepError
from sweep.grid import Run
from sweep.runs.promotions import Rung
from sweep.runs.records import read_record, recorded_run


class Forecast:
    """Predicts how long a run takes from the seconds per epoch of other runs: from the median of those of the same
    model that share its batch size and further hyper-parameters or, if there are none, its batch size, or else of all;
    and from the median of what their jobs took beside. `size` counts the runs that it knows."""

    def __init__(self) -> None:
        self.samples: dict[tuple[Any, ...], list[tuple[float, float]]] = defaultdict(list)
        self.size = 0

    def add(self, run: Run, epoch_s: float, other_s: float = 0) -> None:
        """Take in a run whose epochs took `epoch_s` seconds each, and its job `other_s` beside."""
        for key in _keys(run):
            self.samples[key].append((epoch_s, other_s))
        self.size += 1

    def seconds(self, run: Run, trained: int = 0) -> float | None:
        """The seconds that a job for the epochs of `run` but for the first `trained` will take; None if no run of its
        model is known."""
        known = next((self.samples[key] for key in _keys(run) if key in self.samples), None)
        if known is None:
            return None
        epochs, others = zip(*known, strict=True)
        return float(median(epochs) * (run.epochs - trained) + median(others))

    def of_rung(self, rung: Rung, runs: Sequence[Run]) -> float | None:
        """The seconds that the jobs of a rung will take while it is not known which of these `runs`, all that its model
        could have at this rung, it will have; None if no run of the model is known."""
        known = [each for run in runs if (each := self.seconds(run, rung.before)) is not None]
        return sum(known) * rung.configurations / len({run.name for run in runs}) if known else None


def _keys(run: Run) -> list[tuple[Any, ...]]:
    """What runs share that take nearly as long, the closest first."""
    return [(run.model, run.batch_size, run.axes), (run.model, run.batch_size), (run.model,)]


def read_benchmarks(results: Path) -> Forecast:
    """The forecast from the benchmark files in <results>/benchmarks/train/ and the records that their jobs made.

    A job that went on from a checkpoint or from a shorter run's state trained the epochs since then alone. One that
    published a kept record took less time than these, so its benchmark is left out.
    """
    forecast = Forecast()
    folder = results / "benchmarks" / "train"
    for file in sorted(folder.rglob("*.jsonl")):
        metrics = results / "runs" / file.relative_to(folder).with_suffix("") / "metrics.json"
        try:
            seconds = float(json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["s"])
            record = read_record(metrics)
        except (OSError, ValueError, LookupError, TypeError, RecursionError, SweepError):
            continue  # the benchmark is being written or is damaged, or the run's record is gone
        epoch_seconds = record["history"]["seconds"][max(record["resumed_epochs"], default=0) :]
        if record["status"] == "completed" and epoch_seconds and sum(epoch_seconds) <= seconds < math.inf:
            spent = sum(epoch_seconds)
            forecast.add(recorded_run(record), spent / len(epoch_seconds), seconds - spent)
    return forecast


def format_duration(seconds: float) -> str:
    """A duration in the unit that suits it: "45 s", "12 min", "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def format_size(size: float) -> str:
    """A number of bytes in the unit that suits it: "45 kB", "620 MB", "7.1 GB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6)):
        if size >= factor:
            return f"{size / factor:.{1 if unit == 'GB' else 0}f} {unit}"
    return f"{size / 1000:.0f} kB"
