"""Promotions of models that are halved: files that say which configurations go on after a rung."""

import json
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.files import read_json
from sweep.grid import Grid, Run


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


def known_runs(grid: Grid, model: str, promotions: Path) -> list[list[Run]]:
    """The runs of each rung of a model, as far as its promotions are made: <promotions>/<model>/rung<epochs>.json.

    A promotion of another grid than this one says nothing. Without halving there is one rung.

    Raises:
        SweepError: a promotion is damaged.
    """
    space = grid.models[model]
    asked = grid.of_model(model).content()
    rungs = [grid.runs_of(model, space.rungs[0])]
    for epochs, following in pairwise(space.rungs):
        file = promotions / model / f"rung{epochs}.json"
        if not file.exists() or read_json(file).get("grid") != asked:
            break
        names = set(read_promoted(file))
        rungs.append([run for run in grid.runs_of(model, following) if run.name in names])
    return rungs
