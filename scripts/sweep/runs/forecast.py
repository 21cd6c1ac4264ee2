"""How long runs will take, by those that are finished."""

import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from sweep.errors import SweepError
from sweep.grid import Run
from sweep.runs.records import read_record


class Forecast:
    """Seconds of a run from the seconds an epoch of others: the median of the same model and batch size if there are
    any, otherwise of the same model."""

    def __init__(self) -> None:
        self.samples: dict[tuple[Any, ...], list[float]] = defaultdict(list)
        self.size = 0

    def add(self, model: str, batch_size: int, epoch_s: float) -> None:
        self.samples[model, batch_size].append(epoch_s)
        self.samples[model,].append(epoch_s)
        self.size += 1

    def seconds(self, run: Run) -> float | None:
        """None where there is nothing to go by."""
        for key in ((run.model, run.batch_size), (run.model,)):
            if key in self.samples:
                return median(self.samples[key]) * run.epochs
        return None


def from_benchmarks(results: Path) -> Forecast:
    """By the benchmark files of <results>/benchmarks/train/ and the records that their jobs made.

    A job that published a kept record, or went on from a checkpoint, took less than the training it stands for: its
    file does not count.
    """
    forecast = Forecast()
    folder = results / "benchmarks" / "train"
    for file in sorted(folder.rglob("*.jsonl")):
        metrics = results / "runs" / file.relative_to(folder).with_suffix("") / "metrics.json"
        try:
            seconds = float(json.loads(file.read_text(encoding="utf-8").splitlines()[-1])["s"])
            record = read_record(metrics)
        except (OSError, ValueError, LookupError, TypeError, SweepError):
            continue  # being written, or its run's record is gone
        epochs = record["history"]["seconds"]
        if record["status"] == "completed" and seconds >= sum(epochs):
            forecast.add(record["model"], record["batch_size"], seconds / len(epochs))
    return forecast


def duration(seconds: float) -> str:
    """In the unit that suits it: "45 s", "12 min", "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
