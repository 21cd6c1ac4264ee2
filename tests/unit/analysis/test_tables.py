"""Tables of a small sweep, compared with numbers calculated by hand."""

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from examples import record
from sweep.analysis.tables import axes_of, configuration_table, epoch_table, read_table, run_table, write_tables
from sweep.grid import Grid, Run

MODELS: dict[str, Any] = {
    "mlp": {"batch_sizes": [16, 8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2},
    "cnn": {"batch_sizes": [4], "learning_rates": [1e-5], "dropout_rates": [0], "epochs": 1},
}
GRID = Grid.of(MODELS, [0, 5])
RUNS = GRID.runs()
# For each configuration's two seeds, in the grid's order: losses, accuracies, the epoch that diverged.
METRICS = [
    ([9.0, 1.0], [0.1, 0.50]), ([9.0, 2.0], [0.1, 0.60]),  # mlp 16_0.001_0.0: 1.5, 0.55
    ([9.0, 1.2], [0.8, 0.40]), ([9.0, 1.4], [0.8, 0.44]),  # mlp 16_0.001_0.5: 1.3, 0.42
    ([0.1], [0.99], 1), ([9.0, 0.2], [0.1, 0.90]),  # mlp 8_0.001_0.0: one run diverged in epoch 1
    ([9.0, 1.3], [0.1, 0.60]), ([9.0, 1.3], [0.1, 0.50]),  # mlp 8_0.001_0.5: 1.3, 0.55
    ([3.0], [0.2]), ([4.0], [0.3]),  # cnn 4_1e-05_0.0: 3.5, 0.25
]  # fmt: skip
RECORDS = [record(run, *metrics) for run, metrics in zip(RUNS, METRICS, strict=True)]


def test_a_run_is_a_row_with_its_last_and_best_epoch() -> None:
    table = run_table(RUNS, RECORDS, GRID)
    assert len(table) == len(RUNS)
    row = table.iloc[2]
    assert (row["model"], row["name"], row["seed"], row["status"]) == ("mlp", "16_0.001_0.5", 0, "completed")
    assert (row["batch_size"], row["learning_rate"], row["dropout_rate"], row["epochs"]) == (16, 0.001, 0.5, 2)
    assert (row["last_val_loss"], row["last_val_acc"], row["last_train_loss"], row["last_train_acc"]) == (
        (1.2, 0.40, 2.2, 0.20)
    )
    assert (row["best_epoch"], row["best_val_loss"], row["best_val_acc"]) == (0, 9.0, 0.8)
    assert (row["best_test_loss"], row["best_test_acc"]) == (9.5, 0.79)
    assert row["device_name"] == "Some CPU"
    assert pd.isna(row["diverged_epoch"])
    assert table["diverged_epoch"].dropna().tolist() == [1]
    assert table.loc[table["status"] == "diverged", "name"].tolist() == ["8_0.001_0.0"]


def test_an_epoch_is_a_row_and_a_diverged_runs_rows_end_before_the_epoch_that_diverged() -> None:
    table = epoch_table(RUNS, RECORDS)
    assert len(table) == 7 * 2 + 1 + 2
    run = table[(table["name"] == "16_0.001_0.0") & (table["seed"] == 5)]
    assert run["epoch"].tolist() == [0, 1]
    assert run["val_loss"].tolist() == [9.0, 2.0]
    assert run["train_acc"].tolist() == [0.05, 0.30]
    diverged = table[(table["name"] == "8_0.001_0.0") & (table["seed"] == 0)]
    assert diverged[["epoch", "val_loss"]].to_numpy().tolist() == [[0, 0.1]]


@pytest.mark.parametrize(
    ("rank_by", "order"),
    [
        # 16…0.5 and 8…0.5 are equal by loss, 16…0.0 and 8…0.5 by accuracy: the grid's order decides.
        ("val_loss", ["16_0.001_0.5", "8_0.001_0.5", "16_0.001_0.0", "8_0.001_0.0"]),
        ("val_acc", ["16_0.001_0.0", "8_0.001_0.5", "16_0.001_0.5", "8_0.001_0.0"]),
    ],
)
def test_configurations_are_ranked_by_the_mean_over_their_seeds(rank_by: str, order: list[str]) -> None:
    table = configuration_table(run_table(RUNS, RECORDS, GRID), rank_by)
    mlp, cnn = table[table["model"] == "mlp"], table[table["model"] == "cnn"]
    assert mlp["name"].tolist() == order
    assert mlp["rank"].tolist() == [1, 2, 3, 4]
    assert cnn[["rank", "name"]].to_numpy().tolist() == [[1, "4_1e-05_0.0"]]
    assert table["model"].tolist() == ["mlp"] * 4 + ["cnn"]
    assert (table["runs"] == 2).all()
    rows = table.set_index("name")
    assert rows.loc["16_0.001_0.5", "last_val_loss"] == pytest.approx(1.3)
    assert rows.loc["16_0.001_0.5", "last_val_acc"] == pytest.approx(0.42)
    assert rows.loc["16_0.001_0.5", "best_test_acc"] == pytest.approx(0.79)
    assert rows.loc["4_1e-05_0.0", "last_train_loss"] == pytest.approx(4.5)
    assert rows.loc["4_1e-05_0.0", "best_test_loss"] == pytest.approx(4.0)
    # No mean includes the diverged run; its configuration is ranked last although its metrics are the best.
    assert rows.loc["8_0.001_0.0", ["runs", "diverged", "last_val_loss"]].tolist() == [2, 1, 0.2]
    assert table["diverged"].sum() == 1


def test_a_metric_that_a_run_lacks_is_missing_in_the_mean_and_one_run_has_no_spread() -> None:
    records = copy.deepcopy(RECORDS)
    records[0]["best"]["test_loss"] = None
    rows = configuration_table(run_table(RUNS, records, GRID), "val_loss").set_index("name")
    assert rows.loc["16_0.001_0.5", "last_val_loss_std"] == pytest.approx(0.2 / math.sqrt(2))
    assert rows.loc["16_0.001_0.5", "best_test_loss"] == pytest.approx(9.5)
    missing = rows.loc["16_0.001_0.0", ["best_test_loss", "best_test_loss_std", "last_val_loss"]]
    assert missing.isna().tolist() == [True, True, False]
    # A single run has no spread.
    assert math.isnan(rows.loc["8_0.001_0.0", "last_val_loss_std"])


@pytest.mark.parametrize("rank_by", ["val_loss", "val_acc"])
def test_a_sweep_in_which_every_run_diverged_in_its_first_epoch_still_has_tables(rank_by: str) -> None:
    records = [record(run, [], [], 0) for run in RUNS]
    assert epoch_table(RUNS, records).empty
    table = configuration_table(run_table(RUNS, records, GRID), rank_by)
    assert table["rank"].tolist() == [1, 2, 3, 4, 1]
    assert table["diverged"].tolist() == [2] * 5
    assert all(map(math.isnan, table["last_val_loss"]))


# The models' further hyper-parameters, some of which the other lacks; a momentum that nobody changes is in no table.
AXES: dict[str, Any] = {
    "cnn": {
        **MODELS["cnn"],
        "axes": {"batch_norm": [True, False], "kind": ["channel", "1e3"]},
        "defaults": {"batch_norm": True, "kind": "channel", "momentum": 0.9},
    },
    "mlp": {
        **MODELS["mlp"],
        "axes": {"hidden": [100, 50], "weight_decay": [0.0, 0.0005]},
        "defaults": {"hidden": 100, "weight_decay": 0.0, "batch_norm": True, "momentum": 0.9},
    },
}


def test_further_hyper_parameters_are_columns_that_are_read_with_their_types(tmp_path: Path) -> None:
    grid = Grid.of(AXES, [0, 1])
    runs = grid.runs()
    write_tables(tmp_path, runs, [record(run, [1.0], [0.5]) for run in runs], grid)
    for name, count in (("runs", len(runs)), ("configurations", len(runs) // 2)):
        table = read_table(tmp_path / f"{name}.csv")
        assert axes_of(table) == ["batch_norm", "hidden", "kind", "weight_decay"]
        assert list(table)[list(table).index("dropout_rate") + 1 :][:4] == axes_of(table)
        assert len(table) == count
        assert not table.duplicated(["model", "name", *(["seed"] if name == "runs" else [])]).any()
        by_name = table.drop_duplicates(["model", "name"]).set_index(["model", "name"])
        for model, written, values in [
            ("cnn", "4_1e-05_0.0", [True, None, "channel", None]),
            ("cnn", "4_1e-05_0.0_batch_norm=false", [False, None, "channel", None]),
            ("mlp", "8_0.001_0.5_hidden=50_weight_decay=0.0005", [True, 50, None, 0.0005]),
            ("mlp", "8_0.001_0.5", [True, 100, None, 0.0]),
        ]:
            found = [None if pd.isna(value) else value for value in by_name.loc[(model, written), axes_of(table)]]
            assert list(map(repr, found)) == list(map(repr, values))
    assert axes_of(read_table(tmp_path / "epochs.csv")) == axes_of(read_table(tmp_path / "importance.csv")) == []
    assert "false" in (tmp_path / "runs.csv").read_text()


def test_a_preview_has_columns_for_what_stale_runs_alone_differ_in() -> None:
    stale = replace(RUNS[0], axes=(("hidden", 50),))
    grid = Grid.of({"mlp": {**MODELS["mlp"], "defaults": {"hidden": 100}}}, [0])
    runs = [stale, *grid.runs()[1:]]
    table = run_table(runs, [record(run, [1.0], [0.5]) for run in runs], grid)
    assert table["hidden"].tolist() == [50, 100, 100, 100]


def test_a_configuration_is_one_row_whatever_its_model_lacks() -> None:
    """Means of the two seeds' losses, by the run's hyper-parameters."""
    grid = Grid.of(AXES, [0, 1])

    def loss(run: Run) -> float:
        return run.batch_size + run.dropout_rate + 100 * len(run.axes) + 10 * run.seed

    runs = grid.runs()
    table = configuration_table(
        run_table(runs, [record(run, [loss(run)], [0.5]) for run in runs], grid), "val_loss"
    ).set_index(["model", "name"])
    assert len(table) == len(runs) // 2 == 4 + 16
    assert (table["runs"] == 2).all()
    assert table.groupby("model")["rank"].agg(list).map(sorted).to_dict() == {
        "cnn": [1, 2, 3, 4], "mlp": [*range(1, 17)]
    }  # fmt: skip
    for run in runs:
        expected = loss(replace(run, seed=0)) + 5
        assert table.loc[(run.model, run.name), "last_val_loss"] == pytest.approx(expected)
