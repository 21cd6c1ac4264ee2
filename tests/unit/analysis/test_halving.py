"""Which runs a halved sweep has, by its records and promotions, whatever else lies in their places."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples import DATA_HASH, record
from sweep.analysis.halving import collect_longest, promote
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Grid, Run
from sweep.runs.collect import collect_partial
from sweep.runs.promotions import going_on, list_rungs, promotion_file, promotion_grid

SPACE: dict[str, Any] = {
    "batch_sizes": [8, 16],
    "learning_rates": [0.1],
    "dropout_rates": [0.0, 0.2, 0.4],
    "epochs": 6,
    "halving": {"epochs": [1, 3], "keep": 0.5},
}
GRID = Grid.of({"mlp": SPACE}, [0, 1])
# By dropout rate, whatever the batch size, the loss after each epoch; seeds differ by a tenth.
LOSSES = {0.0: [3.0, 2.5, 2.0, 1.9, 1.8, 1.7], 0.2: [2.0, 1.9, 1.8, 1.7, 1.6, 1.5], 0.4: [1.0] * 6}
BEST, SECOND, THIRD = "8_0.1_0.4", "16_0.1_0.4", "8_0.1_0.2"


class Sweep:
    """The files of a halved sweep."""

    def __init__(self, folder: Path) -> None:
        self.runs, self.kept, self.promotions = (folder / name for name in ("runs", "records", "promotions"))

    def train(self, run: Run) -> None:
        losses = [loss + run.seed / 10 for loss in LOSSES[run.dropout_rate][: run.epochs]]
        self.put(GRID.path(run), record(run, losses, [0.5] * run.epochs))

    def put(self, path: Path, content: dict[str, Any]) -> None:
        write_json(self.runs / path / "metrics.json", content)

    def promote(self, epochs: int, names: list[str] | None = None) -> list[str]:
        """Train the runs of a rung and write who goes on."""
        runs = GRID.runs_of("mlp", epochs, names)
        for run in runs:
            self.train(run)
        files = [self.runs / GRID.path(run) / "metrics.json" for run in runs]
        promotion = promote(runs, [json.loads(file.read_text()) for file in files], GRID, "mlp")
        write_json(promotion_file(self.promotions, "mlp", epochs), promotion)
        return going_on(promotion)

    def longest(self) -> dict[str, int]:
        runs, _ = collect_longest(GRID, self.runs, self.kept, DATA_HASH, self.promotions)
        assert [run.path for run in runs] == [run.path for run in GRID.runs()]
        return {run.name: run.epochs for run in runs}

    def partial(self) -> dict[str, int]:
        """The epochs of each configuration in a preview, all of whose seeds have them."""
        runs, _, _ = collect_partial(GRID, self.runs, self.kept, DATA_HASH, self.promotions)
        return {run.name: run.epochs for run in runs}


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


def test_a_configuration_has_its_longest_records_and_a_wrong_promotion_is_refused(sweep: Sweep) -> None:
    assert sweep.promote(1) == [BEST, SECOND, THIRD]
    assert sweep.promote(3, [BEST, SECOND, THIRD]) == [BEST, SECOND]
    for run in GRID.runs_of("mlp", 6, [BEST, SECOND]):
        sweep.train(run)
    first = dict.fromkeys((run.name for run in GRID.runs()), 1)
    assert sweep.longest() == {**first, THIRD: 3, BEST: 6, SECOND: 6}
    file = promotion_file(sweep.promotions, "mlp", 3)
    file.write_text(file.read_text().replace('"goes_on": true', '"goes_on": false', 1))
    with pytest.raises(SweepError, match=r"rung3.json is not what the records of its rung give: .* rm -f .*rung3.json"):
        sweep.longest()


def test_a_preview_takes_no_run_that_its_promotions_do_not_ask_for(sweep: Sweep) -> None:
    first = dict.fromkeys((run.name for run in GRID.runs()), 1)
    # Runs of the full length, as a study or an earlier config leaves them, of a configuration that is stopped.
    stopped = "16_0.1_0.0"
    for run in GRID.runs_of("mlp", 6, [stopped]):
        sweep.train(run)
    names = sweep.promote(1)
    promotion_file(sweep.promotions, "mlp", 1).rename(sweep.promotions / "aside")
    assert sweep.partial() == first
    (sweep.promotions / "aside").rename(promotion_file(sweep.promotions, "mlp", 1))
    # One seed is done with three epochs, another configuration with both.
    one, *_ = GRID.runs_of("mlp", 3, [BEST])
    for run in (one, *GRID.runs_of("mlp", 3, [SECOND])):
        sweep.train(run)
    assert sweep.partial() == {**first, SECOND: 3}
    sweep.promote(3, names)
    assert sweep.partial() == {**first, BEST: 3, SECOND: 3, THIRD: 3}
    # A record of other epochs in the place of the last rung.
    for run in GRID.runs_of("mlp", 6, [BEST]):
        sweep.put(run.path, record(replace(run, epochs=9), [0.1] * 9, [0.5] * 9))
    assert sweep.partial() == {**first, BEST: 3, SECOND: 3, THIRD: 3}


def test_a_promotion_is_decided_by_nothing_that_comes_later(sweep: Sweep) -> None:
    def decided(**changes: Any) -> dict[str, Any]:
        return promotion_grid(Grid.of({"mlp": {**SPACE, **changes}}, [0, 1]), "mlp", 1)

    later = {"epochs": 9, "halving": {"epochs": [1, 4], "keep": 0.5}}
    assert decided() == decided(**later)
    for changes in ({"batch_sizes": [8]}, {"halving": {"epochs": [1, 3], "keep": 0.4}}):
        assert decided() != decided(**changes)
    assert decided() != promotion_grid(replace(GRID, seeds=[0]), "mlp", 1)
    assert decided() != promotion_grid(replace(GRID, rank_by="val_acc"), "mlp", 1)
    sweep.promote(1)
    known = [[] if rung.runs is None else rung.runs for rung in list_rungs(replace(GRID, seeds=[0]), sweep.promotions)]
    assert list(map(len, known)) == [6, 0, 0]
    assert [rung.configurations for rung in list_rungs(GRID, sweep.promotions)] == [6, 3, 2]
