"""Check that the runs' records are exactly those of the grid, and gather them in tables."""

import argparse
import json
import sys
from pathlib import Path

from sweep.errors import SweepError
from sweep.files import write_json, write_text
from sweep.grid import expand_grid
from sweep.prepared import read_manifest
from sweep.tables import configuration_table, epoch_table, read_records, run_table


def main(args: argparse.Namespace) -> None:
    grid = json.loads(args.grid.read_text(encoding="utf-8"))
    runs = list(expand_grid(grid["models"], grid["seeds"]))
    records = read_records(runs, args.runs, read_manifest(args.data).content_hash)
    table = run_table(runs, records)
    for name, content in {
        "runs": table,
        "epochs": epoch_table(runs, records),
        "configurations": configuration_table(table, args.rank_by),
    }.items():
        write_text(args.tables / f"{name}.csv", content.to_csv(index=False))
    # The report is of the grid that the tables are of.
    write_json(args.tables / "grid.json", grid)
    print(f"{len(runs)} runs of {table.groupby(['model', 'name']).ngroups} configurations in {args.tables}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, required=True, help="grid.json: the models' search spaces and the seeds")
    parser.add_argument("--runs", type=Path, required=True, help="the folder of the runs' metrics.json")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--rank-by", choices=["val_loss", "val_acc"], required=True)
    parser.add_argument("--tables", type=Path, required=True, help="the folder for the tables")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
