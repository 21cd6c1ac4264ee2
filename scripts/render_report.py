"""Render the Markdown report from the tables, and beside it, as JSON, where each of its numbers comes from."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd
import yaml

from sweep.errors import SweepError
from sweep.files import write_json, write_text
from sweep.prepared import read_manifest
from sweep.provenance import Ledger, run_list
from sweep.report import context, render
from sweep.tables import check_tables, read_runs


def main(args: argparse.Namespace) -> None:
    check_tables(args.tables)
    runs = read_runs(args.tables)
    configurations = pd.read_csv(args.tables / "configurations.csv")
    grid = json.loads(args.grid.read_text(encoding="utf-8"))
    writeup = yaml.safe_load((args.templates / "writeup.yaml").read_text(encoding="utf-8"))
    manifest, ledger = read_manifest(args.data), Ledger()
    values = context(ledger, grid, manifest, runs, configurations, writeup, args.rank_by, args.top, args.author)
    grids = [json.loads(file.read_text(encoding="utf-8")) for file in args.study_grids]
    values["studies"] = {file.parent.name: grid["models"] for file, grid in zip(args.study_grids, grids, strict=True)}
    text, numbers = ledger.settle(render(args.templates, args.language, values))
    write_json(args.output.with_suffix(".json"), {"numbers": numbers, "runs": run_list(runs)})
    write_text(args.output, text)
    print(f"Wrote {args.output}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, required=True, help="grid.json: the models' search spaces and the seeds")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the tables")
    parser.add_argument("--templates", type=Path, required=True, help="the folder of the templates and of writeup.yaml")
    parser.add_argument("--language", choices=["zh", "en"], required=True)
    parser.add_argument("--author", required=True, help="may be empty: then there is no author line")
    parser.add_argument("--rank-by", choices=["val_loss", "val_acc"], required=True)
    parser.add_argument("--top", type=int, required=True, help="how many configurations the figures show")
    parser.add_argument("--study-grids", type=Path, nargs="*", default=[], help="<study>/grid.json of each study")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="the report; beside it its pictures, in pics/, and its numbers' origins, in a .json of the same name",
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
