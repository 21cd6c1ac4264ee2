"""make plan says what Snakemake will do and why. It is compared with a dry run and with what is then trained."""

import re
import shutil

import torch

from project import ANALYSIS, CNN_RUNS, MLP_RUNS, Sweep, program
from sweep.layout import RECORDS
from sweep.runs.tensors import read_tensors, write_tensors

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
        "parameters: made with epochs 1, not 2; goes on from epoch 1": CNN_RUNS,
    }
    assert rules(output) == {"aggregate", "examine", *DRAWING}
    assert re.search(r"^forecast: [\d.]+ core-hours .* by the benchmarks of 4 finished runs$", output, re.MULTILINE)
    dry = finished.snakemake("--dry-run")
    assert dry.jobs == {"train": 5, **ANALYSIS}
    assert finished.snakemake("--until", "train").jobs == {"train": 5}
    assert finished.trained() == new | CNN_RUNS | {gone}
    for run in CNN_RUNS:
        log = (finished.results / "logs" / "train" / f"{run}.log").read_text()
        state = RECORDS / finished.kept(run).with_name("1.safetensors").relative_to(finished.records)
        assert f"Going on from epoch 1, where the run of 1 epochs ended ({state})" in log
        assert re.findall(r"^epoch (\d+):", log, re.MULTILINE) == ["1"]

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


def test_more_epochs_take_the_remaining_hours_unless_the_states_are_of_other_arithmetic(finished: Sweep) -> None:
    for run, seconds in [*dict.fromkeys(MLP_RUNS, 7200).items(), *dict.fromkeys(CNN_RUNS, 3600).items()]:
        benchmark = finished.results / "benchmarks" / "train" / f"{run}.jsonl"
        benchmark.write_text(re.sub(r'"s": [\d.]+', f'"s": {seconds}', benchmark.read_text()))
    for run in CNN_RUNS:
        file = finished.kept(run).with_suffix(".safetensors")
        stored = read_tensors(file)
        stored.facts["made_with"]["torch"] = "2.13.0"
        write_tensors(file, stored.facts, stored.arrays)
    finished.configure(models__cnn__epochs=2, models__mlp__epochs=5)
    output = program(finished, "plan")
    anew = rf"starts anew: the state after epoch 1 was made with torch 2.13.0, not {re.escape(torch.__version__)} \(2\)"
    assert re.search(rf"^train, parameters: made with epochs 1, not 2; {anew}$", output, re.MULTILINE)
    assert re.search(r"^train, .*epochs 2, not 5; goes on from epoch 2 \(4\)$", output, re.MULTILINE)
    # What jobs take beside their epochs, which here are of no time: four times two hours, and twice one.
    assert "forecast: 10 core-hours of training" in output
    # What a job then does is the same, and the next forecast is from the remaining epochs alone.
    finished.snakemake("--until", "train")
    logs = finished.logs()
    assert logs.count("Going on from epoch 2, ") == 4
    assert logs.count("Not going on from the run of 1 epochs: its state was made with torch 2.13.0") == 2


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
