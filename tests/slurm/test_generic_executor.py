"""The same workflow through the executor for any batch system, with sbatch as its command."""

from cluster import CPU, SlurmSweep
from project import ANALYSIS_OF_MLP


def test_the_generic_executor_runs_the_workflow_through_its_commands(sweep: SlurmSweep) -> None:
    sweep.executor = ("--workflow-profile", "workflow/profiles/cluster", "--seconds-between-status-checks", "1")
    sweep.configure(**CPU, models__cnn=None, models__mlp__batch_sizes=[8])
    assert sweep.snakemake().jobs == {"prepare_data": 1, "train": 2, **ANALYSIS_OF_MLP}
    assert sweep.report.exists()
    jobs = sweep.submitted()
    # All of these but `all`.
    assert len(jobs) == 1 + 2 + sum(ANALYSIS_OF_MLP.values()) - 1
    assert {job.state for job in jobs} == {"COMPLETED"}
    trainings = [job for job in jobs if job.trains]
    assert [(job.gpus, job.mem_mb, job.time_min) for job in trainings] == [(1, 4001, 6)] * 2

    # A job that fails is noticed and named.
    sweep.configure(**CPU, models__cnn=None, models__mlp__batch_sizes=[16], models__mlp__dropout_rates=[0.5])
    sweep.edit(
        "scripts/sweep/models/mlp.py", "        super().__init__(\n", "        1 / 0\n        super().__init__(\n"
    )
    outcome = sweep.snakemake("--retries", "0", "--until", "train", succeeds=False)
    assert "results/tiny/logs/train/mlp/16_0.001_0.5/seed0.log" in outcome.output
    assert "ZeroDivisionError" in outcome.output
