"""Training jobs as programs: one writer a run, faults that are one sentence."""

import os
import re
from pathlib import Path

import pytest

from project import RUN, Sweep, numbers


def test_two_jobs_of_one_run_train_it_once(finished: Sweep, tmp_path: Path) -> None:
    finished.forget()
    files = [tmp_path / "first.json", tmp_path / "second.json"]
    jobs = [finished.start_job(metrics=file) for file in files]
    outputs = [job.communicate()[0] for job in jobs]
    assert sorted("epoch 0:" in output for output in outputs) == [False, True]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_two_longer_jobs_go_on_from_one_state_one_after_the_other(finished: Sweep, tmp_path: Path) -> None:
    """By the clock the state is from the future: no time of a file matters."""
    state = finished.kept(RUN).with_suffix(".safetensors")
    os.utime(state, (2**32, 2**32))
    before = state.read_bytes()
    jobs = {epochs: finished.start_job(epochs=epochs, metrics=tmp_path / f"{epochs}.json") for epochs in (40, 60)}
    outputs = {epochs: job.communicate()[0] for epochs, job in jobs.items()}
    # The longer one goes on from the shorter one's end if it had to wait for that.
    assert f"Going on from epoch 2, where the run of 2 epochs ended ({state})" in outputs[40]
    assert re.findall(r"^Going on from epoch (\d+)", outputs[60], re.MULTILINE)[0] in ("2", "40")
    assert all("epoch 1:" not in output for output in outputs.values())
    assert sum("waiting for it" in output for output in outputs.values()) <= 1
    assert (
        numbers(tmp_path / "60.json")["history"]["val_loss"][:40]
        == numbers(tmp_path / "40.json")["history"]["val_loss"]
    )
    assert state.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
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


def test_a_diverged_run_does_not_stop_the_sweep_of_several_seeds(finished: Sweep) -> None:
    """The other run of seed 0 is there."""
    space = {"batch_sizes": [8], "learning_rates": [1e36, 0.001], "dropout_rates": [0], "epochs": 2}
    finished.configure(models={"mlp": space}, seeds=[0, 7])
    assert finished.snakemake("--until", "render_report").jobs["train"] == 3
    assert finished.trained() == {"mlp/8_0.001_0.0/seed7", "mlp/8_1e+36_0.0/seed0", "mlp/8_1e+36_0.0/seed7"}
    report = finished.report.read_text()
    assert "with each of the seeds 0, 7" in report
    assert "**Diverged:**" in report
    assert "[`8_1e+36_0.0`](#mlp-8_1e%2B36_0.0) (seed 0" in report
    assert "The best curve is `batch_size = " in report
    ranking = (finished.results / "tables" / "configurations.csv").read_text().splitlines()[1:]
    assert [row.split(",")[4] for row in ranking] == ["0.001", "1e+36"]
