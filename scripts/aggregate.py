"""Gather the runs' records in tables: see `aggregate`."""

from pathlib import Path

from sweep import program
from sweep.analysis.halving import collect_longest
from sweep.analysis.tables import write_tables
from sweep.data.prepared import DATA_FILE, check_prepared, read_manifest
from sweep.grid import Grid
from sweep.runs.collect import collect_partial


def aggregate(
    grid: Path,
    runs: Path,
    records: Path,
    data: Path,
    promotions: Path,
    tables: Path,
    partial: bool = False,
) -> None:
    """Check that the runs' records are exactly those of the grid, and gather them in tables.

    --grid is the grid.json to gather, which also says what the configurations are ranked by. --runs, --records, --data
    and --promotions are the folders of the runs' metrics.json, of the kept records, of the prepared data, and of the
    promotions of models that are halved, of whose runs the longest are gathered; --tables is the folder to write. With
    --partial the records that exist are taken, and the tables' grid.json says what is missing.
    """
    asked = Grid.read(grid)
    manifest = read_manifest(data)
    # The tables do not need the images, so they may be missing; if present they must be intact.
    if not partial and (data / DATA_FILE).exists():
        check_prepared(data, manifest)
    if partial:
        found, their_records, asked = collect_partial(asked, runs, records, manifest.content_hash, promotions)
    else:
        found, their_records = collect_longest(asked, runs, records, manifest.content_hash, promotions)
    write_tables(tables, found, their_records, asked)
    print(f"{len(found)} runs of {len({(run.model, run.name) for run in found})} configurations in {tables}")


if __name__ == "__main__":
    program.run(aggregate)
