"""Training jobs as programs: one writer a run, repeats bit for bit, faults that are one sentence."""

import signal
from pathlib import Path

import pytest

from project import CNN_RUNS, RUN, Sweep, numbers, remove_as_told


def test_repeats_are_bit_identical(finished: Sweep) -> None:
    finished.configure(models__mlp__batch_sizes=[8], models__mlp__dropout_rates=[0.5])
    before = {run: numbers(finished.results / "runs" / run / "metrics.json") for run in {RUN} | CNN_RUNS}
    finished.forget()
    finished.snakemake("--forcerun", "train", "--until", "train")
    assert finished.trained() == before.keys()
    for run, record in before.items():
        assert numbers(finished.results / "runs" / run / "metrics.json") == record


def test_two_jobs_of_one_run_train_it_once(finished: Sweep, tmp_path: Path) -> None:
    finished.forget()
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    jobs = [finished.start_job(metrics=file) for file in files]
    outputs = [job.communicate()[0] for job in jobs]
    assert sorted("epoch 0:" in output for output in outputs) == [False, True]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_killed_job_holds_nothing_up(finished: Sweep, tmp_path: Path) -> None:
    finished.forget()
    killed = finished.start_job(epochs=100_000)
    assert killed.stdout is not None
    while "epoch 0:" not in killed.stdout.readline():
        pass
    waiting = finished.start_job(epochs=100_000, metrics=tmp_path / "metrics.json")
    assert waiting.stdout is not None
    assert "waiting" in waiting.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    while "epoch 0:" not in waiting.stdout.readline():  # it trains now
        pass
    waiting.kill()
    assert not (tmp_path / "metrics.json").exists()
    assert list((finished.folder / "results" / "records").glob("*/*.json")) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"device": "cuda"}, "Error: training.device is cuda, but torch finds no CUDA device"),
        ({"gpus": 1}, "Error: this job was allotted a GPU, but torch finds no CUDA device"),
        ({"data": "nowhere"}, "Error: nowhere/manifest.json is missing or damaged"),
    ],
)
def test_a_job_that_cannot_run_says_why(finished: Sweep, changes: dict[str, object], sentence: str) -> None:
    finished.forget()
    job = finished.start_job(**changes)
    output = job.communicate()[0]
    assert job.returncode == 1
    assert sentence in output
    assert "Traceback" not in output
    assert list((finished.folder / "results" / "records").glob("*/*.json")) == []


def test_damaged_prepared_data_are_never_trained_on(finished: Sweep) -> None:
    finished.forget()
    file = finished.results / "data" / "images.safetensors"
    content = bytearray(file.read_bytes())
    content[-1000] ^= 1
    file.write_bytes(content)
    job = finished.start_job()
    assert "does not hold the data of the manifest beside it; remove" in job.communicate()[0]
    assert job.returncode == 1


def test_a_damaged_kept_record_is_named_and_trained_again(finished: Sweep) -> None:
    metrics = finished.results / "runs" / RUN / "metrics.json"
    before = numbers(metrics)
    kept = finished.kept(RUN)
    kept.write_text(kept.read_text().replace('"training_s": ', '"training_s": 1', 1))
    output = finished.start_job().communicate()[0]
    assert f"{kept} is damaged" in output
    assert "epoch 1:" in output
    assert numbers(metrics) == before


def test_a_damaged_record_stops_the_report_and_the_named_command_mends_it(finished: Sweep) -> None:
    metrics = finished.results / "runs" / RUN / "metrics.json"
    good = metrics.read_bytes()
    metrics.write_bytes(good[:-200])
    finished.edit("scripts/aggregate.py", "Check that", "See that")
    finished.snakemake("--until", "aggregate", succeeds=False)
    log = (finished.results / "logs" / "aggregate.log").read_text()
    assert f"results/tiny/runs/{RUN}/metrics.json is damaged" in log
    remove_as_told(finished, log)
    finished.snakemake("--until", "aggregate")
    assert metrics.read_bytes() == good


def test_a_failing_run_is_named_and_the_others_finish(finished: Sweep) -> None:
    (finished.results / "runs" / RUN / "metrics.json").unlink()
    finished.edit("scripts/sweep/models/cnn.py", "super().__init__()\n", "super().__init__()\n        1 / 0\n")
    outcome = finished.snakemake("--keep-going", succeeds=False)
    assert "Error in rule train" in outcome.output
    for run in CNN_RUNS:
        assert f"results/tiny/logs/train/{run}.log" in outcome.output
    assert (finished.results / "runs" / RUN / "metrics.json").exists()
    finished.configure(models__cnn=None)
    assert "plot_cnn" not in finished.snakemake("--dry-run").jobs


def test_a_diverged_run_does_not_stop_the_sweep_of_several_seeds(code: Sweep) -> None:
    space = {"batch_sizes": [8], "learning_rates": [1e36, 0.001], "dropout_rates": [0], "epochs": 2}
    code.configure(models={"mlp": space}, seeds=[0, 7])
    assert code.snakemake().jobs["train"] == 4
    assert code.trained() == {f"mlp/8_{rate}_0.0/seed{seed}" for rate in ("1e+36", "0.001") for seed in (0, 7)}
    report = code.report.read_text()
    assert "with each of the seeds 0, 7" in report
    assert "**Diverged:**" in report
    assert "[`8_1e+36_0.0`](#mlp-8_1e%2B36_0.0) (seed 0" in report
    assert "The best curve is `batch_size = " in report
    ranking = (code.results / "tables" / "configurations.csv").read_text().splitlines()[1:]
    assert [row.split(",")[4] for row in ranking] == ["0.001", "1e+36"]
