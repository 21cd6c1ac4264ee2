"""Render the page to explore the sweep, and the report as HTML beside it."""

import argparse
import json
import os
import sys
from pathlib import Path

from sweep.errors import SweepError
from sweep.explorer import explorer_data, read_table, render_explorer, render_html_report
from sweep.files import write_text
from sweep.prepared import read_manifest
from sweep.tables import check_tables


def main(args: argparse.Namespace) -> None:
    check_tables(args.tables)
    runs, epochs = (read_table(args.tables / f"{name}.csv") for name in ("runs", "epochs"))
    grid = json.loads(args.grid.read_text(encoding="utf-8"))
    train_script = Path(os.path.relpath(Path(__file__).with_name("train.py")))
    data = explorer_data(runs, epochs, args.data, train_script, args.rank_by)
    page = render_explorer(args.templates, args.language, grid, read_manifest(args.data), args.author, data)
    report = args.report.read_text(encoding="utf-8")
    html = render_html_report(args.templates, args.language, report)
    for name, text in {"index.html": page, "report.html": html}.items():
        write_text(args.report.with_name(name), text)
        print(f"Wrote {args.report.with_name(name)}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, required=True, help="grid.json: the models' search spaces and the seeds")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the tables")
    parser.add_argument("--templates", type=Path, required=True, help="the folder of the pages' templates")
    parser.add_argument("--language", choices=["zh", "en"], required=True)
    parser.add_argument("--author", required=True, help="may be empty: then there is no author line")
    parser.add_argument("--rank-by", choices=["val_loss", "val_acc"], required=True)
    parser.add_argument("--report", type=Path, required=True, help="report.md; the pages are written beside it")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
