"""The write-up's sweep with made-up metrics, and its report as the program writes it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml

from examples import record, save_settings
from project import REPOSITORY
from render_report import render_report
from sweep.analysis import tables
from sweep.analysis.examined import Examination
from sweep.analysis.halving import promote
from sweep.data.prepared import manifest_hash
from sweep.files import write_json
from sweep.grid import Grid, Partial, Run
from sweep.runs.promotions import going_on
from sweep.runs.records import Record, make_record

TEMPLATES = REPOSITORY / "workflow" / "templates"
WRITEUP = yaml.safe_load((TEMPLATES / "writeup.yaml").read_text())
BEST = {"mlp": "1024_0.001_0.2", "cnn": "128_0.001_0.2"}

# A run's last validation loss and accuracy, or None if it diverged in its first epoch.
Metrics = Callable[[Run], tuple[float, float] | None]


def as_written(run: Run) -> tuple[float, float]:
    """The write-up's metrics for the best configurations; all others are far behind."""
    loss, accuracy = {"mlp": (1.4, 0.5197), "cnn": (0.7926, 0.7366)}[run.model]
    return (loss, accuracy) if run.name == BEST[run.model] else (loss + 0.5, accuracy - 0.1)


def sweep_records(metrics: Metrics, seeds: list[int], models: dict[str, Any]) -> tuple[list[Run], list[Record]]:
    """A record a run, whose last epoch has these metrics; those of the epochs before are worse."""
    runs = Grid.of(models, seeds).runs()
    records = []
    for run in runs:
        last = metrics(run)
        if last is None:
            records.append(record(run, [], [], 0))
        else:
            before = run.epochs - 1
            records.append(record(run, [3.0] * before + [last[0]], [0.1] * before + [last[1]]))
    return runs, records


def halved_records(
    learn: Callable[[Run], tuple[Any, ...]], seeds: list[int], models: dict[str, Any], rungs: int | None = None
) -> tuple[list[Run], list[Record]]:
    """The longest record of each run of a halved sweep, with the result that `learn` gives for a run of so many epochs;
    if `rungs` is given, as it is when so many rungs are done."""
    grid = Grid.of(models, seeds)
    longest: dict[Path, tuple[Run, Record]] = {}
    for model, space in grid.models.items():
        names = {run.name for run in grid.runs_of(model, space.epochs)}
        for epochs in space.rungs[:rungs]:
            runs = [run for run in grid.runs_of(model, epochs) if run.name in names]
            records = [record(run, *learn(run)) for run in runs]
            longest |= {run.path: (run, made) for run, made in zip(runs, records, strict=True)}
            if epochs < space.epochs:
                names = set(going_on(promote(runs, records, grid, model)))
            if not names:
                break
    return [run for run, _ in longest.values()], [made for _, made in longest.values()]


def write_report(
    folder: Path,
    runs: list[Run],
    records: list[Record],
    models: dict[str, Any],
    seeds: list[int],
    language: Literal["zh", "en"] = "en",
    partial: dict[str, Any] | None = None,
    studies: Sequence[tuple[Grid, list[Run], list[Record]]] = (),
    examinations: Sequence[Examination] = (),
    **data: Any,
) -> tuple[str, dict[str, Any]]:
    """report.md and report.json of these runs, and of those of `studies`, on the write-up's data, or on that which
    `data` says. The `examinations` are made those of the records of their runs."""
    grid = Grid.of(models, seeds, partial=None if partial is None else Partial(**partial))
    tables.write_tables(folder, runs, records, grid)
    manifest = {**WRITEUP["sweep"]["data"], "class_names": list("abcdefghij"), "content_hash": "d" * 64, **data}
    write_json(folder / "manifest.json", {**manifest, "manifest_hash": manifest_hash(manifest)})
    settings = save_settings(folder, language)
    for study, its_runs, its_records in studies:
        tables.write_tables(folder / "studies" / study.study, its_runs, its_records, study)
    folders = [folder / "studies" / study.study for study, _, _ in studies]
    grids = [each / "grid.json" for each in folders]
    files = write_examinations(folder, examinations, runs, records)
    place = (folder / "grid.json", settings, folder, folder, TEMPLATES, folder / "report.md")
    render_report(*place, grids, folders, files)
    return (folder / "report.md").read_text(), json.loads((folder / "report.json").read_text())


def write_examinations(
    folder: Path, examinations: Sequence[Examination], runs: list[Run], records: list[Record]
) -> list[Path]:
    """Write the examinations of the records of their runs, and of those that these are compared with. Returns the
    files."""
    by_path = {str(run.path): record for run, record in zip(runs, records, strict=True)}
    files = [folder / "examinations" / f"{each.model}.json" for each in examinations]
    for file, each in zip(files, examinations, strict=True):
        found, nearest = by_path.get(each.run or ""), each.nearest
        if nearest:
            own = [replace(other, content_hash=by_path[other.run]["content_hash"]) for other in nearest.compared]
            nearest = replace(nearest, compared=own)
        (replace(each, content_hash=found["content_hash"], nearest=nearest) if found else each).write(file)
    return files


def changed(of: Record, run: Run, **changes: Any) -> Record:
    """The record `of` a run with some entries changed, and with the hashes of its new content."""
    keep = (
        "commit",
        "status",
        "diverged_epoch",
        "resumed_epochs",
        "history",
        "best",
        "last",
        "training_s",
        "environment",
    )
    return make_record(run, of["data_hash"], {**{name: of[name] for name in keep}, **changes})
