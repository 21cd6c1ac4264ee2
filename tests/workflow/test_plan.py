"""make plan says what Snakemake will do and why. It is compared with a dry run and with what is then trained."""

import re
import shutil

from project import ANALYSIS, CNN_RUNS, MLP_RUNS, Sweep, program

KEPT = "from kept records: nothing is trained"
DRAWING = {"plot_mlp", "plot_cnn", "plot_examinations", "render_report", "render_explorer"}


def planned(output: str) -> dict[str, set[str]]:
    """The runs that the plan lists under each reason."""
    groups = {}
    for reason, count, names in re.findall(r"^train, (.*) \((\d+)\)\n((?:  .*\n)+)", output, re.MULTILINE):
        groups[reason] = set(re.findall(r"[^\s,]+", names))
        assert len(groups[reason]) == int(count)
    return groups


def rules(output: str) -> set[str]:
    """The rules of the planned jobs, train excepted."""
    return set(re.findall(r"^(\w+)\n  ", output, re.MULTILINE))


def test_the_plan_is_what_then_happens(finished: Sweep) -> None:
    output = program(finished, "plan")
    assert output == "Nothing to be done: every file is there and up to date\n"

    kept, gone, *_ = sorted(MLP_RUNS)
    for run in (kept, gone):
        file = finished.results / "runs" / run / "metrics.json"
        if run == gone:
            finished.kept(run).unlink()
        file.unlink()
    added = [{"batch_size": 4, "learning_rate": 0.01, "dropout_rate": 0.5, "batch_norm": False}]
    finished.configure(models__cnn__epochs=2, models__mlp__include=added)
    new = {"mlp/4_0.01_0.5_batch_norm=false/seed0"}
    output = program(finished, "plan")
    assert planned(output) == {
        KEPT: {kept},
        "missing: trained before, but the record is gone": {gone},
        "new": new,
        "parameters: made with epochs 1, not 2": CNN_RUNS,
    }
    assert rules(output) == {"aggregate", "examine", *DRAWING}
    assert re.search(r"^forecast: [\d.]+ core-hours .* by the benchmarks of 4 finished runs$", output, re.MULTILINE)
    dry = finished.snakemake("--dry-run")
    assert dry.jobs == {"train": 5, **ANALYSIS}
    assert finished.snakemake("--until", "train").jobs == {"train": 5}
    assert finished.trained() == new | CNN_RUNS | {gone}

    benchmark = finished.results / "benchmarks" / "train" / f"{kept}.jsonl"
    benchmark.write_text(re.sub(r'"s": [\d.]+', '"s": 0.001', benchmark.read_text()))
    finished.edit("scripts/sweep/models/cnn.py", "Linear(64 * 6 * 6,", "Linear(6 * 6 * 64,")
    output = program(finished, "plan")
    assert planned(output) == {"code: made with another code_hash": CNN_RUNS}
    # It took less time than the epochs in its record, so it published a kept record: its benchmark is not counted.
    assert "by the benchmarks of 6 finished runs" in output
    assert finished.snakemake("--dry-run").jobs == {"train": 2, **ANALYSIS}

    # Back to the first config, nothing is trained again.
    finished.edit("scripts/sweep/models/cnn.py", "Linear(6 * 6 * 64,", "Linear(64 * 6 * 6,")
    finished.configure()
    assert finished.snakemake("--until", "train").jobs == {"train": 2}
    assert finished.trained() == set()


def test_other_data_and_changed_figures(finished: Sweep) -> None:
    finished.edit("scripts/sweep/figures/curves.py", 'set_xlabel("Epoch")', 'set_xlabel("Epoch, from 0")')
    output = program(finished, "plan")
    assert (planned(output), rules(output)) == ({}, DRAWING)
    assert "forecast" not in output

    images = finished.folder / "images" / "train"
    shutil.copy(images / "class 0" / "00.png", images / "class 1" / "00.png")
    output = program(finished, "plan")
    (reason,) = planned(output)
    assert reason.startswith("data: they are prepared first; a run whose data turn out the same comes from its kept")
    assert planned(output)[reason] == MLP_RUNS | CNN_RUNS
    assert rules(output) == {"prepare_data", "aggregate", "examine", *DRAWING}
    finished.configure(data__validation_size=13)
    assert planned(program(finished, "plan")) == {"data: made with another data_hash": MLP_RUNS | CNN_RUNS}
    assert finished.snakemake("--dry-run").jobs == {"prepare_data": 1, "train": 6, **ANALYSIS}


def test_before_the_first_run_everything_is_new_and_there_is_no_forecast(code: Sweep) -> None:
    output = program(code, "plan")
    assert planned(output) == {"new": MLP_RUNS | CNN_RUNS}
    assert rules(output) == {"prepare_data", "aggregate", "examine", *DRAWING}
    assert "forecast: none, no run of this experiment is finished" in output
    assert code.snakemake("--dry-run").jobs == {"prepare_data": 1, "train": 6, **ANALYSIS}
    code.edit("scripts/sweep/models/cnn.py", "class Model(", "class Model((")
    sentence = r"scripts/sweep/models/cnn\.py, line \d+: this is not Python \(.*\); mend that line\n"
    for name in ("plan", "status"):
        assert re.fullmatch(rf"Error: .*{sentence}", program(code, name, succeeds=False))
    assert re.search(rf"^.*{sentence}", code.snakemake("--dry-run", succeeds=False).output, re.MULTILINE)
    code.configure(models__vgg=None)
    assert "config: models.vgg: there is no such model" in program(code, "plan", succeeds=False)
