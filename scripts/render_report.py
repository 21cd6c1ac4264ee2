"""Render the Markdown report: see `render_report`."""

from pathlib import Path

import yaml

from sweep import program
from sweep.analysis.examined import read_examinations
from sweep.analysis.tables import check_data, check_tables
from sweep.data.prepared import read_manifest
from sweep.files import read_json, write_json, write_text
from sweep.report.citations import Citations, run_list
from sweep.report.context import Tables, report_context
from sweep.report.render import render_markdown


def render_report(
    grid: Path,
    settings: Path,
    data: Path,
    tables: Path,
    templates: Path,
    output: Path,
    study_grids: list[Path] = [],  # noqa: B006  it is not changed
    study_tables: list[Path] = [],  # noqa: B006
    examinations: list[Path] = [],  # noqa: B006
) -> None:
    """Render the Markdown report from the tables, and beside it report.json, which says where each number comes from.

    --grid is the grid that the tables must be of. --study-grids are those of the studies, and --study-tables the
    folders of their tables, in the same order. --examinations are those of the models' best runs; a preview has none.
    --settings is a JSON file with the language (zh or en), the author (empty: the report has no author line) and top,
    how many configurations are shown. --data is the folder of the prepared data, --templates the folder of the
    templates and of writeup.yaml. The report shows the figures in pics/ beside --output.
    """
    writeup = yaml.safe_load((templates / "writeup.yaml").read_text(encoding="utf-8"))
    shown, manifest = read_json(settings), read_manifest(data)
    asked = [(grid, tables), *zip(study_grids, study_tables, strict=True)]
    for file, folder in asked:
        check_tables(folder, file)
    sweep, *studies = (Tables.read(file, folder) for file, folder in asked)
    for (_, folder), each in zip(asked, (sweep, *studies), strict=True):
        # A preview says which of its runs are of other data.
        if each.grid.partial is None:
            check_data(folder, each.runs, manifest.content_hash)
    examined = read_examinations(examinations, sweep.grid, sweep.runs)
    citations = Citations(sweep.runs, len(sweep.grid.seeds))
    values = report_context(citations, sweep, manifest, writeup, shown["top"], shown["author"], studies, examined)
    text, numbers = citations.settle(render_markdown(templates, shown["language"], values))
    runs = run_list(sweep.runs, {study.grid.study: study.runs for study in studies})
    write_json(output.with_suffix(".json"), {"settings": shown, "numbers": numbers, "runs": runs})
    write_text(output, text)
    print(f"Wrote {output}")


if __name__ == "__main__":
    program.run(render_report)
