"""Tables, figures, report and explorer of what is finished so far, marked as partial or mixed at their top.

Studies are left out. The sweep may be running: its own tables and report are not touched, and Snakemake, which it holds
locked, is not used.
"""

import argparse
import json
import sys
from pathlib import Path

import aggregate
import plot
import plot_effects
import render_explorer
import render_report
from merged_config import merged_config, parse_args
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.layout import RECORDS, Layout
from sweep.metrics import METRIC_LABELS
from sweep.prepared import MANIFEST_FILE

TEMPLATES = Path(__file__).parents[1] / "workflow" / "report"


def main(args: argparse.Namespace) -> None:
    layout = Layout(merged_config(args.configfile))
    settings = layout.settings["report"]
    tables, report = layout.results / "preview", layout.report / "preview" / "report.md"
    if not (layout.data / MANIFEST_FILE).exists():
        raise SweepError(f"no run of this sweep is finished: {layout.data} holds no data to train on yet")
    asked = tables / "asked.json"
    write_json(asked, layout.grid)
    common = {"data": layout.data, "tables": tables, "rank_by": settings["rank_by"], "top": settings["top"]}
    aggregate.main(
        argparse.Namespace(**common, grid=asked, runs=layout.results / "runs", records=RECORDS, partial=True)
    )
    grid = tables / "grid.json"
    for model in json.loads(grid.read_text(encoding="utf-8"))["models"]:
        for metric in METRIC_LABELS:
            pictures = [report.parent / "pics" / f"{model.upper()}_{metric}.{suffix}" for suffix in ("png", "svg")]
            plot.main(argparse.Namespace(**common, model=model, metric=metric, output=pictures))
        plot_effects.main(argparse.Namespace(**common, model=model, pictures=report.parent / "pics"))
    words = {"language": settings["language"], "author": settings["author"]}
    render_report.main(
        argparse.Namespace(**common, **words, grid=grid, templates=TEMPLATES, study_grids=[], output=report)
    )
    render_explorer.main(
        argparse.Namespace(**common, **words, grid=grid, templates=TEMPLATES / "explorer", report=report)
    )


if __name__ == "__main__":
    try:
        main(parse_args(__doc__))
    except SweepError as error:
        sys.exit(f"Error: {error}")
