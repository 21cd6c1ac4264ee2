"""The records of a grid: all of them, or whatever exists of an unfinished sweep."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.grid import Grid, Partial, Run
from sweep.runs.records import Record, find_record, remedy


def read_records(runs: Sequence[Run], folder: Path, kept_folder: Path, data_hash: str) -> list[Record]:
    """The record of every run of the grid, from <folder>/<model>/<name>/seed<k>/metrics.json.

    Raises:
        SweepError: naming every file that is missing, damaged or made with other parameters, data or code, every
            damaged record among those kept for these runs, and the command that rebuilds them.
    """
    findings = [find_record(run, folder, kept_folder, data_hash) for run in runs]
    records = [finding.record for finding in findings if finding.record is not None and not finding.fault]
    others = len(runs) - len(records)
    sentences = [sentence for finding in findings for sentence in (finding.fault, finding.kept_fault) if sentence]
    if sentences:
        what = f"{others} of {len(runs)} records are not those of this sweep" if others else "kept records are damaged"
        raise SweepError(
            f"{what}:\n"
            + "\n".join(f"  {sentence}" for sentence in sentences)
            + "\nRebuild them: mend these files so and run the same command again: "
            + remedy(findings)
        )
    return records


def read_partial(grid: Grid, folder: Path, kept_folder: Path, data_hash: str) -> tuple[list[Run], list[Record], Grid]:
    """The runs whose records exist, *as these records say*, the records, and the grid reduced to their models, with an
    account of what is missing, damaged or stale.

    Raises:
        SweepError: no run is finished.
    """
    runs = grid.runs()
    used: list[Run] = []
    records: list[Record] = []
    missing = 0
    damaged: list[str] = []
    stale: list[dict[str, Any]] = []
    for run in runs:
        finding = find_record(run, folder, kept_folder, data_hash)
        if finding.missing:
            missing += 1
            continue
        record = finding.record
        made = None if record is None else Run(**{field.name: record[field.name] for field in fields(Run)})
        # A record at another run's place would count twice.
        if record is None or made is None or made.path != run.path:
            damaged.append(finding.fault)
            continue
        if finding.differs:
            stale.append({"run": str(run.path), "differs": finding.differs})
        used.append(made)
        records.append(record)
    if not records:
        raise SweepError(f"no run of this sweep is finished: there is nothing in {folder} to show yet")
    shown = {run.model for run in used}
    left_out = [model for model in grid.models if model not in shown]
    models = {model: space for model, space in grid.models.items() if model in shown}
    return used, records, replace(grid, models=models, partial=Partial(len(runs), missing, damaged, stale, left_out))
