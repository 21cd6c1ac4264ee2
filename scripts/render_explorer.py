"""Render the pages for a browser: see `render_explorer`."""

import os
from pathlib import Path
from typing import Literal

from sweep import program
from sweep.analysis.tables import check_data, check_tables, read_table
from sweep.data.prepared import read_manifest
from sweep.files import write_text
from sweep.grid import Grid
from sweep.report.explorer import explorer_context, explorer_data
from sweep.report.render import convert_markdown, render_page


def render_explorer(
    grid: Path,
    data: Path,
    tables: Path,
    templates: Path,
    language: Literal["zh", "en"],
    author: str,
    rank_by: Literal["val_loss", "val_acc"],
    report: Path,
) -> None:
    """Render index.html, the page to explore the sweep, and report.html, the report as HTML.

    Both are written beside --report, the Markdown report. --grid is the grid.json of the tables, --data the folder of
    the prepared data, --templates the folder of the pages' templates. With an empty --author the page names none.
    """
    check_tables(tables)
    runs, epochs = (read_table(tables / f"{name}.csv") for name in ("runs", "epochs"))
    shown, manifest = Grid.read(grid), read_manifest(data)
    # A preview says which of its runs are of other data.
    if shown.partial is None:
        check_data(tables, runs, manifest.content_hash)
    train_script = Path(os.path.relpath(Path(__file__).with_name("train.py")))
    drawn = explorer_data(runs, epochs, data, train_script, rank_by)
    values = explorer_context(shown, manifest, author, drawn)
    page = render_page(templates, "index.html", language, values)
    html = render_page(templates, "report.html", language, convert_markdown(report.read_text(encoding="utf-8")))
    for name, text in {"index.html": page, "report.html": html}.items():
        write_text(report.with_name(name), text)
        print(f"Wrote {report.with_name(name)}")


if __name__ == "__main__":
    program.run(render_explorer)
