"""Render the Markdown report: see `render_report`."""

from pathlib import Path
from typing import Literal

import yaml

from sweep import program
from sweep.analysis.tables import check_data, check_tables, read_table
from sweep.data.prepared import read_manifest
from sweep.files import write_json, write_text
from sweep.grid import Grid
from sweep.report.citations import Citations, run_list
from sweep.report.context import report_context
from sweep.report.render import render_markdown


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
    """Render the Markdown report from the tables, and beside it report.json, which says where each number comes from.

    --grid is the grid.json of the tables, and --study-grids are those of the studies. --data is the folder of the
    prepared data, --templates the folder of the templates and of writeup.yaml. With an empty --author the report has no
    author line. The report shows the figures in pics/ beside --output.
    """
    check_tables(tables)
    runs, configurations = (read_table(tables / f"{name}.csv") for name in ("runs", "configurations"))
    writeup = yaml.safe_load((templates / "writeup.yaml").read_text(encoding="utf-8"))
    asked, manifest = Grid.read(grid), read_manifest(data)
    # A preview says which of its runs are of other data.
    if asked.partial is None:
        check_data(tables, runs, manifest.content_hash)
    studies = [Grid.read(file) for file in study_grids]
    citations = Citations(runs, len(asked.seeds))
    values = report_context(citations, asked, manifest, configurations, writeup, rank_by, top, author, studies)
    text, numbers = citations.settle(render_markdown(templates, language, values))
    write_json(output.with_suffix(".json"), {"numbers": numbers, "runs": run_list(runs)})
    write_text(output, text)
    print(f"Wrote {output}")


if __name__ == "__main__":
    program.run(render_report)
