"""The tiny sweep on SLURM: what is asked of it, that the numbers are a local run's, and failing runs."""

from typing import Any

import pytest

from cluster import CPU, EIGHT, Job, SlurmSweep
from project import ANALYSIS, numbers
from sweep.runs.gpus import has_gpu


def asked(jobs: list[Job]) -> set[tuple[str, int, int, int]]:
    """Partition, GPUs, MB of memory and minutes of jobs."""
    return {(job.partition, job.gpus, job.mem_mb, job.time_min) for job in jobs}


def test_a_sweep_is_submitted_job_by_job_and_gives_a_local_runs_numbers(
    sweep: SlurmSweep, local: dict[str, dict[str, Any]]
) -> None:
    sweep.configure(**EIGHT)
    assert sweep.snakemake().jobs == {"prepare_data": 1, "train": 8, **ANALYSIS}
    jobs = sweep.submitted()
    # Everything but `all`, which has nothing to do.
    assert len(jobs) == 1 + 8 + sum(ANALYSIS.values()) - 1
    assert {job.state for job in jobs} == {"COMPLETED"}
    trainings = [job for job in jobs if job.trains]
    assert len({job.work for job in trainings}) == 8
    assert {job.node for job in trainings} == {"n1", "n2"}
    assert asked(trainings) == {("gpu", 1, 4001, 6), ("gpu", 1, 4016, 6)}
    light = [job for job in jobs if not job.trains]
    examinations = {("cpu", 0, 2001, 60), ("cpu", 0, 2016, 60)}
    assert asked(light) == {("cpu", 0, 3000, 60), ("cpu", 0, 2000, 10), ("cpu", 0, 1000, 10), *examinations}
    assert sweep.report.exists()
    assert len(list(sweep.report.parent.glob("pics/*.svg"))) == 16 + 5
    assert sweep.trained() == sweep.finished() == set(local)
    for run, record in local.items():
        assert numbers(sweep.results / "runs" / run / "metrics.json") == record

    # A changed grid: two runs less, two more.
    added = [{"batch_size": 8, "learning_rate": 0.001, "dropout_rate": 0.5, "dropout_kind": "element"}]
    sweep.configure(**{**EIGHT, "models__mlp__dropout_rates": [0], "models__cnn__include": added})
    sweep.snakemake("--until", "train")
    changed = sorted(job.work for job in sweep.submitted()[len(jobs) :])
    name = "cnn_8_0.001_0.5__dropout_kind=element"
    assert changed == [f"rule_train_wildcards_{name}_{seed}_" for seed in EIGHT["seeds"]]
    assert sweep.trained() == {f"cnn/8_0.001_0.5_dropout_kind=element/seed{seed}" for seed in EIGHT["seeds"]}


def test_a_failing_run_is_named_with_its_log_and_the_others_finish(sweep: SlurmSweep) -> None:
    sweep.configure(**CPU, models__mlp=None, models__cnn__dropout_rates=[0, 0.3, 0.5])
    sweep.edit(
        "scripts/sweep/models/cnn.py",
        "super().__init__()\n",
        "super().__init__()\n        assert dropout_rate != 0.3, 'wrong on purpose'\n",
    )
    sweep.prepare()
    outcome = sweep.snakemake("--retries", "0", "--until", "train", succeeds=False)
    jobs = sweep.submitted()
    assert asked(jobs) == {("gpu", 1, 4016, 6)}
    log = "results/tiny/logs/train/cnn/8_0.001_0.3/seed0.log"
    assert log in outcome.output
    # Its end is shown, and the job's own log is where the message says.
    assert "wrong on purpose" in outcome.output
    assert sorted((job.work, job.state) for job in jobs) == [
        ("rule_train_wildcards_cnn_8_0.001_0.0__0_", "COMPLETED"),
        ("rule_train_wildcards_cnn_8_0.001_0.3__0_", "FAILED"),
        ("rule_train_wildcards_cnn_8_0.001_0.5__0_", "COMPLETED"),
    ]
    (failed,) = (job for job in jobs if job.state == "FAILED")
    (kept,) = sweep.folder.glob(f".snakemake/slurm_logs/**/{failed.id}.log")
    assert f"(log: {kept})" in outcome.output
    assert log in kept.read_text()
    assert sweep.finished() == {"cnn/8_0.001_0.0/seed0", "cnn/8_0.001_0.5/seed0"}


@pytest.mark.skipif(has_gpu(), reason="the GPU that must be missing is there")
def test_a_gpu_that_is_allotted_but_not_there_is_one_sentence(sweep: SlurmSweep) -> None:
    sweep.configure(models__mlp=None, models__cnn__dropout_rates=[0])
    sweep.prepare()
    outcome = sweep.snakemake("--retries", "0", succeeds=False)
    assert "Error: this job was allotted a GPU, but torch finds no CUDA device" in outcome.output
    assert "Traceback" not in outcome.output
    assert asked(sweep.submitted()) == {("gpu", 1, 4016, 6)}
