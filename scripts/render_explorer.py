"""Render the pages for a browser: see `render_explorer`."""

import os
from pathlib import Path

from sweep import program
from sweep.analysis.examined import read_examinations
from sweep.analysis.tables import check_data, check_tables, read_table
from sweep.data.prepared import read_manifest
from sweep.files import read_json, write_text
from sweep.grid import Grid
from sweep.report.explorer import explorer_context, explorer_data
from sweep.report.render import convert_markdown, render_page


def render_explorer(
    grid: Path,
    settings: Path,
    data: Path,
    tables: Path,
    templates: Path,
    report: Path,
    examinations: list[Path] = [],  # noqa: B006  it is not changed
) -> None:
    """Render index.html, the page to explore the sweep, and report.html, the report as HTML.

    Both are written beside --report, the Markdown report. --grid is the grid that the tables must be of, --settings a
    JSON file with the language (zh or en) and the author (empty: the page names none). --data is the folder of the
    prepared data, --templates the folder of the pages' templates, --examinations the files of the models' examinations;
    a preview has none.
    """
    check_tables(tables, grid)
    asked, shown, manifest = Grid.read(grid), read_json(settings), read_manifest(data)
    runs, epochs, importance = (read_table(tables / f"{name}.csv") for name in ("runs", "epochs", "importance"))
    # A preview says which of its runs are of other data.
    if asked.partial is None:
        check_data(tables, runs, manifest.content_hash)
    train_script = Path(os.path.relpath(Path(__file__).with_name("train.py")))
    examined = read_examinations(examinations, asked, runs)
    drawn = explorer_data(asked, runs, epochs, importance, examined.values(), data, train_script)
    pages = {
        "index.html": explorer_context(asked, manifest, shown["author"], runs, drawn),
        "report.html": convert_markdown(report.read_text(encoding="utf-8")),
    }
    for name, values in pages.items():
        write_text(report.with_name(name), render_page(templates, name, shown["language"], values))
        print(f"Wrote {report.with_name(name)}")


if __name__ == "__main__":
    program.run(render_explorer)
