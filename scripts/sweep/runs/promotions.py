"""Promotions of models that are halved: files that say which configurations go on after a rung."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sweep.errors import SweepError
from sweep.grid import Grid, Run, number_kept
from sweep.layout import Layout
from sweep.runs.records import code_hash


def going_on(promotion: Mapping[str, Any]) -> list[str]:
    """The names of the configurations that go on."""
    return [each["name"] for each in promotion["configurations"] if each["goes_on"]]


def promotion_file(promotions: Path, model: str, epochs: int) -> Path:
    """The file, below the folder of a sweep's promotions, on who goes on after so many epochs."""
    return promotions / model / f"rung{epochs}.json"


def read_promotion(file: Path) -> dict[str, Any]:
    """The content of a promotion's file, as `sweep.analysis.halving.promote` makes it. Raises SweepError if it is
    missing or damaged."""
    advice = f"remove it and run the same command again: rm -f {shlex.quote(str(file))}"
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        going_on(content), content["grid"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SweepError(f"{file} is missing or damaged ({error}); {advice}") from None
    return content


def promotion_grid(grid: Grid, model: str, epochs: int) -> dict[str, Any]:
    """What a promotion is decided by, beside the records of its rung. `grid` is ranked as the sweep is."""
    return replace(grid.up_to(model, epochs), code_hashes={model: code_hash(model)}).content()


class Rung(NamedTuple):
    """The configurations of a model that are trained for so many epochs; a model that is not halved has one rung."""

    model: str
    epochs: int
    before: int  # the epochs of the rung before, 0 for the first
    configurations: int  # how many there are, or are expected while it is not known which
    runs: list[Run] | None  # None while the rung before does not say which


def list_rungs(grid: Grid, promotions: Path) -> list[Rung]:
    """Every rung of a grid, as far as its promotions say who goes on. One that is damaged, or was decided by something
    else than `promotion_grid`, says nothing."""
    found = []
    for model, space in grid.models.items():
        configurations = len(space.configurations)
        runs: list[Run] | None = grid.runs_of(model, space.rungs[0])
        found.append(Rung(model, space.rungs[0], 0, configurations, runs))
        for before, epochs in pairwise(space.rungs):
            names = None if runs is None else _promoted(grid, promotions, model, before)
            if names is None:
                runs, configurations = None, number_kept(configurations, space.halving["keep"])
            else:
                runs, configurations = grid.runs_of(model, epochs, names), len(names)
            found.append(Rung(model, epochs, before, configurations, runs))
    return found


def _promoted(grid: Grid, promotions: Path, model: str, epochs: int) -> set[str] | None:
    try:
        promotion = read_promotion(promotion_file(promotions, model, epochs))
    except SweepError:
        return None
    return set(going_on(promotion)) if promotion["grid"] == promotion_grid(grid, model, epochs) else None


def find_damaged(grid: Grid, promotions: Path) -> list[str]:
    """A sentence on each promotion of a grid that is there but cannot be read."""
    sentences = []
    for model, space in grid.models.items():
        for file in (promotion_file(promotions, model, epochs) for epochs in space.rungs[:-1]):
            try:
                if file.exists():
                    read_promotion(file)
            except SweepError as error:
                sentences.append(str(error))
    return sentences


def describe_rungs(rungs: Iterable[Rung]) -> str:
    """The rungs of one model in words: "12 configurations for 5 epochs, 4 of them on to 15, 2 of them on to 50"."""
    first, *others = rungs
    words = [f"{first.configurations} configurations for {first.epochs} epoch{'s' if first.epochs > 1 else ''}"]
    words += [f"{rung.configurations} of them on to {rung.epochs}" for rung in others]
    unknown = any(rung.runs is None for rung in others)
    return ", ".join(words) + (" (which ones depends on results to come)" if unknown else "")


def known_runs(layout: Layout, rungs: Iterable[Rung]) -> list[Run]:
    """Every run that the sweep with these rungs asks for, as far as its promotions say, and those that only a study
    has."""
    of_grid = [run for rung in rungs for run in rung.runs or []]
    of_studies = [run for grid in layout.studies.values() for run in grid.runs()]
    return list(dict.fromkeys([*of_grid, *of_studies]))
