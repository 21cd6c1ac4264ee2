"""Choose the configurations that go on: see `promote`."""

from pathlib import Path

from sweep import program
from sweep.analysis import halving
from sweep.data.prepared import read_manifest
from sweep.files import write_json
from sweep.grid import Grid
from sweep.runs.collect import collect
from sweep.runs.promotions import going_on, read_promoted


def promote(grid: Path, model: str, epochs: int, runs: Path, records: Path, data: Path, promotions: Path) -> None:
    """Write which configurations of a halved model go on after so many epochs, and why.

    --grid is a grid.json that has the model, --runs, --records and --data are the folders of the runs' metrics.json, of
    the kept records and of the prepared data, and --promotions is that of the model's promotions: those of the rungs
    before are read, and rung<epochs>.json is written.
    """
    asked = Grid.read(grid)
    rungs = asked.models[model].rungs
    position = rungs.index(epochs)
    names = read_promoted(promotions / f"rung{rungs[position - 1]}.json") if position else None
    wanted = [run for run in asked.runs_of(model, epochs) if names is None or run.name in names]
    found, their_records = collect(asked, wanted, runs, records, read_manifest(data).content_hash)
    promotion = halving.promote(found, their_records, asked, model)
    write_json(promotions / f"rung{epochs}.json", promotion)
    best = going_on(promotion)
    print(f"{len(best)} of {len(promotion['configurations'])} configurations go on: {', '.join(best)}")


if __name__ == "__main__":
    program.run(promote)
