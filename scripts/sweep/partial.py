"""A look at a sweep that is not finished, or whose runs do not belong together: what there is, and what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.grid import Run
from sweep.records import Record, find_record


def read_partial(
    grid: Mapping[str, Any], runs: Sequence[Run], folder: Path, kept_folder: Path, data_hash: str
) -> tuple[list[Run], list[Record], dict[str, Any]]:
    """The runs that there are, *as their records say*, these records, and the grid with their models only and an entry
    "partial" that tells how many are missing, which are damaged and left out, and which differ and in what.

    Raises:
        SweepError: no run is finished.
    """
    used: list[Run] = []
    records: list[Record] = []
    partial: dict[str, Any] = {"runs": len(runs), "missing": 0, "damaged": [], "stale": [], "left_out": []}
    for run in runs:
        finding = find_record(run, folder, kept_folder, data_hash)
        if finding.missing:
            partial["missing"] += 1
            continue
        record = finding.record
        made = None if record is None else Run(**{field.name: record[field.name] for field in fields(Run)})
        # A record at another run's place would count twice.
        if record is None or made is None or made.path != run.path:
            partial["damaged"].append(finding.fault)
            continue
        if finding.differs:
            partial["stale"].append({"run": str(run.path), "differs": finding.differs})
        used.append(made)
        records.append(record)
    if not records:
        raise SweepError(f"no run of this sweep is finished: there is nothing in {folder} to show yet")
    shown = {run.model for run in used}
    asked = [model for model, space in grid["models"].items() if space is not None]
    partial["left_out"] = [model for model in asked if model not in shown]
    models = {model: grid["models"][model] for model in asked if model in shown}
    return used, records, {**grid, "models": models, "partial": partial}
