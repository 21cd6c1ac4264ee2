"""Only what changed is built again."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from project import (
    ANALYSIS,
    ANALYSIS_OF_MLP,
    CNN_RUNS,
    MLP_RUNS,
    PAGES,
    RUN,
    Outcome,
    Sweep,
    copy_code,
    remove_as_told,
)

FIGURES = {"plot_mlp": 1, "plot_cnn": 1, **PAGES}
EXAMINATIONS = {"examine": 2, "plot_examinations": 1, **PAGES}
LIBRARY = "scripts/sweep"
ALL_RUNS = MLP_RUNS | CNN_RUNS
STUDY = {"aggregate_study": 1, "plot_same__mlp": 1, **PAGES}
# Three of the runs that the grid has, drawn.
SAMPLE = {"runs": 3, "batch_size": [8, 16], "learning_rate": [0.001], "dropout_rate": [0, 0.5]}
ONE = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0]}
EVERY_MLP = {"batch_size": 8, "learning_rate": 0.001, "dropout_rate": 0}
EVERYTHING = {"prepare_data": 1, "train": 6, **ANALYSIS}


def test_a_second_run_does_nothing_and_neither_do_touched_files(finished: Sweep) -> None:
    for folder in ("scripts", "workflow", "envs", "images", "results/tiny/data"):
        for file in (finished.folder / folder).rglob("*"):
            file.touch()
    (finished.folder / "Snakefile").touch()
    (finished.folder / "config.yaml").touch()
    assert finished.snakemake().jobs == {}


# ---- what a change rebuilds, as Snakemake plans it

EDITS: list[tuple[str, str, str, dict[str, int], set[str]]] = [
    # A word that all rooms share: the data are prepared again, and their manifest turns out the same. Snakemake cannot
    # know that before, so it plans the trainings as well; their jobs find the kept records.
    (f"{LIBRARY}/metrics.py", "Validation Loss", "Loss", EVERYTHING, ALL_RUNS),
    (f"{LIBRARY}/data/__init__.py", "", "# new\n", EVERYTHING, ALL_RUNS),
    (f"{LIBRARY}/models/mlp.py", "BatchNorm(hidden)", "BatchNorm( hidden)", {"train": 4, **ANALYSIS}, MLP_RUNS),
    (f"{LIBRARY}/training/loop.py", '"cpu": 100', '"cpu": 10', {"train": 6, **ANALYSIS}, ALL_RUNS),
    (f"{LIBRARY}/runs/job.py", "", "# new\n", ANALYSIS, set()),
    (f"{LIBRARY}/analysis/ranking.py", "", "# new\n", ANALYSIS, set()),
    (f"{LIBRARY}/results/__init__.py", "", "# new\n", EXAMINATIONS, set()),
    (f"{LIBRARY}/examination/shift.py", "", "# new\n", EXAMINATIONS, set()),
    (f"{LIBRARY}/figures/curves.py", "", "# new\n", {"plot_examinations": 1, **FIGURES}, set()),
    (f"{LIBRARY}/report/explorer.py", "", "# new\n", PAGES, set()),
    ("scripts/prepare_data.py", "", "# new\n", EVERYTHING, ALL_RUNS),
    ("scripts/train.py", "", "# new\n", {}, set()),
    ("scripts/aggregate.py", "", "# new\n", ANALYSIS, set()),
    ("scripts/plot.py", "", "# new\n", FIGURES, set()),
    ("scripts/examine.py", "", "# new\n", EXAMINATIONS, set()),
    ("scripts/plot_examinations.py", "", "# new\n", {"plot_examinations": 1, **PAGES}, set()),
    ("scripts/render_report.py", "", "# new\n", PAGES, set()),
    ("scripts/render_explorer.py", "", "# new\n", {"render_explorer": 1, "all": 1}, set()),
    ("scripts/status.py", "", "# new\n", {}, set()),
    ("workflow/templates/report.en.md.j2", "", "new\n", PAGES, set()),
    ("workflow/templates/report.zh.md.j2", "", "new\n", {}, set()),
    ("workflow/templates/explorer/style.css", "", "/* new */\n", {"render_explorer": 1, "all": 1}, set()),
    ("workflow/templates/captions/curves.rst", "over epochs", "over all epochs", {}, set()),
]
CHANGES: list[tuple[dict[str, Any], dict[str, int], set[str]]] = [
    (
        {"models__mlp__learning_rates": [0.001, 0.01]},
        {"train": 4, **ANALYSIS},
        {run.replace("0.001", "0.01") for run in MLP_RUNS},
    ),
    ({"models__cnn__epochs": 2}, {"train": 2, **ANALYSIS}, CNN_RUNS),
    ({"models__mlp__batch_sizes": [8]}, ANALYSIS, set()),
    # An axis trains the runs alone that are not at its default.
    (
        {"models__mlp__axes": {"weight_decay": [0.01, 0]}},
        {"train": 4, **ANALYSIS},
        {run.replace("/seed0", "_weight_decay=0.01/seed0") for run in MLP_RUNS},
    ),
    (
        {"models__cnn__axes": {"label_smoothing": [0.1], "dropout_kind": ["element"]}},
        {"train": 2, **ANALYSIS},
        {run.replace("/seed0", "_dropout_kind=element_label_smoothing=0.1/seed0") for run in CNN_RUNS},
    ),
    ({"models__mlp__exclude": [{"batch_size": 8, "dropout_rate": 0}]}, ANALYSIS, set()),
    (
        {"models__mlp__include": [{"batch_size": 4, "learning_rate": 0.01, "dropout_rate": 0.1, "hidden": 7}]},
        {"train": 1, **ANALYSIS},
        {"mlp/4_0.01_0.1_hidden=7/seed0"},
    ),
    ({"models__mlp": {"epochs": 2, "sample": SAMPLE}}, ANALYSIS, set()),
    (
        {"models__mlp": {"epochs": 2, "sample": SAMPLE, "include": [EVERY_MLP | {"batch_norm": False}]}},
        {"train": 1, **ANALYSIS},
        {"mlp/8_0.001_0.0_batch_norm=false/seed0"},
    ),
    ({"studies": {"same": {"mlp": ONE}}}, STUDY, set()),
    ({"models__cnn": None}, ANALYSIS_OF_MLP, set()),
    ({"data__validation_size": 13}, EVERYTHING, ALL_RUNS),
    # Where and how it runs decides no number that is compared.
    ({"training": {"device": "cpu", "precision": "bf16", "keep": "nothing"}}, {}, set()),
    ({"report__language": "zh"}, PAGES, set()),
    ({"report__rank_by": "val_acc"}, ANALYSIS, set()),
    ({"report__top": 2}, FIGURES, set()),
]


def assert_planned(planned: Outcome, jobs: dict[str, int], runs: set[str]) -> None:
    assert planned.jobs == jobs
    trained = re.findall(r"^Job \d+: Train (\w+) (\S+) with seed (\d+) for ", planned.output, re.MULTILINE)
    assert {f"{model}/{name}/seed{seed}" for model, name, seed in trained} == runs


def test_each_edited_file_rebuilds_what_is_made_with_it(
    finished: Sweep, call_snakemake: Callable[..., Outcome]
) -> None:
    for file, old, new, jobs, runs in EDITS:
        path = finished.folder / file
        before = path.read_text()
        finished.edit(file, old, new)
        planned = call_snakemake(finished.folder, "--dry-run", "--snakefile", "Snakefile")
        try:
            assert_planned(planned, jobs, runs)
        except AssertionError as error:
            raise AssertionError(file) from error
        path.write_text(before)
    # The plans left no trace.
    assert finished.snakemake("--dry-run").jobs == {}


def test_each_change_of_the_config_rebuilds_what_depends_on_it(
    finished: Sweep, call_snakemake: Callable[..., Outcome]
) -> None:
    """A dry run takes no lock, so it must not touch what a running sweep is going to read."""
    for changes, jobs, runs in CHANGES:
        finished.configure(**changes)
        assert_planned(call_snakemake(finished.folder, "--dry-run", "--snakefile", "Snakefile"), jobs, runs)
    finished.configure()
    assert finished.snakemake("--dry-run").jobs == {}


# ---- what is built


def test_models_and_values_come_and_go_by_the_config(finished: Sweep) -> None:
    """A new model is one file and one block of the config."""
    (finished.folder / LIBRARY / "models" / "linear.py").write_text(
        "from torch import nn\n\nTRAINING_MB_PER_PICTURE = 0.1\n\n\n"
        "class Model(nn.Sequential):\n    def __init__(self, classes: int, dropout_rate: float) -> None:\n"
        "        super().__init__(nn.Flatten(), nn.Dropout(dropout_rate), nn.Linear(3072, classes))\n"
    )
    assert finished.snakemake("--dry-run").jobs == {}
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}
    finished.configure(models__linear=space, models__cnn=None, models__mlp__batch_sizes=[8])
    drawing = {"plot_linear" if rule == "plot_cnn" else rule: count for rule, count in ANALYSIS.items()}
    assert finished.snakemake().jobs == {"train": 1, **drawing}
    assert finished.trained() == {"linear/8_0.001_0.0/seed0"}
    report = finished.report.read_text()
    assert "./pics/LINEAR_val_acc.png" in report
    assert "batch_sizes = [8]" in report
    assert "### CNN" not in report
    assert finished.snakemake().jobs == {}


def test_deleted_records_come_back_without_training(finished: Sweep) -> None:
    file = finished.results / "runs" / RUN / "metrics.json"
    before = file.read_bytes()
    file.unlink()
    assert finished.snakemake("--dry-run").jobs == {"train": 1, **ANALYSIS}
    finished.snakemake("--until", "train")
    assert finished.trained() == set()
    assert file.read_bytes() == before


def test_a_changed_image_retrains_all(finished: Sweep) -> None:
    images = finished.folder / "images" / "train"
    shutil.copy(images / "class 0" / "00.png", images / "class 1" / "00.png")
    assert finished.snakemake("--dry-run").jobs == EVERYTHING
    finished.configure(models__mlp=None, models__cnn__dropout_rates=[0])
    assert finished.snakemake("--until", "train").jobs == {"prepare_data": 1, "train": 1}
    assert finished.trained() == {"cnn/8_0.001_0.0/seed0"}


def test_a_fresh_clone_never_mixes_in_other_results(finished: Sweep, tmp_path: Path) -> None:
    clone = Sweep(tmp_path / "clone")
    copy_code(clone.folder)
    for name in ("results", "report", "images"):
        shutil.copytree(finished.folder / name, clone.folder / name, copy_function=shutil.copy)
    clone.configure(models__cnn__epochs=2)
    clone.edit(f"{LIBRARY}/models/cnn.py", "Linear(64 * 6 * 6,", "Linear(6 * 6 * 64,")
    # Results newer than all code and data: nothing but their content tells that they are stale.
    for file in sorted((clone.folder / "results").rglob("*")) + sorted((clone.folder / "report").rglob("*")):
        file.touch()
    old = clone.report.read_text()

    refused = clone.snakemake(succeeds=False)
    assert refused.jobs["aggregate"] == 1
    log = (clone.results / "logs" / "aggregate.log").read_text()
    assert "2 of 6 records are not those of this sweep" in log
    assert "Traceback" not in log
    for run in CNN_RUNS:
        assert re.search(f"results/tiny/runs/{run}/metrics.json was made with .*epochs 1, not 2", log)
        assert re.search(f"results/tiny/runs/{run}/metrics.json was made with .*another code_hash", log)
    assert clone.report.read_text() == old

    remove_as_told(clone, log)
    clone.snakemake("--until", "aggregate")
    assert clone.trained() == CNN_RUNS
    for run in CNN_RUNS:
        record = json.loads((clone.results / "runs" / run / "metrics.json").read_text())
        assert record["epochs"] == 2
    assert clone.snakemake("--until", "aggregate").jobs == {}
