"""The records of a grid: all of them or a refusal that names each fault; or those that are there, with an account."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples import DATA_HASH, record, save_record
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Grid, Partial, Run
from sweep.runs.collect import collect, collect_partial

MODELS: dict[str, Any] = {
    "mlp": {"batch_sizes": [16, 8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2},
    "cnn": {"batch_sizes": [4], "learning_rates": [1e-5], "dropout_rates": [0], "epochs": 1},
}
GRID = Grid.of(MODELS, [0, 5])
RUNS = GRID.runs()
METRICS = [([float(k)] * run.epochs, [k / 10] * run.epochs) for k, run in enumerate(RUNS)]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """The published record of every run; none is kept."""
    return [save_record(tmp_path, run, *metrics) for run, metrics in zip(RUNS, METRICS, strict=True)]


@pytest.mark.usefixtures("files")
def test_all_records_come_in_the_grids_order(tmp_path: Path) -> None:
    records = [record(run, *metrics) for run, metrics in zip(RUNS, METRICS, strict=True)]
    assert collect(GRID, RUNS, tmp_path, tmp_path / "records", DATA_HASH) == (RUNS, records)


def put(file: Path, run: Run) -> None:
    """Replace a record by that of `run`."""
    write_json(file, record(run, [1.0], [0.5]))


def test_every_record_that_is_not_the_runs_is_named_with_the_command_that_rebuilds_it(
    tmp_path: Path, files: list[Path]
) -> None:
    files[0].unlink()
    files[2].write_text("{")
    put(files[4], replace(RUNS[4], epochs=7))
    put(files[9], replace(RUNS[9], seed=6))
    with pytest.raises(SweepError) as caught:
        collect(GRID, RUNS, tmp_path, tmp_path / "records", DATA_HASH)
    first, *faults, command = str(caught.value).splitlines()
    assert first.startswith("4 of 10 records are not those of this sweep")
    assert faults == [
        f"  {files[0]} cannot be read (No such file or directory)",
        f"  {files[2]} is damaged (not JSON)",
        f"  {files[4]} was made with epochs 7, not 2",
        f"  {files[9]} was made with seed 6, not 5",
    ]
    assert command.endswith(f": rm -f {files[0]} {files[2]} {files[4]} {files[9]}")


def test_a_damaged_kept_record_is_restored_from_the_published_one(tmp_path: Path, files: list[Path]) -> None:
    kept = tmp_path / "records" / record(RUNS[1], *METRICS[1])["series"] / "2.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{")
    with pytest.raises(SweepError) as caught:
        collect(GRID, RUNS, tmp_path, tmp_path / "records", DATA_HASH)
    assert str(caught.value).startswith(f"kept records are damaged:\n  {kept} is damaged (not JSON)\n")
    assert str(caught.value).endswith(f": cp {files[1]} {kept}")


def test_records_of_other_data_are_refused(tmp_path: Path, files: list[Path]) -> None:
    with pytest.raises(SweepError) as caught:
        collect(GRID, RUNS, tmp_path, tmp_path / "records", "e" * 64)
    assert all(f"{file} was made with another data_hash" in str(caught.value) for file in files)


def test_a_partial_grid_has_the_runs_with_a_record_and_an_account_of_the_others(
    tmp_path: Path, files: list[Path]
) -> None:
    files[0].unlink()
    files[2].write_text("{")
    stale = replace(RUNS[4], epochs=7)
    put(files[4], stale)
    put(files[5], RUNS[6])  # at another run's place
    for file in files[8:]:
        file.unlink()
    runs, records, grid = collect_partial(GRID, tmp_path, tmp_path / "records", DATA_HASH, tmp_path)
    assert runs == [RUNS[1], RUNS[3], stale, RUNS[6], RUNS[7]]
    assert [record["epochs"] for record in records] == [2, 2, 7, 2, 2]
    assert grid == Grid(
        {"mlp": GRID.models["mlp"]},
        [0, 5],
        partial=Partial(
            runs=10,
            missing=3,
            damaged=[
                f"{files[2]} is damaged (not JSON)",
                f"{files[5]} was made with dropout_rate 0.5, not 0.0, seed 0, not 5",
            ],
            stale=[{"run": str(RUNS[4].path), "differs": ["epochs 7, not 2"]}],
            left_out=["cnn"],
        ),
    )


def test_records_of_runs_with_axes_are_collected_and_one_of_other_axes_is_named(tmp_path: Path) -> None:
    space = {**MODELS["cnn"], "axes": {"weight_decay": [0.0, 0.1]}, "defaults": {"weight_decay": 0.0}}
    grid = Grid.of({"cnn": space}, [0])
    plain, decayed = (save_record(tmp_path, run, [1.0], [0.5]) for run in grid.runs())
    assert collect(grid, grid.runs(), tmp_path, tmp_path / "records", DATA_HASH)[0] == grid.runs()
    decayed.write_bytes(plain.read_bytes())
    with pytest.raises(SweepError) as caught:
        collect(grid, grid.runs(), tmp_path, tmp_path / "records", DATA_HASH)
    assert f"  {decayed} was made with weight_decay its default, not 0.1\n" in str(caught.value)
    account = collect_partial(grid, tmp_path, tmp_path / "records", DATA_HASH, tmp_path)[2].partial
    assert account is not None
    assert len(account.damaged) == 1  # at another run's place


def test_a_partial_grid_without_any_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="no run of this sweep is finished"):
        collect_partial(GRID, tmp_path, tmp_path / "records", DATA_HASH, tmp_path)
