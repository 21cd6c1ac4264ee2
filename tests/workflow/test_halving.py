"""Successive halving through Snakemake: who goes on, what is trained again and when, and what is refused."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from project import MLP_RUNS, PAGES, Sweep, copy_code, numbers, program, wait_for, write_images

HALVING = {"epochs": [1, 2], "keep": 0.5}
HALVED = {"models__mlp__epochs": 4, "models__mlp__halving": HALVING, "models__cnn": None}
ANALYSIS = {"aggregate": 1, "plot_mlp": 1, "examine": 1, "plot_examinations": 1, **PAGES}


def promotion(sweep: Sweep, epochs: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(promotion_file(sweep, epochs).read_text())
    return content


def promotion_file(sweep: Sweep, epochs: int) -> Path:
    return sweep.results / "promotions" / "mlp" / f"rung{epochs}.json"


def going_on(sweep: Sweep, epochs: int) -> set[str]:
    """The paths of the runs that go on after so many epochs."""
    return {f"mlp/{each['name']}/seed0" for each in promotion(sweep, epochs)["configurations"] if each["goes_on"]}


def published(sweep: Sweep) -> set[str]:
    runs = sweep.results / "runs"
    return {str(file.parent.relative_to(runs)) for file in runs.rglob("metrics.json")}


@pytest.fixture(scope="session")
def halved_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A halved sweep that ran from nothing, shared by all test processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "halved"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            copy_code(folder)
            write_images(folder / "images")
            sweep = Sweep(folder)
            sweep.configure(**HALVED)
            planned = sweep.snakemake("--dry-run")
            assert planned.jobs == {"prepare_data": 1, "train": 4, "promote": 1, **ANALYSIS}
            assert "The run involves checkpoint jobs" in planned.output
            sweep.snakemake()
    return folder


@pytest.fixture
def halved(halved_once: Path, tmp_path: Path) -> Sweep:
    shutil.copytree(halved_once, tmp_path / "sweep")
    return Sweep(tmp_path / "sweep")


def test_the_best_go_on_and_their_records_are_those_of_the_full_grid(halved: Sweep, tmp_path: Path) -> None:
    losses = {}
    for run in MLP_RUNS:
        batch_size, _, dropout_rate = run.split("/")[1].split("_")
        folder = tmp_path / run
        options = {"batch_size": batch_size, "dropout_rate": dropout_rate, "epochs": 4}
        job = halved.start_job(**options, metrics=folder / "metrics.json", records=folder)
        assert job.wait() == 0
        losses[run] = numbers(folder / "metrics.json")["history"]["val_loss"]
    first = set(sorted(MLP_RUNS, key=lambda run: losses[run][0])[:2])
    (best,) = last = set(sorted(first, key=lambda run: losses[run][1])[:1])
    assert (going_on(halved, 1), going_on(halved, 2)) == (first, last)
    assert published(halved) == {
        *(f"{run}/rung1" for run in MLP_RUNS),
        *(f"{run}/rung2" for run in first),
        *last,
    }
    assert numbers(halved.results / "runs" / best / "metrics.json") == numbers(tmp_path / best / "metrics.json")
    record = json.loads((halved.results / "runs" / best / "metrics.json").read_text())
    assert record["resumed_epochs"] == [1, 2]
    for epochs in (1, 2):
        for each in promotion(halved, epochs)["configurations"]:
            assert each["value"] == round(losses[f"mlp/{each['name']}/seed0"][epochs - 1], 12)


def test_a_sweep_killed_after_a_promotion_ends_with_the_same(halved: Sweep, tmp_path: Path) -> None:
    copy_code(tmp_path / "other")
    write_images(tmp_path / "other" / "images")
    other = Sweep(tmp_path / "other")
    other.configure(**HALVED)
    command = ["snakemake", "--cores", "2", "--nolock", "--rerun-incomplete"]
    started = subprocess.Popen(
        command, cwd=other.folder, env=other.environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    wait_for(promotion_file(other, 1).exists)
    wait_for(lambda: any(other.results.glob("logs/train/*/*/seed0/rung2.log")))
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    other.snakemake("--nolock", "--rerun-incomplete")
    assert not any("rung1.log" in str(log) for log in other.results.glob("logs/train/**/*.log"))
    assert published(other) == published(halved)
    for epochs in (1, 2):
        assert promotion_file(other, epochs).read_bytes() == promotion_file(halved, epochs).read_bytes()
    for run in published(halved):
        file = Path("runs", run, "metrics.json")
        assert numbers(other.results / file) == numbers(halved.results / file)
    assert other.snakemake("--dry-run").jobs == {}


def test_only_what_a_change_concerns_is_made_again(halved: Sweep) -> None:
    assert halved.snakemake("--dry-run").jobs == {}
    (best,) = going_on(halved, 2)
    tables = (halved.results / "tables" / "runs.csv").read_bytes()

    # Deleted files come back, those of a rung and of a promotion too, and nothing is trained.
    record = {"train": 1, "promote": 1}
    deleted = {
        halved.results / "runs" / best / "rung1" / "metrics.json": record,
        halved.results / "runs" / best / "rung2" / "metrics.json": record,
        promotion_file(halved, 1): {"promote": 1},
        promotion_file(halved, 2): {"promote": 1},
    }
    contents = {file: file.read_bytes() for file in deleted}
    for file, jobs in deleted.items():
        file.unlink()
        planned = halved.snakemake("--dry-run").jobs
        assert {rule: planned.get(rule, 0) for rule in ("train", "promote")} == {"train": 0, **jobs}
        file.write_bytes(contents[file])
    for file in deleted:
        file.unlink()
    halved.snakemake()
    assert halved.trained() == set()
    assert {file: file.read_bytes() for file in deleted} == contents
    assert (halved.results / "tables" / "runs.csv").read_bytes() == tables
    assert halved.snakemake("--dry-run").jobs == {}

    # More epochs: whoever was promoted goes on from there.
    halved.configure(**HALVED | {"models__mlp__epochs": 6})
    assert halved.snakemake("--dry-run").jobs == {"train": 1, **ANALYSIS}
    assert "epochs 4, not 6; goes on from epoch 4 (1)" in program(halved, "plan")
    assert re.search(r"^mlp rung2 +2 ", program(halved, "status"), re.MULTILINE)

    # Another share: the promotions are made again, and only who goes on in addition is trained.
    halved.configure(**HALVED | {"models__mlp__halving": {**HALVING, "keep": 0.75}})
    assert halved.snakemake("--dry-run").jobs == {"promote": 1, **ANALYSIS}
    halved.snakemake("--until", "aggregate")
    assert len(halved.trained()) == 3
    assert (len(going_on(halved, 1)), len(going_on(halved, 2))) == (3, 3)

    # Back again: nothing is trained, and the stopped ones are no longer in the tables.
    halved.configure(**HALVED)
    halved.snakemake("--until", "aggregate")
    assert not list(halved.results.glob("logs/train/**/*.log"))
    assert (halved.results / "tables" / "runs.csv").read_bytes() == tables

    # A configuration more: its first rung is trained, whoever wins.
    halved.configure(**HALVED, models__mlp__include=[{"batch_size": 4, "learning_rate": 0.001, "dropout_rate": 0}])
    assert halved.snakemake("--dry-run").jobs == {"train": 1, "promote": 1, **ANALYSIS}

    # Another ranking: promotions and tables, nothing else before they say more.
    halved.configure(**HALVED, report__rank_by="val_acc")
    assert halved.snakemake("--dry-run").jobs == {"promote": 1, **ANALYSIS}

    # Without halving the one that was never trained to the end goes on from where it was stopped.
    halved.configure(**HALVED | {"models__mlp__halving": None})
    assert halved.snakemake("--dry-run").jobs == {"train": 1, **ANALYSIS}


def test_rungs_are_made_again_one_after_the_other(halved: Sweep) -> None:
    """The promotions are there, but they must not start a later rung before the earlier ones."""
    (best,) = going_on(halved, 2)
    for rung in ("rung1", "rung2", ""):
        halved.kept(f"{best}/{rung}").with_suffix(".safetensors").unlink()
    before = numbers(halved.results / "runs" / best / "metrics.json")
    assert "The next run trains 3 runs again" in program(halved, "remake")
    halved.snakemake()
    logs = [(halved.results / "logs" / "train" / f"{best}{rung}.log").read_text() for rung in ("/rung1", "/rung2", "")]
    assert [re.findall(r"^epoch (\d+)", log, re.MULTILINE) for log in logs] == [["0"], ["1"], ["2", "3"]]
    assert numbers(halved.results / "runs" / best / "metrics.json") == before
    assert halved.snakemake("--dry-run").jobs == {}


def test_a_promotion_that_is_not_what_its_records_give_is_refused_and_named(halved: Sweep) -> None:
    file = promotion_file(halved, 1)
    whole = file.read_text()
    name = file.relative_to(halved.folder)
    file.write_text(whole[:100])
    refused = halved.snakemake("--dry-run", succeeds=False)
    assert f"{name} is missing or damaged" in refused.output
    assert f"rm -f {name}" in refused.output
    assert "Traceback" not in refused.output
    assert f"{name} is missing or damaged" in program(halved, "status")

    content = json.loads(whole)
    for each in content["configurations"]:
        each["goes_on"] = not each["goes_on"]
    file.write_text(json.dumps(content))
    halved.snakemake("--until", "aggregate", succeeds=False)
    log = (halved.results / "logs" / "aggregate.log").read_text()
    assert f"Error: {name} is not what the records of its rung give" in log
    assert halved.run(log.split("run the same command again: ")[1]).code == 0
    halved.snakemake("--until", "aggregate")
    assert json.loads(file.read_text()) == json.loads(whole)


def test_halving_needs_states_and_rising_rungs(halved: Sweep) -> None:
    halved.configure(**HALVED, training__keep="weights")
    assert "models.mlp.halving needs state" in halved.snakemake("--dry-run", succeeds=False).output
    for epochs in ([2, 2], [3, 1], [4]):
        halved.configure(**HALVED | {"models__mlp__halving": {"epochs": epochs, "keep": 0.5}})
        assert "models.mlp.halving.epochs is " in halved.snakemake("--dry-run", succeeds=False).output


def test_without_a_configuration_that_goes_on_the_sweep_ends_and_says_so(halved: Sweep) -> None:
    """Every run diverges, so that nobody is promoted."""
    halved.configure(**HALVED | {"models__mlp__learning_rates": [1e30]})
    halved.snakemake()
    assert going_on(halved, 1) == set()
    assert halved.trained() == {f"{run.replace('0.001', '1e+30')}/rung1" for run in MLP_RUNS}
    assert "diverged" in halved.report.read_text()
    assert halved.snakemake("--dry-run").jobs == {}
