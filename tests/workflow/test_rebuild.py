"""Only what changed is built again: each test runs Snakemake for real on a finished sweep."""

import json
import shutil
from pathlib import Path

import pytest

from project import ANALYSIS, CNN_RUNS, MLP_RUNS, Sweep, copy_code, remove_as_told

EDITED_LOOP = ("scripts/sweep/training/loop.py", '"cpu": 100', '"cpu": 10')


def test_a_second_run_does_nothing(finished: Sweep) -> None:
    assert finished.snakemake().jobs == {}


def test_touched_files_do_nothing(finished: Sweep) -> None:
    for folder in ("scripts", "workflow", "envs", "pictures", "results/tiny/data"):
        for file in (finished.folder / folder).rglob("*"):
            file.touch()
    (finished.folder / "Snakefile").touch()
    (finished.folder / "config.yaml").touch()
    assert finished.snakemake().jobs == {}


def test_a_new_learning_rate_trains_its_runs_only(finished: Sweep) -> None:
    finished.configure(models__mlp__learning_rates=[0.001, 0.01])
    new = {name.replace("0.001", "0.01") for name in MLP_RUNS}
    planned = finished.snakemake("--dry-run")
    assert planned.jobs == {"train": 4, **ANALYSIS}
    for run in new:
        model, name, _ = run.split("/")
        assert f"Train {model} {name} with seed 0 for 2 epochs" in planned.output
    assert finished.snakemake().jobs == planned.jobs
    assert finished.trained() == new
    assert finished.snakemake().jobs == {}


def test_more_epochs_of_a_model_retrain_that_model_and_going_back_trains_nothing(finished: Sweep) -> None:
    finished.configure(models__cnn__epochs=2)
    assert finished.snakemake().jobs == {"train": 2, **ANALYSIS}
    assert finished.trained() == CNN_RUNS
    finished.configure()
    assert finished.snakemake().jobs == {"train": 2, **ANALYSIS}
    assert finished.trained() == set()


def test_a_removed_value_and_a_removed_model_train_nothing(finished: Sweep) -> None:
    finished.configure(models__mlp__batch_sizes=[8])
    assert finished.snakemake().jobs == ANALYSIS
    assert "batch_sizes = [8]" in finished.report.read_text()
    finished.configure(models__cnn=None)
    assert finished.snakemake().jobs == {**ANALYSIS, "plot": 1}
    assert "### CNN" not in finished.report.read_text()


def test_a_look_at_another_config_leaves_the_sweep_as_it_is(finished: Sweep) -> None:
    """A dry run takes no lock: it must not touch what a running sweep is going to read."""
    finished.configure(models__mlp__learning_rates=[0.001, 0.01], models__cnn=None)
    assert finished.snakemake("--dry-run").jobs["train"] == 4
    finished.configure()
    assert finished.snakemake().jobs == {}


def test_an_edited_label_is_drawn_and_told_anew(finished: Sweep) -> None:
    finished.edit("scripts/sweep/metrics.py", "Validation Loss", "Loss in Validation")
    assert finished.snakemake().jobs == ANALYSIS
    assert "MLP Loss in Validation" in finished.report.read_text()
    assert "Loss in Validation" in (finished.report.parent / "pics" / "MLP_val_loss.svg").read_text()


def test_an_edited_figure_is_redrawn_and_an_edited_template_rendered(finished: Sweep) -> None:
    finished.edit("scripts/sweep/figures/curves.py", 'set_xlabel("Epoch")', 'set_xlabel("Epoch, from 0")')
    assert finished.snakemake().jobs == {name: count for name, count in ANALYSIS.items() if name != "aggregate"}
    assert "Epoch, from 0" in (finished.report.parent / "pics" / "MLP_val_loss.svg").read_text()
    finished.edit("workflow/templates/report.en.md.j2", "## How it was done", "## How we did it")
    assert finished.snakemake().jobs == {"render_report": 1, "render_explorer": 1, "all": 1}
    assert "## How we did it" in finished.report.read_text()


def test_an_edited_model_file_retrains_that_model_only(finished: Sweep) -> None:
    finished.edit("scripts/sweep/models/mlp.py", "BatchNorm(100)", "BatchNorm( 100)")
    assert finished.snakemake().jobs == {"train": 4, **ANALYSIS}
    assert finished.trained() == MLP_RUNS


def test_the_training_core_retrains_all(finished: Sweep) -> None:
    finished.edit(*EDITED_LOOP)
    assert finished.snakemake().jobs == {"train": 6, **ANALYSIS}
    assert finished.trained() == MLP_RUNS | CNN_RUNS


def test_a_new_model_is_one_file_and_one_config_block(finished: Sweep) -> None:
    models = finished.folder / "scripts" / "sweep" / "models"
    (models / "linear.py").write_text(
        "from torch import nn\n\nTRAINING_MB_PER_PICTURE = 0.1\n\n\n"
        "class Model(nn.Sequential):\n    def __init__(self, classes: int, dropout_rate: float) -> None:\n"
        "        super().__init__(nn.Flatten(), nn.Dropout(dropout_rate), nn.Linear(3072, classes))\n"
    )
    assert finished.snakemake().jobs == {}
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}
    finished.configure(models__linear=space)
    assert finished.snakemake().jobs == {"train": 1, **ANALYSIS, "plot": 3}
    assert finished.trained() == {"linear/8_0.001_0.0/seed0"}
    assert "./pics/LINEAR_val_acc.png" in finished.report.read_text()


def test_deleted_records_come_back_without_training(finished: Sweep) -> None:
    run = finished.results / "runs" / min(MLP_RUNS) / "metrics.json"
    before = run.read_bytes()
    run.unlink()
    assert finished.snakemake().jobs == {"train": 1, **ANALYSIS}
    assert finished.trained() == set()
    assert run.read_bytes() == before


def test_a_changed_picture_retrains_all(finished: Sweep) -> None:
    pictures = finished.folder / "pictures" / "train"
    shutil.copy(pictures / "class 0" / "00.png", pictures / "class 1" / "00.png")
    assert finished.snakemake().jobs == {"prepare_data": 1, "train": 6, **ANALYSIS}
    assert finished.trained() == MLP_RUNS | CNN_RUNS


def test_where_it_runs_retrains_nothing(finished: Sweep) -> None:
    finished.configure(training={"device": "cpu", "precision": "bf16"})
    assert finished.snakemake().jobs == {}


def test_ranking_and_language_change_the_report_only(finished: Sweep) -> None:
    finished.configure(report__language="zh", report__author="$(touch pwned) <b>{{ 7 * 7 }}</b>")
    assert finished.snakemake().jobs == {"render_report": 1, "render_explorer": 1, "all": 1}
    text = finished.report.read_text()
    assert "训练效果" in text
    assert "49" not in text.splitlines()[2]
    assert not (finished.folder / "pwned").exists()
    finished.configure(report__rank_by="val_acc")
    assert finished.snakemake().jobs == ANALYSIS


def fresh_clone(finished: Sweep, folder: Path) -> Sweep:
    """The project again, beside the finished sweep's results but without Snakemake's notes on them."""
    copy_code(folder)
    for name in ("results", "report", "pictures"):
        shutil.copytree(finished.folder / name, folder / name, copy_function=shutil.copy)
    clone = Sweep(folder)
    clone.configure()
    return clone


def test_a_fresh_clone_beside_its_results_trains_nothing(finished: Sweep, tmp_path: Path) -> None:
    clone = fresh_clone(finished, tmp_path / "clone")
    clone.snakemake()
    assert clone.trained() == set()
    assert clone.snakemake().jobs == {}


@pytest.mark.parametrize("change", ["epochs", "code"])
def test_a_fresh_clone_never_mixes_in_other_results(finished: Sweep, tmp_path: Path, change: str) -> None:
    clone = fresh_clone(finished, tmp_path / "clone")
    # Results newer than all code and data: nothing but their content tells that they are stale.
    if change == "epochs":
        clone.configure(models__cnn__epochs=2)
    else:
        clone.edit("scripts/sweep/models/cnn.py", "Linear(64 * 6 * 6,", "Linear(6 * 6 * 64,")
    for file in sorted((clone.folder / "results").rglob("*")) + sorted((clone.folder / "report").rglob("*")):
        file.touch()
    old = clone.report.read_text()

    refused = clone.snakemake(succeeds=False)
    assert refused.jobs["aggregate"] == 1
    log = (clone.results / "logs" / "aggregate.log").read_text()
    assert "2 of 6 records are not those of this sweep" in log
    assert "Traceback" not in log
    for run in CNN_RUNS:
        reason = "epochs 1, not 2" if change == "epochs" else "another code_hash"
        assert f"results/tiny/runs/{run}/metrics.json was made with {reason}" in log
    assert clone.report.read_text() == old

    remove_as_told(clone, log)
    clone.snakemake()
    assert clone.trained() == CNN_RUNS
    for run in CNN_RUNS:
        record = json.loads((clone.results / "runs" / run / "metrics.json").read_text())
        assert record["epochs"] == (2 if change == "epochs" else 1)
    assert clone.snakemake().jobs == {}
