"""Promotions of models that are halved: files that say which configurations go on after a rung."""

import json
import math
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sweep.errors import SweepError
from sweep.files import read_json
from sweep.grid import Grid, Run
from sweep.layout import Layout
from sweep.runs.records import code_hash


def number_kept(configurations: int, keep: float) -> int:
    """How many of so many configurations go on, if `keep` is the share: at least one, if there is any."""
    # 0.1 · 30 is 3.0000000000000004 to Python.
    return min(configurations, max(1, math.ceil(round(keep * configurations, 9))))


def going_on(promotion: Mapping[str, Any]) -> list[str]:
    """The names of the configurations that go on."""
    return [each["name"] for each in promotion["configurations"] if each["goes_on"]]


def read_promoted(file: Path) -> list[str]:
    """The names of the configurations that go on by this promotion's file. Raises SweepError if it is missing or
    damaged."""
    advice = f"remove it and run the same command again: rm -f {shlex.quote(str(file))}"
    try:
        return going_on(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise SweepError(f"{file} is missing or damaged ({error}); {advice}") from None


class Rung(NamedTuple):
    """The configurations of a model that are trained for so many epochs; a model that is not halved has one rung."""

    model: str
    epochs: int
    before: int  # the epochs of the rung before, 0 for the first
    configurations: int  # how many there are, or are expected while it is not known which
    all_configurations: int  # how many the model has
    runs: list[Run] | None  # None while the rung before does not say which


def list_rungs(layout: Layout) -> list[Rung]:
    """Every rung of the sweep's own grid. A promotion that is damaged, or was made for another grid, says nothing."""
    found = []
    for model, space in layout.grid.models.items():
        asked = promotion_grid(layout, model).content() if space.halving else {}
        runs: list[Run] | None = layout.grid.runs_of(model, space.rungs[0])
        configurations = everything = len(space.configurations)
        found.append(Rung(model, space.rungs[0], 0, everything, everything, runs))
        for before, epochs in pairwise(space.rungs):
            names = None
            with suppress(SweepError, LookupError, TypeError):
                file = layout.promotions / model / f"rung{before}.json"
                if runs is not None and read_json(file)["grid"] == asked:
                    names = set(read_promoted(file))
            runs = None if names is None else [run for run in layout.grid.runs_of(model, epochs) if run.name in names]
            configurations = number_kept(configurations, space.halving["keep"]) if names is None else len(names)
            found.append(Rung(model, epochs, before, configurations, everything, runs))
    return found


def promotion_grid(layout: Layout, model: str) -> Grid:
    """What decides the promotions of a model that is halved, beside its records."""
    rank_by = layout.settings["report"]["rank_by"]
    return replace(layout.grid.of_model(model), code_hashes={model: code_hash(model)}, rank_by=rank_by)


def describe_rungs(rungs: Iterable[Rung]) -> str:
    """The rungs of one model in words: "12 configurations for 5 epochs, 4 of them on to 3, 2 of them on to 9"."""
    first, *others = rungs
    words = [f"{first.configurations} configurations for {first.epochs} epoch{'s' if first.epochs > 1 else ''}"]
    words += [f"{rung.configurations} of them on to {rung.epochs}" for rung in others]
    unknown = any(rung.runs is None for rung in others)
    return ", ".join(words) + (" (which ones depends on results to come)" if unknown else "")


def find_damaged_promotions(layout: Layout) -> list[str]:
    """A sentence on each promotion of a model that is halved which cannot be read."""
    sentences = []
    for model, space in layout.grid.models.items():
        for epochs in space.rungs[:-1]:
            file = layout.promotions / model / f"rung{epochs}.json"
            try:
                if file.exists():
                    read_promoted(file)
            except SweepError as error:
                sentences.append(str(error))
    return sentences


def known_runs(layout: Layout, rungs: Iterable[Rung]) -> list[Run]:
    """Every run that the sweep with these rungs asks for, as far as its promotions say, and those that only a study
    has."""
    of_grid = [run for rung in rungs for run in rung.runs or []]
    of_studies = [run for grid in layout.studies.values() for run in grid.runs()]
    return list(dict.fromkeys([*of_grid, *of_studies]))
