"""Several trainings in one submission."""

from typing import Any

from cluster import EIGHT, PROFILE, SlurmSweep
from project import numbers

BROKEN = "mlp/8_0.001_0.5/seed0"
RUNS = {f"mlp/8_0.001_{dropout_rate}/seed{seed}" for dropout_rate in (0.0, 0.5) for seed in (0, 1)}


def test_packed_runs_share_a_submission_and_a_failure_among_them_costs_no_training(
    sweep: SlurmSweep, local: dict[str, dict[str, Any]]
) -> None:
    sweep.edit(PROFILE, "# groups:", "groups:")
    sweep.edit(PROFILE, '# group-components: ["{model}=15"]', 'group-components: ["{model}=2"]')
    sweep.configure(**{**EIGHT, "models__cnn": None})
    sweep.note_trainings()
    sweep.prepare()
    (sweep.folder / "broken").write_text(BROKEN)
    outcome = sweep.snakemake("--retries", "0", "--until", "train", succeeds=False)
    assert f"results/tiny/logs/train/{BROKEN}.log" in outcome.output
    assert "broken on purpose" in outcome.output
    # Two runs each, one after the other on one GPU: minutes add up, GPUs and memory do not.
    jobs = sweep.submitted()
    asked = ("gpu", 1, 4001, 12)
    assert [(job.partition, job.gpus, job.mem_mb, job.time_min) for job in jobs] == [asked] * 2
    assert len(sweep.finished()) == 2

    # Mended: the two that miss are one submission; with --gres, as the profile says, but for the device.
    (sweep.folder / "broken").unlink()
    sweep.edit(PROFILE, "    gpu: 1\n", "")
    for line in ("gpu: 0", 'gres: "gpu:1"'):
        sweep.edit(PROFILE, f"# {line}\n", f"{line}\n")
    sweep.snakemake("--until", "train")
    jobs = sweep.submitted()
    assert [(job.partition, job.gpus, job.mem_mb, job.time_min) for job in jobs] == [asked] * 3
    assert sweep.finished() == RUNS
    # What was finished beside the broken run was taken away with it, and came back without training.
    assert sweep.trainings() == {run: 2 if run == BROKEN else 1 for run in RUNS}

    for run in RUNS:
        record = numbers(sweep.results / "runs" / run / "metrics.json")
        of_the_code = {name: record[name] for name in ("series", "code_hash")}
        assert record == {**local[run], **of_the_code}
