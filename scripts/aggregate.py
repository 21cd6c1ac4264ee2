"""Check that the runs' records are exactly those of the grid, and gather them in tables."""

import argparse
import json
import sys
from pathlib import Path

from sweep.errors import SweepError
from sweep.grid import expand_grid
from sweep.partial import read_partial
from sweep.prepared import DATA_FILE, check_prepared, read_manifest
from sweep.tables import read_records, write_tables


def main(args: argparse.Namespace) -> None:
    grid = json.loads(args.grid.read_text(encoding="utf-8"))
    runs = list(expand_grid(grid["models"], grid["seeds"]))
    manifest = read_manifest(args.data)
    if args.partial:
        runs, records, grid = read_partial(grid, runs, args.runs, args.records, manifest.content_hash)
    else:
        # The tables do not need the pictures, and a user may have removed them; damage is said before it is trained on.
        if (args.data / DATA_FILE).exists():
            check_prepared(args.data, manifest)
        records = read_records(runs, args.runs, args.records, manifest.content_hash)
    write_tables(args.tables, runs, records, grid, args.rank_by)
    print(f"{len(runs)} runs of {len({(run.model, run.name) for run in runs})} configurations in {args.tables}")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grid", type=Path, required=True, help="grid.json: the models' search spaces and the seeds")
    parser.add_argument("--runs", type=Path, required=True, help="the folder of the runs' metrics.json")
    parser.add_argument("--records", type=Path, required=True, help="the folder of kept records")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--rank-by", choices=["val_loss", "val_acc"], required=True)
    parser.add_argument("--tables", type=Path, required=True, help="the folder for the tables")
    parser.add_argument("--partial", action="store_true", help="take what there is; the report says so at its top")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main(parse_args())
    except SweepError as error:
        sys.exit(f"Error: {error}")
