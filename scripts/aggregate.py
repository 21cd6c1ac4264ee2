"""Gather the runs' records in tables: see `aggregate`."""

from pathlib import Path

from sweep import program
from sweep.analysis.tables import write_tables
from sweep.data.prepared import DATA_FILE, check_prepared, read_manifest
from sweep.grid import Grid
from sweep.runs.collect import collect


def aggregate(
    grid: Path,
    runs: Path,
    records: Path,
    data: Path,
    tables: Path,
    partial: bool = False,
) -> None:
    """Check that the runs' records are exactly those of the grid, and gather them in tables.

    --grid is the grid.json to gather, which also says what the configurations are ranked by. --runs, --records and
    --data are the folders of the runs' metrics.json, of the kept records and of the prepared data; --tables is the
    folder to write. With --partial the records that exist are taken, and the tables' grid.json says what is missing.
    """
    asked = Grid.read(grid)
    manifest = read_manifest(data)
    # The tables do not need the images, so they may be missing; if present they must be intact.
    if not partial and (data / DATA_FILE).exists():
        check_prepared(data, manifest)
    found, their_records, shown = collect(asked, runs, records, manifest.content_hash, partial)
    write_tables(tables, found, their_records, shown)
    print(f"{len(found)} runs of {len({(run.model, run.name) for run in found})} configurations in {tables}")


if __name__ == "__main__":
    program.run(aggregate)
