"""Measuring two or more sides of a comparison alternately, and the table of the results."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

THREADS = 2

Timings = dict[str, list[float]]


def words(options: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line: --name value …"""
    return [str(word) for name, value in options.items() for word in (f"--{name}", value)]


class Side:
    """A process of competitors.py."""

    def __init__(self, side: str, data: Path, model: str, batch_size: int, precision: str) -> None:
        options = {"model": model, "batch-size": batch_size, "precision": precision, "threads": THREADS, "data": data}
        command = [sys.executable, str(Path(__file__).with_name("competitors.py")), side, *words(options)]
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  it lives as long as the process
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )

    def take(self, steps: int) -> dict[str, float]:
        """Let it take some steps; seconds a step, and peak_mb."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                answer: dict[str, float] = json.loads(line)
                return answer
        self.errors.seek(0)
        raise SystemExit(f"Error: {self.process.args!r} failed:\n{self.errors.read()}")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def steps_of(sides: dict[str, tuple[Side, int]], rounds: int) -> tuple[Timings, dict[str, float]]:
    """Seconds a step of each side, in alternate rounds after one to warm up, and its peak memory in MB.
    `sides` has the number of steps a round beside each side."""
    timings: Timings = {name: [] for name in sides}
    peaks = {}
    for number in range(rounds + 1):
        for name, (side, steps) in sides.items():
            answer = side.take(steps)
            peaks[name] = answer["peak_mb"]
            if number > 0:
                timings[name].append(answer["seconds"])
    for side, _ in sides.values():
        side.end()
    return timings, peaks


def seconds(command: list[str]) -> float:
    """How long a command takes; it must succeed."""
    start = perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    taken = perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"Error: {command} failed:\n{done.stdout}{done.stderr}")
    return taken


def alternate(commands: dict[str, Callable[[], float]], rounds: int) -> Timings:
    """What each of the commands returns, in alternate rounds."""
    timings: Timings = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            timings[name].append(command())
    return timings


class Table:
    """The rows, printed as they come."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        print(f"| {'comparison':72} | {'ratio or value':>15} | target | medians (smallest–largest) |")
        print("|---|---:|---:|---|")

    def add(self, comparison: str, value: float, target: str, timings: Timings | None = None, unit: str = "s") -> None:
        """A row; `timings` are in seconds unless `unit` says otherwise."""
        details = [
            f"{name} {statistics.median(values):.4g} {unit} ({min(values):.4g}–{max(values):.4g})"
            for name, values in (timings or {}).items()
        ]
        print(f"| {comparison:72} | {value:15.2f} | {target:>6} | {'; '.join(details)} |", flush=True)
        self.rows.append({"comparison": comparison, "value": value, "target": target, "unit": unit, "timings": timings})

    def ratio(self, comparison: str, over: str, under: str, target: str, timings: Timings) -> None:
        """The ratio of two sides' medians."""
        sides = {name: timings[name] for name in (over, under)}
        self.add(comparison, statistics.median(sides[over]) / statistics.median(sides[under]), target, sides)
