"""What a replay says that halving would have cost and found: against plain loops over the histories, and against the
promotions that the shorter runs' own records give."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from examples import record
from replay_halving import replay_halving
from sweep.analysis.halving import promote
from sweep.analysis.replay import replay, rungs_of, trained_by_rung
from sweep.analysis.tables import epoch_table, run_table, write_tables
from sweep.errors import SweepError
from sweep.files import write_text
from sweep.grid import Grid, Run
from sweep.runs.promotions import going_on

EPOCHS = 9
SPACE: dict[str, Any] = {
    "batch_sizes": [8, 16],
    "learning_rates": [0.1, 0.01, 0.001],
    "dropout_rates": [0, 0.2, 0.4, 0.6, 0.8],
    "epochs": EPOCHS,
}
SETTINGS = [([1, 3], 0.33), ([2], 0.1), ([4], 0.5), ([1, 2, 5], 0.7), ([3, 8], 0.01)]
# A run's losses and accuracies, and the epoch that diverged.
Histories = dict[Run, tuple[list[float], list[float], int | None]]


def made_up(chance: int, seeds: list[int]) -> tuple[Grid, Histories]:
    """A grid of 30 configurations with few distinct metrics, so that many are equal, and some that diverge."""
    grid = Grid.of({"mlp": SPACE}, seeds, rank_by=["val_loss", "val_acc"][chance % 2])
    random = np.random.default_rng(chance)
    histories: Histories = {}
    for run in grid.runs():
        diverged = int(random.integers(EPOCHS)) if random.random() < 0.15 else None
        length = EPOCHS if diverged is None else diverged
        losses, accuracies = (random.integers(1, 6, length) / 8 for _ in range(2))
        histories[run] = (losses.tolist(), accuracies.tolist(), diverged)
    return grid, histories


def tables(grid: Grid, histories: Histories) -> tuple[pd.DataFrame, pd.DataFrame]:
    records = [record(run, *history) for run, history in histories.items()]
    return run_table([*histories], records, grid), epoch_table([*histories], records)


def order_after(epochs: int, names: list[str], grid: Grid, histories: Histories) -> list[tuple[bool, float, str]]:
    """The configurations as they rank after so many epochs: whether a run diverged before, the value, the name."""
    rows = []
    for name in names:
        runs = [histories[run] for run in histories if run.name == name]
        whole = [run for run in runs if len(run[0]) >= epochs]
        values = [run[0][epochs - 1] if grid.rank_by == "val_loss" else -run[1][epochs - 1] for run in whole]
        rows.append((len(whole) < len(runs), sum(values) / len(values) if values else math.inf, name))
    return sorted(rows, key=lambda row: row[:2])


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
@pytest.mark.parametrize("chance", range(4))
def test_a_replay_is_what_loops_over_the_histories_find(chance: int, seeds: list[int]) -> None:
    grid, histories = made_up(chance, seeds)
    every = list(dict.fromkeys(run.name for run in histories))
    full = [name for _, _, name in order_after(EPOCHS, every, grid, histories)]
    for rungs, keep in SETTINGS:
        names, spent = every, 0
        for before, rung in pairwise([0, *rungs, EPOCHS]):
            spent += sum(
                max(0, min(rung, len(history[0])) - before) for run, history in histories.items() if run.name in names
            )
            if rung < EPOCHS:
                count = max(1, math.ceil(round(100 * keep) * len(names) / 100))
                best = order_after(rung, names, grid, histories)[:count]
                kept = {name for diverged, _, name in best if not diverged}
                names = [name for name in names if name in kept]
        found = next((name for bad, _, name in order_after(EPOCHS, names, grid, histories) if not bad), None)
        result = replay(*tables(grid, histories), grid.rank_by, rungs, keep)
        assert (result.epochs, result.survivors, result.found) == (spent, len(names), found)
        assert result.share == pytest.approx(spent / sum(len(history[0]) for history in histories.values()))
        if found is None:
            assert (result.rank, result.behind) == (None, {})
            continue
        assert result.rank == full.index(found) + 1
        for metric, sign, place in (("val_loss", 1, 0), ("val_acc", -1, 1)):
            ours, theirs = (
                np.mean([history[place][-1] for run, history in histories.items() if run.name == name])  # type: ignore[index]
                for name in (found, full[0])
            )
            assert result.behind[metric] == pytest.approx(sign * (ours - theirs))


@pytest.mark.parametrize("chance", range(4))
def test_a_replay_promotes_as_the_records_of_shorter_runs_do(chance: int) -> None:
    grid, histories = made_up(chance, [0, 1])
    for rungs, keep in SETTINGS:
        halved = Grid.of({"mlp": {**SPACE, "halving": {"epochs": rungs, "keep": keep}}}, [0, 1], rank_by=grid.rank_by)
        by_rung = trained_by_rung(*tables(grid, histories), grid.rank_by, rungs, keep)
        whole = {run.path: history for run, history in histories.items()}
        for rung, names, following in zip(rungs, by_rung, by_rung[1:], strict=False):
            runs = [run for run in halved.runs_of("mlp", rung) if run.name in names]
            if not runs:
                assert following == []
                continue
            records = []
            for run in runs:
                losses, accuracies, diverged = whole[run.path]
                ended = diverged if diverged is not None and diverged < rung else None
                records.append(record(run, losses[:rung], accuracies[:rung], ended))
            assert sorted(going_on(promote(runs, records, halved, "mlp"))) == sorted(following)


def test_nothing_is_found_if_all_that_survived_diverged_later() -> None:
    grid = Grid.of({"mlp": {**SPACE, "learning_rates": [0.1], "dropout_rates": [0], "epochs": 3}}, [0])
    lone, other = grid.runs()
    histories: Histories = {lone: ([1.0, 1.0], [0.5, 0.5], 2), other: ([2.0] * 3, [0.4] * 3, None)}
    result = replay(*tables(grid, histories), "val_loss", [1], 0.5)
    assert (result.survivors, result.found, result.rank, result.behind) == (1, None, None, {})
    assert (result.epochs, result.share) == (3, 0.6)


def test_the_time_is_that_of_the_epochs_trained() -> None:
    """Three epochs of 1, 2 and 3 seconds; of the larger batch 10, 20 and 30, and it is the worse one."""
    grid = Grid.of({"mlp": {**SPACE, "learning_rates": [0.1], "dropout_rates": [0], "epochs": 3}}, [0])
    histories: Histories = {run: ([run.batch_size / 8] * 3, [0.5] * 3, None) for run in grid.runs()}
    runs, epochs = tables(grid, histories)
    epochs["seconds"] = (epochs["epoch"] + 1.0) * epochs["name"].str.startswith("16").map({True: 10, False: 1})
    result = replay(runs, epochs, "val_loss", [1], 0.5)
    assert (result.epochs, result.found, result.survivors) == (4, "8_0.1_0.0", 1)
    assert result.time_share == pytest.approx((1 + 2 + 3 + 10) / 66)


@pytest.mark.parametrize(("epochs", "fewest"), [(1, 0), (2, 1), (3, 3), (5, 3), (20, 5), (1000, 6)])
def test_rungs_worth_a_look_can_be_those_of_a_config(epochs: int, fewest: int) -> None:
    found = rungs_of(epochs)
    assert len(found) >= fewest
    assert all(later > earlier for rungs in found for earlier, later in pairwise([0, *rungs, epochs]))
    assert len({tuple(rungs) for rungs in found}) == len(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of a sweep of an MLP in full, with a config."""
    monkeypatch.chdir(tmp_path)
    write_text(
        Path("config.yaml"),
        "{experiment: tiny, data: {source: digits, validation_size: 200}, models: {mlp: {batch_sizes: [8], "
        "learning_rates: [0.1], dropout_rates: [0], epochs: 9}}, training: {device: cpu}, report: {language: en}}",
    )
    grid, histories = made_up(0, [0, 1])
    write_tables(Path("results/tiny/tables"), [*histories], [record(r, *h) for r, h in histories.items()], grid)


@pytest.mark.usefixtures("folder")
def test_the_program_prints_a_line_a_setting(capsys: pytest.CaptureFixture[str]) -> None:
    replay_halving()
    assert len(capsys.readouterr().out.splitlines()) >= 2 + 9
    replay_halving(epochs=[1, 3], keep=[0.33])
    grid, histories = made_up(0, [0, 1])
    expected = replay(*tables(grid, histories), "val_loss", [1, 3], 0.33)
    words = capsys.readouterr().out.splitlines()[-1].split()
    assert words[:4] == ["1", "3", "0.33", str(expected.epochs)]
    assert words[6:9] == [str(expected.survivors), expected.found, str(expected.rank)]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"models": ["cnn"]}, "--models cnn: results/tiny/tables has no such model; it has mlp"),
        ({"epochs": [3, 3]}, "--epochs 3 3: the numbers must rise, from 1 .* stay below the 9 epochs of mlp"),
        ({"epochs": [0, 3]}, "--epochs 0 3: the numbers must rise"),
        ({"epochs": [9]}, "--epochs 9: the numbers must rise"),
        ({"keep": [1.0]}, "--keep 1: the share that goes on must be above 0 and below 1"),
    ],
)
def test_what_cannot_be_replayed_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SweepError, match=sentence):
        replay_halving(**options)


@pytest.mark.usefixtures("folder")
def test_a_model_that_was_itself_halved_is_refused() -> None:
    space = {**SPACE, "halving": {"epochs": [1], "keep": 0.5}}
    grid, histories = Grid.of({"mlp": space}, [0]), made_up(0, [0])[1]
    write_tables(Path("results/tiny/tables"), [*histories], [record(r, *h) for r, h in histories.items()], grid)
    with pytest.raises(SweepError, match=r"mlp was itself halved.* take models\.mlp\.halving out of the config"):
        replay_halving()
