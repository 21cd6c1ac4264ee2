"""Several trainings in one submission."""

from pathlib import Path

from cluster import CPU, PROFILE, SlurmSweep
from sweeps import Sweep, copy_code, numbers, write_pictures

BROKEN = "mlp/8_0.001_0.5/seed0"
RUNS = {f"mlp/8_0.001_{dropout_rate}/seed{seed}" for dropout_rate in (0.0, 0.5) for seed in (0, 1, 2)}
SIX = {**CPU, "models__cnn": None, "models__mlp__batch_sizes": [8], "seeds": [0, 1, 2]}


def test_packed_runs_share_a_submission_and_a_failure_among_them_costs_no_training(
    sweep: SlurmSweep, tmp_path: Path
) -> None:
    sweep.edit(PROFILE, "# groups:", "groups:")
    sweep.edit(PROFILE, '# group-components: ["{model}=15"]', 'group-components: ["{model}=3"]')
    sweep.configure(**SIX)
    sweep.note_trainings()
    sweep.prepare()
    (sweep.folder / "broken").write_text(BROKEN)
    outcome = sweep.snakemake("--retries", "0", "--until", "train", succeeds=False)
    assert f"results/tiny/logs/train/{BROKEN}.log" in outcome.output
    assert "broken on purpose" in outcome.output
    # Three runs each, one after the other on one GPU: minutes add up, GPUs and memory do not.
    jobs = sweep.submitted()
    assert [(job.partition, job.gpus, job.mem_mb, job.time_min) for job in jobs] == [("gpu", 1, 1001, 18)] * 2
    assert len(sweep.finished()) == 3

    # Mended: the three that miss are one submission.
    (sweep.folder / "broken").unlink()
    sweep.snakemake("--until", "train")
    assert len(sweep.submitted()) == 3
    assert sweep.finished() == RUNS
    # What was finished beside the broken run was taken away with it, and came back without training.
    assert sweep.trainings() == {run: 2 if run == BROKEN else 1 for run in RUNS}

    copy_code(tmp_path / "local")
    write_pictures(tmp_path / "local" / "pictures")
    local = Sweep(tmp_path / "local")
    local.configure(**SIX)
    local.snakemake("--until", "train")
    for run in RUNS:
        here, there = (numbers(side.results / "runs" / run / "metrics.json") for side in (sweep, local))
        for of_the_code in ("key", "code_hash"):
            del here[of_the_code], there[of_the_code]
        assert here == there
