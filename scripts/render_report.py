"""Render the Markdown report: see `render_report`."""

from pathlib import Path

import yaml

from sweep import program
from sweep.analysis.tables import check_data, check_tables, read_table
from sweep.data.prepared import read_manifest
from sweep.files import read_json, write_json, write_text
from sweep.grid import Grid
from sweep.report.citations import Citations, run_list
from sweep.report.context import report_context
from sweep.report.render import render_markdown


def render_report(
    grid: Path,
    settings: Path,
    data: Path,
    tables: Path,
    templates: Path,
    output: Path,
    study_grids: list[Path] = [],  # noqa: B006  it is not changed
) -> None:
    """Render the Markdown report from the tables, and beside it report.json, which says where each number comes from.

    --grid is the grid that the tables must be of, and --study-grids are those of the studies. --settings is a JSON file
    with the language (zh or en), the author (empty: the report has no author line) and top, how many configurations are
    shown. --data is the folder of the prepared data, --templates the folder of the templates and of writeup.yaml. The
    report shows the figures in pics/ beside --output.
    """
    check_tables(tables, grid)
    runs, configurations = (read_table(tables / f"{name}.csv") for name in ("runs", "configurations"))
    writeup = yaml.safe_load((templates / "writeup.yaml").read_text(encoding="utf-8"))
    asked, shown, manifest = Grid.read(grid), read_json(settings), read_manifest(data)
    # A preview says which of its runs are of other data.
    if asked.partial is None:
        check_data(tables, runs, manifest.content_hash)
    studies = [Grid.read(file) for file in study_grids]
    citations = Citations(runs, len(asked.seeds))
    top, author = shown["top"], shown["author"]
    values = report_context(citations, asked, manifest, configurations, writeup, asked.rank_by, top, author, studies)
    text, numbers = citations.settle(render_markdown(templates, shown["language"], values))
    write_json(output.with_suffix(".json"), {"settings": shown, "numbers": numbers, "runs": run_list(runs)})
    write_text(output, text)
    print(f"Wrote {output}")


if __name__ == "__main__":
    program.run(render_report)
