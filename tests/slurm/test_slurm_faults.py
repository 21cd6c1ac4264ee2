"""Cancelled jobs, a crashed node, Snakemake interrupted: the sweep ends complete, nothing finished is trained twice."""

import json
import signal
import subprocess

from cluster import CPU, SlurmSweep, end, node, wait_until

# Some seconds a run: time to interrupt it.
LONG = {**CPU, "models__cnn": None, "models__mlp__batch_sizes": [8], "models__mlp__epochs": 600}


def runs(*dropout_rates: float) -> list[str]:
    return [f"mlp/8_0.001_{float(dropout_rate)}/seed0" for dropout_rate in dropout_rates]


def test_a_cancelled_job_and_a_crashed_node_are_made_up_for(sweep: SlurmSweep) -> None:
    sweep.configure(**LONG, models__mlp__dropout_rates=[0, 0.5])
    sweep.note_trainings()
    sweep.prepare()
    snakemake = sweep.start("--until", "train")
    wait_until(lambda: all(sweep.deep_in(run) for run in runs(0, 0.5)))
    (crashing, cancelled) = sweep.running().items()
    try:
        node("fail", crashing[1])
        subprocess.run(["scancel", cancelled[0]], check=True)
        end(snakemake)
    finally:
        node("recover", crashing[1])
    jobs = sweep.submitted()
    assert [job.state for job in jobs if job.id == cancelled[0]] == ["CANCELLED by 0"]
    # SLURM itself starts the crashed job again; Snakemake submits the cancelled one again, with more memory and time.
    assert {job.id for job in jobs[:2]} == {crashing[0], cancelled[0]}
    assert len(jobs) == 3
    assert (jobs[2].mem_mb, jobs[2].time_min, jobs[2].gpus) == (8002, 12, 1)
    assert sweep.finished() == set(runs(0, 0.5))
    assert sweep.trainings() == dict.fromkeys(runs(0, 0.5), 2)
    # SLURM lets a cancelled job write its checkpoint; a crashed one had trained too short a time to have any.
    metrics = [sweep.results / "runs" / run / "metrics.json" for run in runs(0, 0.5)]
    resumed = [json.loads(file.read_text())["resumed_epochs"] for file in metrics]
    assert sorted(map(len, resumed)) == [0, 1]


def test_ctrl_c_cancels_the_jobs_and_the_same_command_goes_on(sweep: SlurmSweep) -> None:
    sweep.configure(**LONG, models__mlp__dropout_rates=[0, 0.3, 0.5])
    sweep.note_trainings()
    sweep.prepare()
    snakemake = sweep.start("--until", "train")
    # Two at a time: the third begins when one is finished.
    wait_until(lambda: sweep.kept_records() and all(sweep.deep_in(run) for run in runs(0, 0.3, 0.5)))
    before = sweep.kept_records()
    snakemake.send_signal(signal.SIGINT)
    end(snakemake, succeeds=False)
    assert sweep.running() == {}
    assert "CANCELLED by 0" in {job.state for job in sweep.submitted()}
    sweep.snakemake("--until", "train")
    assert sweep.finished() == set(runs(0, 0.3, 0.5))
    assert before.items() <= sweep.kept_records().items()
    assert sum(sweep.trainings().values()) <= 2 * 3 - len(before)


def test_a_killed_snakemake_leaves_its_jobs_and_the_next_never_trains_beside_them(sweep: SlurmSweep) -> None:
    sweep.configure(**LONG, models__mlp__dropout_rates=[0])
    sweep.note_trainings()
    sweep.prepare()
    snakemake = sweep.start("--until", "train")
    wait_until(lambda: sweep.deep_in(runs(0)[0]))
    snakemake.kill()
    snakemake.communicate()
    assert len(sweep.running()) == 1
    sweep.snakemake("--unlock")
    # The other node is free, so the second job of the run starts while the first one trains.
    sweep.snakemake("--until", "train")
    assert len(sweep.submitted()) == 2
    assert sweep.finished() == set(runs(0))
    assert sweep.trainings() == {runs(0)[0]: 1}
