"""Training jobs as programs: one writer a run, repeats bit for bit, faults that are one sentence."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from project import CNN_RUNS, MLP_RUNS, Sweep, numbers, remove_as_told

RUN = "mlp/8_0.001_0.5/seed0"


def train_command(sweep: Sweep, **changes: object) -> list[str]:
    """The command of the train rule for RUN, as a user would copy it from Snakemake's output."""
    arguments = {
        "model": "mlp",
        "batch-size": 8,
        "learning-rate": 0.001,
        "dropout-rate": 0.5,
        "seed": 0,
        "epochs": 2,
        "data": sweep.results / "data",
        "records": sweep.folder / "results" / "records",
        "device": "auto",
        "precision": "auto",
        "gpus": 0,
        "jobs-per-gpu": 1,
        "threads": 1,
        "metrics": sweep.results / "runs" / RUN / "metrics.json",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    options = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    return [sys.executable, str(sweep.folder / "scripts" / "train.py"), *options]


def start(sweep: Sweep, **changes: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        train_command(sweep, **changes),
        env=sweep.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def forget(sweep: Sweep) -> None:
    for file in (sweep.folder / "results" / "records").glob("*.json"):
        file.unlink()


def test_repeats_are_bit_identical(finished: Sweep) -> None:
    before = {run: numbers(finished.results / "runs" / run / "metrics.json") for run in MLP_RUNS | CNN_RUNS}
    forget(finished)
    finished.snakemake("--forcerun", "train")
    assert finished.trained() == MLP_RUNS | CNN_RUNS
    for run, record in before.items():
        assert numbers(finished.results / "runs" / run / "metrics.json") == record


def test_two_jobs_of_one_run_train_it_once(finished: Sweep, tmp_path: Path) -> None:
    forget(finished)
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    jobs = [start(finished, metrics=file) for file in files]
    outputs = [job.communicate()[0] for job in jobs]
    assert sorted("epoch 0:" in output for output in outputs) == [False, True]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_killed_job_holds_nothing_up(finished: Sweep, tmp_path: Path) -> None:
    forget(finished)
    killed = start(finished, epochs=100_000)
    assert killed.stdout is not None
    while "epoch 0:" not in killed.stdout.readline():
        pass
    waiting = start(finished, epochs=100_000, metrics=tmp_path / "metrics.json")
    assert waiting.stdout is not None
    assert "waiting" in waiting.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    while "epoch 0:" not in waiting.stdout.readline():  # it trains now
        pass
    waiting.kill()
    assert not (tmp_path / "metrics.json").exists()
    assert list((finished.folder / "results" / "records").glob("*.json")) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"device": "cuda"}, "Error: training.device is cuda, but torch finds no CUDA device"),
        ({"gpus": 1}, "Error: this job was allotted a GPU, but torch finds no CUDA device"),
        ({"data": "nowhere"}, "Error: nowhere/manifest.json is missing or damaged"),
    ],
)
def test_a_job_that_cannot_run_says_why(finished: Sweep, changes: dict[str, object], sentence: str) -> None:
    forget(finished)
    job = start(finished, **changes)
    output = job.communicate()[0]
    assert job.returncode == 1
    assert sentence in output
    assert "Traceback" not in output
    assert list((finished.folder / "results" / "records").glob("*.json")) == []


def test_damaged_prepared_data_are_never_trained_on(finished: Sweep) -> None:
    forget(finished)
    file = finished.results / "data" / "images.safetensors"
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    file.write_bytes(content)
    job = start(finished)
    assert "does not hold the data of the manifest beside it; remove" in job.communicate()[0]
    assert job.returncode == 1


def test_a_damaged_kept_record_is_trained_again_aloud(finished: Sweep) -> None:
    metrics = finished.results / "runs" / RUN / "metrics.json"
    before = numbers(metrics)
    kept = finished.folder / "results" / "records" / f"{before['key']}.json"
    kept.write_text(kept.read_text().replace('"training_s": ', '"training_s": 1', 1))
    output = start(finished).communicate()[0]
    assert f"{kept} is damaged" in output
    assert "epoch 1:" in output
    assert numbers(metrics) == before


def test_a_damaged_record_stops_the_report_and_the_named_command_mends_it(finished: Sweep) -> None:
    metrics = finished.results / "runs" / RUN / "metrics.json"
    good = metrics.read_bytes()
    metrics.write_bytes(good[:-200])
    finished.edit("scripts/aggregate.py", "Check that", "See that")
    finished.snakemake(succeeds=False)
    log = (finished.results / "logs" / "aggregate.log").read_text()
    assert f"results/tiny/runs/{RUN}/metrics.json is damaged" in log
    remove_as_told(finished, log)
    finished.snakemake()
    assert metrics.read_bytes() == good


def test_a_failing_run_is_named_and_the_others_finish(finished: Sweep) -> None:
    forget(finished)
    finished.edit("scripts/sweep/models/cnn.py", "super().__init__()\n", "super().__init__()\n        1 / 0\n")
    outcome = finished.snakemake("--keep-going", succeeds=False)
    assert "Error in rule train" in outcome.output
    for run in CNN_RUNS:
        assert f"results/tiny/logs/train/{run}.log" in outcome.output
    finished.configure(models__cnn=None)
    assert finished.snakemake().jobs["plot"] == 1


def test_a_diverged_run_does_not_stop_the_sweep(code: Sweep) -> None:
    code.configure(models__mlp__learning_rates=[1e36, 0.001], models__mlp__dropout_rates=[0], models__cnn=None)
    code.snakemake()
    report = code.report.read_text()
    assert "**Diverged:**" in report
    assert "[`8_1e+36_0.0`](#mlp-8_1e+36_0.0) (seed 0" in report
    assert "The best curve is `batch_size = " in report
    ranking = (code.results / "tables" / "configurations.csv").read_text().splitlines()[1:]
    assert [row.split(",")[4] for row in ranking] == ["0.001", "0.001", "1e+36", "1e+36"]
