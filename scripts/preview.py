"""Show what is finished so far: see `preview`."""

from pathlib import Path

from aggregate import aggregate
from plot import plot
from render_explorer import render_explorer
from render_report import render_report
from sweep import program
from sweep.config import read_config
from sweep.data.prepared import MANIFEST_FILE
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Grid
from sweep.layout import RECORDS, Layout

TEMPLATES = Path(__file__).parents[1] / "workflow" / "templates"


def preview(configfile: list[Path] = []) -> None:  # noqa: B006  it is not changed
    """Make tables, figures, report and explorer of what is finished so far; their tops say that they are partial.

    Studies are left out. The sweep may be running: its own tables and report are not touched, and Snakemake, which it
    holds locked, is not used. --configfile is on top of config.yaml, as Snakemake's.
    """
    layout = Layout(read_config(configfile))
    settings = layout.settings["report"]
    data, tables, report = layout.data, layout.results / "preview", layout.report / "preview" / "report.md"
    if not (data / MANIFEST_FILE).exists():
        raise SweepError(f"no run of this sweep is finished: {data} holds no data to train on yet")
    asked, shown, grid = tables / "asked.json", tables / "settings.json", tables / "grid.json"
    write_json(asked, layout.grid.content())
    write_json(shown, settings)
    aggregate(asked, layout.results / "runs", RECORDS, data, layout.promotions, tables, partial=True)
    for model in Grid.read(grid).models:
        plot(grid, tables, model, settings["top"], report.parent / "pics")
    render_report(grid, shown, data, tables, TEMPLATES, report)
    render_explorer(grid, shown, data, tables, TEMPLATES / "explorer", report)


if __name__ == "__main__":
    program.run(preview)
