"""Choose the configurations that go on: see `promote`."""

from pathlib import Path

from sweep import program
from sweep.analysis import halving
from sweep.data.prepared import read_manifest
from sweep.files import write_json
from sweep.grid import Grid
from sweep.runs.collect import collect
from sweep.runs.promotions import going_on, promotion_file, read_promotion


def promote(grid: Path, model: str, epochs: int, runs: Path, records: Path, data: Path, promotions: Path) -> None:
    """Write which configurations of a halved model go on after so many epochs, and why.

    --grid is a grid.json that has the model up to this rung at least; --runs, --records and --data are the folders of
    the runs' metrics.json, of the kept records and of the prepared data; --promotions is that of the promotions, of
    which the one of the rung before is read, and <model>/rung<epochs>.json is written.
    """
    asked = Grid.read(grid)
    before = [rung for rung in asked.models[model].rungs if rung < epochs]
    names = going_on(read_promotion(promotion_file(promotions, model, before[-1]))) if before else None
    wanted = asked.runs_of(model, epochs, names)
    found, their_records = collect(asked, wanted, runs, records, read_manifest(data).content_hash)
    promotion = halving.promote(found, their_records, asked, model)
    write_json(promotion_file(promotions, model, epochs), promotion)
    best = going_on(promotion)
    print(f"{len(best)} of {len(promotion['configurations'])} configurations go on: {', '.join(best)}")


if __name__ == "__main__":
    program.run(promote)
