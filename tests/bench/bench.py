"""`make bench`: the sweep's speed beside that of what one would write or use instead.

Both sides of a comparison run alternately, each in a process of its own. The table goes to the terminal and, with every
single timing, to results/bench.json.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
import yaml

from examples import result
from measure import THREADS, Side, Table, alternate, seconds, steps_of, words
from sweep.data.prepared import SPLITS, Manifest, save_prepared
from sweep.data.sources import load_source, split_validation
from sweep.files import write_json, write_text
from sweep.grid import Grid, Run
from sweep.layout import Layout
from sweep.runs.hardware import choose_precision, device_name
from sweep.runs.records import make_record

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SCRIPTS = REPOSITORY / "scripts"

SIZES = {"train": 40_000, "validation": 10_000, "test": 10_000}
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--cores", str(THREADS)]


def train_command(side: str, run: Run, data: Path, folder: Path) -> list[str]:
    """A whole job of one run, ours in a folder without records, or the plain script's."""
    options: dict[str, Any] = {
        "model": run.model,
        "batch-size": run.batch_size,
        "learning-rate": run.learning_rate,
        "dropout-rate": run.dropout_rate,
        "epochs": run.epochs,
        "data": data,
    }
    if side == "plain":
        program = HERE / "plain.py"
        options |= {"output": folder / "plain.json"}
    else:
        program = SCRIPTS / "train.py"
        options |= {"seed": run.seed, "threads": 1, "device": "cpu", "precision": "auto", "gpus": 0}
        options |= {"jobs-per-gpu": 1}
        options |= {"metrics": folder / "metrics.json", "records": Path(tempfile.mkdtemp(dir=folder))}
    return [sys.executable, str(program), *words(options)]


def prepare(folder: Path) -> tuple[Manifest, str]:
    """Prepare CIFAR-10 in `folder`, from the config's data.path or else random images of its shapes; and say which."""
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))["data"]
    path = REPOSITORY / config["path"]
    found = {
        "cifar10": (path / "cifar-10-python.tar.gz").exists() or (path / "cifar-10-batches-py").exists(),
        "folder": (path / "train").is_dir(),
    }
    if found.get(config["source"]):
        dataset = load_source(config["source"], path)
        arrays = split_validation(dataset, config["validation_size"])
        if {split: len(arrays[f"{split}_labels"]) for split in SPLITS} == SIZES:
            manifest = save_prepared(folder, config["source"], dataset.class_names, arrays)
            return manifest, f"the real images of {config['path']}"
    random = np.random.default_rng(0)
    arrays = {}
    for split, size in SIZES.items():
        arrays[f"{split}_images"] = random.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = random.integers(0, 10, size)
    manifest = save_prepared(folder, "cifar10", [str(name) for name in range(10)], arrays)
    return manifest, "random images of CIFAR-10's shapes"


def space(count: int, epochs: int) -> dict[str, Any]:
    """A search space of `count` configurations, a multiple of 10."""
    return {
        "batch_sizes": [64 + position for position in range(count // 10)],
        "learning_rates": [0.001, 0.002],
        "dropout_rates": [0.0, 0.1, 0.2, 0.3, 0.4],
        "epochs": epochs,
    }


def project(folder: Path, models: dict[str, Any], data: Path) -> list[str]:
    """Make `folder` a place of its own for results, with prepared data; the Snakemake command for it."""
    asked = {"source": "cifar10", "validation_size": SIZES["validation"], "path": "data"}
    config = {
        "experiment": "bench",
        "data": asked,
        "models": models,
        "training": {"device": "cpu"},
        "report": {"language": "en"},
    }
    write_text(folder / "config.yaml", yaml.safe_dump(config))
    layout = Layout(config)
    # Before the data, which would be prepared again otherwise.
    content = {**asked, "fingerprint": None}
    write_json(folder / layout.asked("data", content), content)
    target = folder / layout.data
    target.mkdir(parents=True)
    for file in data.iterdir():
        shutil.copy(file, target)
    return [*SNAKEMAKE, "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder)]


def synthesised(models: dict[str, Any], data_hash: str) -> Iterable[tuple[Run, dict[str, Any]]]:
    """Each run of `models` with a made-up record."""
    for number, run in enumerate(Grid.of(models, [0]).runs()):
        losses = [2 - epoch / run.epochs + number * 1e-5 for epoch in range(run.epochs)]
        yield run, make_record(run, data_hash, result(losses, [1 - loss / 3 for loss in losses]))


def bare(folder: Path, jobs: int) -> list[str]:
    """The Snakemake command for as many trivial jobs."""
    write_text(
        folder / "Snakefile",
        f'rule all:\n    input: expand("out/{{i}}.txt", i=range({jobs}))\n\n'
        'rule one:\n    output: "out/{i}.txt"\n    shell: "touch {output}"\n',
    )
    return [*SNAKEMAKE, "--directory", str(folder), "--snakefile", str(folder / "Snakefile")]


def analysis_seconds(folder: Path, models: dict[str, Any], manifest: Manifest) -> tuple[float, float]:
    """Seconds of tables, figures, report and explorer of finished runs of `models`, and the peak memory in MB of the
    largest of their programs."""
    for run, record in synthesised(models, manifest.content_hash):
        write_json(folder / "runs" / run.path / "metrics.json", record)
    write_json(folder / "grid.json", Grid.of(models, [0]).content())
    write_json(folder / "settings.json", {"language": "en", "author": "", "top": 10})
    tables = {"grid": folder / "grid.json", "tables": folder}
    sweep = {"data": folder / "data", **tables}
    templates, report = REPOSITORY / "workflow" / "templates", folder / "report.md"
    shown = {**sweep, "settings": folder / "settings.json"}
    commands: list[tuple[str, dict[str, Any]]] = [
        ("aggregate", {**sweep, "runs": folder / "runs", "records": folder / "records"}),
        *(("plot", {**tables, "model": model, "top": 10, "figures": folder / "pics"}) for model in models),
        ("render_report", {**shown, "templates": templates, "output": report}),
        ("render_explorer", {**shown, "templates": templates / "explorer", "report": report}),
    ]
    # In a process between: RUSAGE_CHILDREN is the peak of the largest process that one ever waited for.
    measured = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    start, peaks = perf_counter(), []
    for program, options in commands:
        command = [sys.executable, "-c", measured, sys.executable, str(SCRIPTS / f"{program}.py"), *words(options)]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return perf_counter() - start, max(peaks)


def bench_steps(table: Table, data: Path, precision: str) -> None:
    """Training steps and epochs, each side in a process that lives as long as the comparison."""
    both = sorted({precision, "fp32"})
    sides = {"plain": (Side("plain", data, "cnn", 128, "fp32"), 4)}
    sides |= {f"ours {each}": (Side("ours", data, "cnn", 128, each), 10) for each in both}
    sides |= {"convolutions": (Side("convolutions", data, "cnn", 128, precision), 10)}
    timings, _ = steps_of(sides, rounds=7)
    ours = f"ours {precision}"
    table.ratio("CNN step, batch 128: plain ÷ ours", "plain", ours, "≥ 14", timings)
    table.ratio(f"CNN step, batch 128, {precision}: ours ÷ convolutions alone", ours, "convolutions", "≤ 1.5", timings)
    table.ratio("CNN step, batch 128, fp32: plain ÷ ours", "plain", "ours fp32", "≥ 6", timings)

    # A comparison of their own, since its workers load ahead into the next side's time.
    sides = {
        "lightning": (Side("lightning", data, "cnn", 128, precision), 20),
        ours: (Side("ours", data, "cnn", 128, precision), 20),
    }
    timings, _ = steps_of(sides, rounds=5)
    table.ratio(f"CNN step, batch 128, {precision}: Lightning ÷ ours", "lightning", ours, "≥ 3", timings)

    sides = {
        "plain": (Side("plain", data, "cnn", 1024, "fp32"), 1),
        ours: (Side("ours", data, "cnn", 1024, precision), 3),
    }
    timings, peaks = steps_of(sides, rounds=4)
    table.ratio("CNN step, batch 1024: plain ÷ ours", "plain", ours, "≥ 22", timings)
    megabytes = {name: [peak] for name, peak in peaks.items()}
    table.add("CNN, batch 1024, peak memory: plain ÷ ours", peaks["plain"] / peaks[ours], "≥ 2", megabytes, "MB")

    batches = SIZES["train"] // 1024
    sides = {
        "plain": (Side("plain", data, "mlp", 1024, "fp32"), batches),
        ours: (Side("ours", data, "mlp", 1024, precision), batches),
    }
    timings, _ = steps_of(sides, rounds=9)
    epochs = {name: [batches * step for step in steps] for name, steps in timings.items()}
    table.ratio("MLP epoch, batch 1024: plain ÷ ours", "plain", ours, "≥ 3", epochs)


def bench_jobs(table: Table, data: Path, folder: Path) -> None:
    """Whole jobs, their start-up, and a grid of them through Snakemake."""
    run = Run("mlp", 1024, 0.001, 0.2, 20, 0)
    timings = alternate(
        {
            "plain": lambda: seconds([*train_command("plain", run, data, folder), "--threads", "1"]),
            "ours": lambda: seconds(train_command("ours", run, data, folder)),
        },
        rounds=3,
    )
    table.ratio("MLP job of 20 epochs, batch 1024, one thread: plain ÷ ours", "plain", "ours", "≥ 3", timings)

    def until_the_first_step() -> float:
        taken = seconds(train_command("ours", Run("mlp", 4096, 0.001, 0.2, 1, 0), data, folder))
        training_s: float = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["training_s"]
        return taken - training_s

    timings = alternate(
        {"ours": until_the_first_step, "import": lambda: seconds([sys.executable, "-c", "import torch"])}, rounds=7
    )
    difference = statistics.median(timings["ours"]) - statistics.median(timings["import"])
    table.add("start-up and exit of a job less those of `import torch`, seconds", difference, "≤ 0.4", timings)

    batch_sizes = [512, 1024, 2048, 4096]
    models = {"mlp": {"batch_sizes": batch_sizes, "learning_rates": [0.001, 0.0005, 0.0001], "dropout_rates": [0.2]}}
    models["mlp"]["epochs"] = run.epochs
    command = project(folder / "grid", models, data)

    def shell_loop() -> float:
        commands = [train_command("plain", replace(run, batch_size=size), data, folder) for size in batch_sizes]
        return 15 * sum(map(seconds, commands))

    def through_snakemake() -> float:
        shutil.rmtree(folder / "grid" / "results" / "records", ignore_errors=True)
        return 5 * seconds([*command, "--forcerun", "train"])

    names = "plain, 15 × 4 runs", "ours, 5 × 12 runs"
    timings = alternate(dict(zip(names, (shell_loop, through_snakemake), strict=True)), rounds=2)
    table.ratio("MLP grid of 60 runs, 2 cores: shell loop over plain ÷ through Snakemake", *names, "≥ 4", timings)


def bench_halving(table: Table, data: Path, folder: Path, space: dict[str, Any], halving: dict[str, Any]) -> None:
    """A whole sweep of MLPs through Snakemake, from nothing to the report, with halving and without."""
    spaces = {"with": {**space, "halving": halving}, "without": space}
    commands = {name: project(folder / f"halving {name}", {"mlp": each}, data) for name, each in spaces.items()}
    timings = {name: [seconds(command)] for name, command in commands.items()}
    count = len(Grid.of({"mlp": space}, [0]).runs())
    table.ratio(f"grid of {count} MLP runs, 2 cores: with halving ÷ without", "with", "without", "≤ 0.6", timings)


def bench_planning(table: Table, data: Path, folder: Path, manifest: Manifest) -> None:
    """What Snakemake's planning costs, beside a Snakefile with as many trivial jobs; and the analysis of many runs."""
    models = {"mlp": space(60, 20), "cnn": space(60, 50)}
    ours, trivial = project(folder / "120", models, data), bare(folder / "bare", 120)
    dry = ["--dry-run", "--quiet"]
    timings = alternate({"ours": lambda: seconds([*ours, *dry]), "bare": lambda: seconds([*trivial, *dry])}, rounds=5)
    table.ratio("`snakemake -n`, 120 runs: ours ÷ bare", "ours", "bare", "≤ 2", timings)
    for _, record in synthesised(models, manifest.content_hash):
        write_json(folder / "120" / "results" / "records" / record["series"] / f"{record['epochs']}.json", record)
    seconds(ours)
    seconds(trivial)
    timings = alternate({"ours": lambda: seconds(ours), "bare": lambda: seconds(trivial)}, rounds=5)
    table.ratio("a run with nothing to do, 120 runs: ours ÷ bare", "ours", "bare", "≤ 2", timings)

    runs = {}
    for count in (1_000, 10_000):
        command = project(folder / str(count), {"mlp": space(count // 2, 20), "cnn": space(count // 2, 50)}, data)
        runs[f"{count} runs"] = [seconds([*command, *dry])]
    table.add("`snakemake -n`, 10,000 runs, seconds", runs["10000 runs"][0], "≤ 20", runs)

    models = {"mlp": space(5_000, 20), "cnn": space(5_000, 50)}
    taken, peak_mb = analysis_seconds(folder / "10000" / "results" / "bench", models, manifest)
    table.add("tables, figures, report and explorer of 10,000 runs, seconds", taken, "≤ 60", {"all": [taken]})
    table.add("the same, peak memory, GB", peak_mb / 1024, "≤ 2", unit="GB")


def main() -> None:
    torch.set_num_threads(THREADS)
    precision = choose_precision("auto", torch.device("cpu"))
    start = perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = folder / "data"
        manifest, images = prepare(data)
        machine = {
            "processor": device_name(torch.device("cpu")),
            "cores": os.cpu_count(),
            "precision": precision,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "images": images,
        }
        print(", ".join(f"{name} {value}" for name, value in machine.items()))
        table = Table()
        bench_steps(table, data, precision)
        bench_jobs(table, data, folder)
        grid = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))["models"]["mlp"]
        bench_halving(table, data, folder, grid, {"epochs": [2, 6], "keep": 0.33})
        bench_planning(table, data, folder, manifest)
    write_json(REPOSITORY / "results" / "bench.json", {**machine, "rows": table.rows})
    print(f"Wrote results/bench.json after {(perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
