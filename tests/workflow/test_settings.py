"""What decides an output is asked for in a file: no setting is forgotten, and a started sweep keeps its own."""

import json
import os
import re
import shutil
import time

import yaml

from project import ANALYSIS, Sweep


def test_without_snakemakes_notes_each_changed_setting_and_word_is_seen(finished: Sweep) -> None:
    shutil.rmtree(finished.folder / ".snakemake")
    moment = time.time()
    for folder in ("results", "report"):
        for path in (finished.folder / folder).rglob("*"):
            os.utime(path, (moment, moment))
    assert finished.snakemake("--dry-run").jobs == {}
    author = "王小明 $(touch pwned) <b>{{ 7 * 7 }}</b>"
    finished.configure(report__rank_by="val_acc", report__language="zh", report__author=author, report__top=1)
    assert finished.snakemake("--dry-run").jobs == ANALYSIS
    finished.edit("scripts/sweep/metrics.py", "Validation Loss", "Loss in Validation")
    finished.edit("scripts/sweep/figures/curves.py", 'set_xlabel("Epoch")', 'set_xlabel("Epoch, from 0")')
    finished.edit("workflow/templates/report.zh.md.j2", "## ", "## 新 ")
    finished.edit("workflow/templates/explorer/style.css", "margin: 0;", "margin: 0px;")
    # In a locale that has no such author.
    finished.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONSAFEPATH": "1"}
    outcome = finished.run("snakemake --cores 2")
    assert outcome.code == 0, outcome.output
    assert outcome.jobs == {"prepare_data": 1, "train": 6, **ANALYSIS}
    assert finished.trained() == set()

    figure = (finished.report.parent / "pics" / "MLP_val_loss.svg").read_text()
    assert "Loss in Validation" in figure
    assert "Epoch, from 0" in figure
    report = finished.report.read_text(encoding="utf-8")
    assert "王小明" in report
    assert "49" not in report.splitlines()[2]
    assert "## 新 " in report
    assert "训练效果" in report
    assert len([line for line in report.splitlines() if line.startswith("| 1 | [")]) == 2
    assert "margin: 0px;" in finished.report.with_name("report.html").read_text(encoding="utf-8")
    assert json.loads((finished.results / "tables" / "grid.json").read_text())["rank_by"] == "val_acc"
    assert not (finished.folder / "pwned").exists()

    shutil.rmtree(finished.folder / ".snakemake")
    assert finished.snakemake("--dry-run").jobs == {}
    finished.configure(data__validation_size=6)
    jobs = finished.snakemake("--until", "prepare_data").jobs
    assert jobs == {"prepare_data": 1}
    manifest = json.loads((finished.results / "data" / "manifest.json").read_text())
    assert manifest["sizes"] == {"train": 54, "validation": 6, "test": 24}


def test_touch_does_not_hide_a_changed_setting_or_changed_code(finished: Sweep) -> None:
    finished.snakemake("--touch")
    finished.configure(models__cnn__epochs=2)
    outcome = finished.snakemake("--touch", succeeds=False)
    assert (
        "--touch would hide that grid is of other settings or code: run the same command without it" in outcome.output
    )
    finished.configure()
    finished.edit("scripts/sweep/models/mlp.py", "BatchNorm(hidden)", "BatchNorm( hidden)")
    assert "--touch would hide" in finished.snakemake("--touch", succeeds=False).output
    assert finished.snakemake("--dry-run").jobs == {"train": 4, **ANALYSIS}


def test_a_job_that_waits_on_a_cluster_takes_the_config_of_the_sweeps_start(code: Sweep) -> None:
    submit = code.folder / "submit.sh"
    submit.write_text('#!/bin/sh\ncp "$1" job.sh\ncp -r "$(dirname "$1")" notes\nexit 1\n')
    submit.chmod(0o755)
    options = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", "./submit.sh", "--jobs", "1")
    code.executor = (*options, "--seconds-between-status-checks", "1")
    code.snakemake(succeeds=False)
    # While it waits, the config is edited and broken.
    code.configure(experiment="other", data__validation_size=6, models__mlp__epochs=7)
    with (code.folder / "config.yaml").open("a") as config:
        config.write("no: [config\n")
    # Snakemake, which is gone, has its notes there: what the job waits for, and its end.
    notes = re.search(r"[^\s']+/\.snakemake/tmp\.\w+", (code.folder / "job.sh").read_text())
    assert notes is not None
    shutil.copytree(code.folder / "notes", notes[0])
    outcome = code.run("sh job.sh")
    assert outcome.code == 0, outcome.output
    manifest = json.loads((code.results / "data" / "manifest.json").read_text())
    assert manifest["sizes"]["validation"] == 12
    assert not (code.folder / "results" / "other").exists()
    started_with = yaml.safe_load(next((code.results / "asked").glob("config-*.json")).read_text())
    assert started_with["models"]["mlp"]["epochs"] == 2
