"""make status and make preview of a sweep in every state, also while it runs. Neither disturbs it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plan import plan
from project import ANALYSIS, CNN_RUNS, MLP_RUNS, Sweep, contents, program
from status import describe, status
from sweep.grid import Grid, Run, Space
from sweep.runs.state import RunState

BREAK_CNN = ("scripts/sweep/models/cnn.py", "super().__init__()\n", "super().__init__()\n        1 / 0\n")


def counts(output: str) -> dict[str, dict[str, int]]:
    """The table of states: {"mlp": {"done": 3}}, without its zeros."""
    header, *rows = output.split("\n\n")[1].splitlines()
    table = {row.split()[0]: map(int, row.split()[1:]) for row in rows}
    return {
        model: {state: n for state, n in zip(header.split(), row, strict=True) if n} for model, row in table.items()
    }


def test_the_status_of_a_finished_sweep_needs_no_torch_and_writes_nothing(finished: Sweep) -> None:
    (finished.folder / "torch.py").write_text("raise AssertionError('torch is loaded')")
    finished.environment["PYTHONPATH"] = str(finished.folder)
    before = contents(finished.folder)
    output = program(finished, "status")
    assert counts(output) == {"mlp": {"done": 4}, "cnn": {"done": 2}, "all": {"done": 6}}
    ranking = (finished.results / "tables" / "configurations.csv").read_text().splitlines()[1:]
    for model in ("mlp", "cnn"):
        best = next(row.split(",")[2] for row in ranking if row.startswith(f"{model},1,"))
        assert re.search(rf"^ +{model} +{best} +1 +[\d.]+", output, re.MULTILINE)
    assert output.endswith(" of training so far, 0 s left\n")
    assert contents(finished.folder) == before


@contextmanager
def running(sweep: Sweep, log: Path) -> Iterator[None]:
    """Run the sweep in the background, and wait for the first epoch in `log`; at the end kill it with all its jobs."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--rerun-incomplete"]
    process = subprocess.Popen(
        command, cwd=sweep.folder, env=sweep.environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not (log.exists() and "epoch 0:" in log.read_text()):
            assert process.poll() is None
            time.sleep(0.1)
        yield
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_every_state_of_a_sweep_also_while_it_runs(code: Sweep) -> None:
    output = program(code, "status")
    assert "cannot be read" not in output
    assert counts(output)["all"] == {"missing": 6}
    assert program(code, "preview", succeeds=False).startswith("Error: no run of this sweep is finished")

    space = {"batch_sizes": [8], "dropout_rates": [0]}
    mlp = {**space, "learning_rates": [0.001, 1e36], "epochs": 2}
    cnn = {**space, "learning_rates": [0.001], "epochs": 100_000}
    code.configure(models={"mlp": mlp, "cnn": cnn})
    code.edit(*BREAK_CNN)
    code.snakemake("--keep-going", succeeds=False)
    output = program(code, "status")
    assert counts(output) == {
        "mlp": {"done": 1, "diverged": 1},
        "cnn": {"failed": 1},
        "all": {"done": 1, "failed": 1, "diverged": 1},
    }
    log = "results/tiny/logs/train/cnn/8_0.001_0.0/seed0.log"
    assert f"failed: ZeroDivisionError: division by zero ({log})\n  cnn/8_0.001_0.0/seed0" in output
    assert "diverged: in epoch 0\n  mlp/8_1e+36_0.0/seed0" in output
    assert "1 runs of which no epoch of the same model tells how long they take" in output

    code.edit(BREAK_CNN[0], BREAK_CNN[2], BREAK_CNN[1])
    with running(code, code.folder / log):
        before = contents(code.results / "records" / "locks")
        output = program(code, "status")
        assert counts(output)["cnn"] == {"running": 1}
        assert re.search(r"running: epoch \d+ of 100000\n  cnn/8_0.001_0.0/seed0", output)
        assert re.search(r"left: \d+.* with 1 at once as now", output)
        assert contents(code.results / "records" / "locks") == before
        plan = program(code, "plan")
        assert re.search(r"^train, running now \(epoch \d+ of 100000\) \(1\)$", plan, re.MULTILINE)
        program(code, "preview")
        report = (code.report.parent / "preview" / "report.md").read_text()
        assert "Of 3 runs, 1 are missing" in report
        assert "> CNN is left out: none of its runs is finished." in report
        assert "CNN: none of its runs is finished" in (code.report.parent / "preview" / "index.html").read_text()
        assert not code.report.exists()
        assert not (code.results / "tables").exists()
    output = program(code, "status")
    assert counts(output)["cnn"] == {"missing": 1}
    assert re.search(r"missing: interrupted at epoch \d+\n  cnn/8_0.001_0.0/seed0", output)


def test_stale_runs_are_listed_with_what_differs_and_missing_ones_with_their_kept_record(
    finished: Sweep, tmp_path: Path
) -> None:
    finished.configure(models__cnn__epochs=2)
    finished.edit("scripts/sweep/models/mlp.py", "BatchNorm(hidden)", "BatchNorm( hidden)")
    output = program(finished, "status")
    assert counts(output) == {"mlp": {"stale": 4}, "cnn": {"stale": 2}, "all": {"stale": 6}}
    assert "stale: made with another code_hash\n  mlp/8_0.001_0.0/seed0, mlp" in output
    assert "stale: made with epochs 1, not 2\n  cnn/8_0.001_0.0/seed0, cnn/8_0.001_0.5/seed0" in output
    assert "no run is finished" in output

    finished.edit("scripts/sweep/models/mlp.py", "BatchNorm( hidden)", "BatchNorm(hidden)")
    finished.configure(data__validation_size=13)
    output = program(finished, "status")
    assert counts(output)["all"] == {"stale": 6}
    assert "is of folder with validation_size 12, not of folder with 13: the next run prepares the data anew" in output

    finished.configure()
    (finished.results / "runs").rename(tmp_path / "runs")
    output = program(finished, "status")
    assert counts(output)["all"] == {"missing": 6}
    assert "missing: its record is kept: nothing will be trained\n  cnn/8" in output
    assert "0 s left\n" in output


def test_a_config_on_top_is_merged_as_by_snakemake(finished: Sweep) -> None:
    demo = ["--configfile", "workflow/profiles/demo/sweep.yaml"]
    assert program(finished, "status", *demo).startswith("results/demo: 120 runs\n")
    assert "train, new (120)\n" in program(finished, "plan", *demo)
    assert program(finished, "status", "--configfile", "none.yaml", succeeds=False).startswith("Error: config: ")


def test_what_others_left_is_neither_a_traceback_nor_an_order_to_the_terminal(
    finished: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logs with control characters and odd numbers, folders where files should be, records of brackets alone."""
    monkeypatch.chdir(finished.folder)
    kept = finished.folder / "results" / "records"
    bad_log, no_log, bad_record, bad_kept, locked, _ = [*sorted(MLP_RUNS), *sorted(CNN_RUNS)]
    files = {}
    for run in (bad_log, no_log, bad_kept, locked):
        file = finished.results / "runs" / run / "metrics.json"
        files[run] = finished.kept(run)
        files[run].unlink()
        file.unlink()
    logs = finished.results / "logs" / "train"
    (logs / f"{bad_log}.log").write_bytes(b"epoch 99999999999: 1.2.3 s\nError: \x1b[2J\x9b\xe2\x80\xae\xff\r\n")
    (logs / f"{no_log}.log").unlink()
    (logs / f"{no_log}.log").mkdir()
    (finished.results / "runs" / bad_record / "metrics.json").write_text("[" * 100_000)
    files[bad_kept].mkdir()
    (kept / "locks" / f"{files[locked].parent.name}.lock").mkdir()  # as good as one that may not be opened
    for benchmark in (finished.results / "benchmarks").rglob("*.jsonl"):
        benchmark.write_text('{"s": 1e999}')
    table = finished.results / "tables" / "runs.csv"
    table.unlink()
    table.mkdir()
    status()
    output = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in output)
    assert "failed: Error: \\x1b[2J\ufffd\\u202e\ufffd (" in output
    assert counts(output)["all"] == {"done": 1, "running": 1, "failed": 1, "missing": 2, "damaged": 1}
    assert f"{files[bad_kept].relative_to(finished.folder)} cannot be read (Is a directory)" in output
    assert "runs.csv cannot be read (Is a directory)" in output
    plan()
    assert "forecast: none" in capsys.readouterr().out


class Counted(list[RunState]):
    """A list that counts how often it is gone through."""

    passes = 0

    def __iter__(self) -> Iterator[RunState]:
        self.passes += 1
        return super().__iter__()


GRID = Grid({"mlp": Space(epochs=1)}, [0])


def test_runs_are_described_in_one_pass_however_many_failed() -> None:
    states = Counted(
        RunState(Run("mlp", 8, 0.1, 0.0, 1, seed), Path(), Path(), "failed", f"{seed}.log", None, [], "", None, "")
        for seed in range(9)
    )
    assert len(list(describe(states, GRID))) == 9
    assert states.passes == 1


def test_a_preview_of_a_mixed_sweep_says_so_and_leaves_the_real_report_alone(finished: Sweep) -> None:
    gone, damaged, *_ = sorted(MLP_RUNS)
    (finished.results / "runs" / gone / "metrics.json").unlink()
    file = finished.results / "runs" / damaged / "metrics.json"
    file.write_bytes(file.read_bytes()[:-100])
    finished.configure(models__cnn__epochs=2)
    before = contents(finished.folder)
    program(finished, "preview")
    preview = finished.report.parent / "preview"
    title, _, *note = (preview / "report.md").read_text().split("## ")[0].splitlines()
    assert title.startswith("# ")
    text = "\n".join(note)
    for page in ("report.html", "index.html"):
        assert "<strong>A preview" in (preview / page).read_text()
    assert "**A preview, mixed: not the sweep's result.** Of 6 runs, 1 are missing" in text
    assert "epochs 1, not 2" in text
    assert all(f"`{run}`" in text for run in CNN_RUNS)
    assert str(file.relative_to(finished.folder)) in text.replace("\\", "")
    rows = (finished.results / "preview" / "runs.csv").read_text().splitlines()[1:]
    assert sorted(row.split(",")[0] for row in rows) == ["cnn"] * 2 + ["mlp"] * 2
    # The rows of stale runs have the epochs that these were made with.
    assert {row.split(",")[6] for row in rows if row.startswith("cnn")} == {"1"}
    # Nothing is examined for a preview.
    assert {file.name for file in (preview / "pics").iterdir()} == {
        file.name
        for file in (finished.report.parent / "pics").iterdir()
        if not re.search("confusion|mistakes|shift", file.name)
    }
    shutil.rmtree(preview)
    shutil.rmtree(finished.results / "preview")
    assert contents(finished.folder) == before


def test_the_next_aggregation_after_a_partial_one_is_whole(finished: Sweep) -> None:
    """Somebody writes partial tables over the sweep's own: Snakemake sees that they are not those of the grid."""
    before = contents(finished.results / "tables")
    arguments = {"--runs": "runs", "--data": "data", "--tables": "tables", "--grid": "tables/grid.json"}
    arguments["--promotions"] = "promotions"
    options = [word for name, place in arguments.items() for word in (name, f"results/tiny/{place}")]
    (finished.results / "runs" / min(MLP_RUNS) / "metrics.json").unlink()
    program(finished, "aggregate", "--partial", *options, "--records", "results/records")
    assert '"partial"' in (finished.results / "tables" / "grid.json").read_text()
    assert finished.snakemake("--dry-run").jobs == {"train": 1, **ANALYSIS}
    finished.snakemake("--until", "aggregate")
    assert contents(finished.results / "tables") == before
