"""Render the Markdown report: see `render_report`."""

from pathlib import Path
from typing import Literal

import yaml

from sweep import program
from sweep.analysis.tables import check_tables, read_table
from sweep.data.prepared import read_manifest
from sweep.files import write_json, write_text
from sweep.grid import Grid
from sweep.report.citations import Ledger, run_list
from sweep.report.context import context, render


def render_report(
    grid: Path,
    data: Path,
    tables: Path,
    templates: Path,
    language: Literal["zh", "en"],
    author: str,
    rank_by: Literal["val_loss", "val_acc"],
    top: int,
    output: Path,
    study_grids: list[Path] = [],  # noqa: B006  it is not changed
) -> None:
    """Render the Markdown report from the tables, and beside it, as JSON, where each of its numbers comes from.

    --grid is the grid.json of the tables, --study-grids those of the studies; --data is the folder of the prepared
    data, --templates that of the templates and of writeup.yaml. An empty --author leaves the author line out. The
    figures belong in pics/ beside --output.
    """
    check_tables(tables)
    runs, configurations = (read_table(tables / f"{name}.csv") for name in ("runs", "configurations"))
    writeup = yaml.safe_load((templates / "writeup.yaml").read_text(encoding="utf-8"))
    ledger = Ledger()
    values = context(ledger, Grid.read(grid), read_manifest(data), runs, configurations, writeup, rank_by, top, author)
    values["studies"] = {study.study: study.models for study in map(Grid.read, study_grids)}
    text, numbers = ledger.settle(render(templates, language, values))
    write_json(output.with_suffix(".json"), {"numbers": numbers, "runs": run_list(runs)})
    write_text(output, text)
    print(f"Wrote {output}")


if __name__ == "__main__":
    program.run(render_report)
