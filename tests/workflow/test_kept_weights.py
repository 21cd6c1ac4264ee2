"""Weights of real runs: a sweep keeps them, uses no damaged ones, and makes them again only on purpose."""

import csv
import json
import re
import shutil
from pathlib import Path

from PIL import Image

from project import ANALYSIS, MLP_RUNS, PAGES, REPOSITORY, Sweep, numbers, program
from sweep.runs.tensors import read_tensors, write_tensors
from sweep.runs.weights import STATE

EXAMINED = {"plot_examinations": 1, **PAGES}


def weights(sweep: Sweep, run: str) -> Path:
    return sweep.kept(run).with_suffix(".safetensors")


def examination(sweep: Sweep, model: str) -> dict[str, object]:
    content: dict[str, object] = json.loads((sweep.results / "examinations" / f"{model}.json").read_text())
    return content


def test_runs_without_weights_are_counted_and_made_again_on_purpose_alone(finished: Sweep) -> None:
    assert "weights: 6 runs have theirs, " in program(finished, "status")
    gone, damaged, *_ = sorted(MLP_RUNS)
    before = {run: numbers(finished.results / "runs" / run / "metrics.json") for run in (gone, damaged)}
    weights(finished, gone).unlink()
    file = weights(finished, damaged)
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    output = program(finished, "status")
    assert "weights: 4 runs have theirs, " in output
    assert (
        "1 finished runs have none; 1 are damaged and never used: `make remake` has these runs trained again" in output
    )
    assert f"\n  {file.relative_to(finished.folder)} is damaged\n" in output
    assert "1 finished runs have no weights, and are not trained for that" in program(finished, "plan")
    assert finished.snakemake("--dry-run").jobs.keys().isdisjoint({"train"})

    finished.configure(training__keep="nothing")
    assert "training.keep is nothing" in program(finished, "remake", succeeds=False)
    finished.configure()
    assert "The next run trains 2 runs again" in program(finished, "remake")
    assert "train, made again on purpose: its weights were missing or damaged (2)" in program(finished, "plan")
    assert program(finished, "remake") == "Every finished run has its weights: there is nothing to make again\n"
    assert finished.snakemake().jobs == {"train": 2, **ANALYSIS}
    assert finished.trained() == {gone, damaged}
    for run in (gone, damaged):
        log = (finished.results / "logs" / "train" / f"{run}.log").read_text()
        assert "Every metric is that of the record that this one replaces" in log
        assert numbers(finished.results / "runs" / run / "metrics.json") == before[run]
    assert "weights: 6 runs have theirs, " in program(finished, "status")
    assert not list(finished.records.rglob("*.old"))


def test_what_is_kept_is_as_the_config_says_and_a_sweep_without_weights_still_has_its_report(finished: Sweep) -> None:
    finished.forget()
    shutil.rmtree(finished.results / "runs")
    finished.configure(training__keep="nothing", models__mlp__batch_sizes=[8])
    output = program(finished, "plan")
    assert "disk: training.keep is nothing, so no weights are kept" in output
    finished.snakemake()
    assert not list(finished.records.glob("*/*.safetensors"))
    for model in ("mlp", "cnn"):
        assert examination(finished, model)["unavailable"] == "no_weights"
    assert "`make remake`" in finished.report.read_text()
    finished.configure(training__keep="weights", models__mlp__batch_sizes=[8])
    assert finished.snakemake().jobs == {}
    program(finished, "remake")
    output = program(finished, "plan")
    size = re.search(r"disk: (\d+) MB in results/records for the weights of these runs", output)
    assert size
    finished.snakemake()
    found = sum(file.stat().st_size for file in finished.records.glob("*/*.safetensors"))
    assert abs(found / 10**6 - int(size[1])) < 1
    for model in ("mlp", "cnn"):
        assert examination(finished, model)["unavailable"] == ""
    assert "`make remake`" not in finished.report.read_text()


def test_an_examination_is_made_again_if_its_weights_are_others_and_stays_without_them(finished: Sweep) -> None:
    before = examination(finished, "mlp")
    file = weights(finished, str(before["run"]))
    facts, arrays, _ = read_tensors(file)
    file.unlink()
    assert finished.snakemake("--dry-run").jobs == {}
    # The same weights, as a machine keeps them that was told to keep less.
    smaller = {name: array for name, array in arrays.items() if name not in STATE}
    write_tensors(file, {**facts, "keep": "weights"}, smaller)
    assert finished.snakemake().jobs == {"examine": 1, **EXAMINED}
    after = examination(finished, "mlp")
    assert {name for name in before if before[name] != after[name]} == {"digest", "hash"}
    assert finished.snakemake("--dry-run").jobs == {}


def test_a_record_that_another_experiment_made_anew_disturbs_nothing_and_is_taken_on_purpose(finished: Sweep) -> None:
    run = str(examination(finished, "mlp")["run"])
    batch_size, _, dropout_rate = run.split("/")[1].split("_")
    elsewhere = {"records": finished.folder / "elsewhere", "metrics": finished.folder / "metrics.json"}
    job = finished.start_job(batch_size=batch_size, dropout_rate=dropout_rate, **elsewhere)
    job.communicate()
    for file in (finished.kept(run), weights(finished, run)):
        shutil.copy(next((finished.folder / "elsewhere").glob(f"*/{file.name}")), file)
    assert finished.snakemake("--dry-run").jobs == {}
    output = program(finished, "status")
    assert "weights: 6 runs have theirs" in output
    (command,) = re.findall(r"1 runs were trained again since, .* run the same command again: (rm -f .+)", output)
    assert finished.run(command).code == 0
    assert finished.snakemake().jobs == {"train": 1, **ANALYSIS}
    assert finished.trained() == set()
    assert "trained again since" not in program(finished, "status")
    assert examination(finished, "mlp")["content_hash"] == json.loads(finished.kept(run).read_text())["content_hash"]


def test_the_readmes_notebook_and_shell_commands_work_as_they_stand(finished: Sweep) -> None:
    readme = (REPOSITORY / "README.md").read_text().replace("demo", "tiny")
    (block,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    images = "import numpy as np\nimages = np.zeros((2, 32, 32, 3), np.uint8)\n"
    shown = 'print(best["name"], model.training, model.class_names, probabilities.shape, probabilities.sum())'
    (finished.folder / "notebook.py").write_text(images + block + shown)
    outcome = finished.run("python notebook.py")
    assert re.fullmatch(
        r"8_0.001_0.[05] False \['class 0', 'class 1', 'class 2'\] \(2, 3\) (2.0|1.999\d+|2.000\d+)\n", outcome.output
    )

    (command,) = re.findall(r"`(python scripts/predict.py [^`]+)`", readme)
    picture = next(finished.folder.glob("images/test/class 1/*.png"))
    with Image.open(picture) as opened:
        opened.save(finished.folder / "a.png")
        opened.convert("RGB").save(finished.folder / "b.jpg", quality=95)
    header, first, second = csv.reader(finished.run(command).output.splitlines())
    assert header == ["picture", "class", "probability", "class 0", "class 1", "class 2"]
    for row, name in ((first, "a.png"), (second, "b.jpg")):
        probabilities = dict(zip(header[3:], map(float, row[3:]), strict=True))
        assert (row[0], float(row[2])) == (name, max(probabilities.values()))
        assert probabilities[row[1]] == float(row[2])
    run = examination(finished, "cnn")["run"]
    named = finished.run(command.replace("--model cnn", f"--run {run}"))
    assert named.output.splitlines()[1] == ",".join(first)
