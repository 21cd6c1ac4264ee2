"""A copy of the project with a small sweep on real images, as tests set it up, run it and look at it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from sklearn.datasets import load_digits

REPOSITORY = Path(__file__).parents[1]
CODE = ["Snakefile", "config.yaml", "envs", "scripts", "workflow"]

CONFIG: dict[str, Any] = {
    "experiment": "tiny",
    "data": {"source": "folder", "path": "images", "validation_size": 12},
    "models": {
        "mlp": {"batch_sizes": [8, 16], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2},
        "cnn": {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 1},
    },
    "seeds": [0],
    "training": {"device": "auto", "precision": "auto"},
    "report": {"language": "en", "author": "", "top": 3, "rank_by": "val_loss"},
}
MLP_RUNS = {f"mlp/{batch_size}_0.001_{dropout_rate}/seed0" for batch_size in (8, 16) for dropout_rate in (0.0, 0.5)}
RUN = "mlp/8_0.001_0.5/seed0"
CNN_RUNS = {f"cnn/8_0.001_{dropout_rate}/seed0" for dropout_rate in (0.0, 0.5)}
# The jobs that follow when the tables change.
PAGES = {"render_report": 1, "render_explorer": 1, "all": 1}
ANALYSIS = {"aggregate": 1, "plot_mlp": 1, "plot_cnn": 1, "examine": 2, "plot_examinations": 1, **PAGES}
ANALYSIS_OF_MLP = {rule: count for rule, count in {**ANALYSIS, "examine": 1}.items() if rule != "plot_cnn"}

# What may differ between two trainings of the same run.
INFORMATION = {"commit", "resumed_epochs", "training_s", "environment", "content_hash"}


@dataclass
class Outcome:
    """What a call of Snakemake did: its exit code, its output, and how many jobs it ran (or would run) of each rule."""

    code: int
    output: str

    @property
    def jobs(self) -> dict[str, int]:
        table = re.search(r"^job +count\n[- ]+\n(.*?)^total", self.output, re.MULTILINE | re.DOTALL)
        return (
            {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)} if table else {}
        )


@cache
def _server() -> subprocess.Popen[str]:
    """The one server of this test process, at whose end it ends, too."""
    command = [sys.executable, str(REPOSITORY / "tests" / "workflow" / "snakemake_server.py")]
    return subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def warm_snakemake(folder: Path, environment: dict[str, str], *arguments: str) -> Outcome:
    """Call Snakemake in a folder, by a process that has loaded it before it knows this environment."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    call = {"folder": str(folder), "environment": environment, "arguments": arguments}
    print(json.dumps(call), file=server.stdin, flush=True)
    return Outcome(*json.loads(server.stdout.readline()))


class Sweep:
    """A copy of the project with a config of its own."""

    # How Snakemake is to run the jobs.
    executor: tuple[str, ...] = ("--cores", "2", "--resources", "gpu=1")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results" / "tiny"
        self.records = folder / "results" / "records"
        self.report = folder / "report" / "tiny" / "report.md"
        # A machine's GPU, or the lack of it, must not change what the tests see.
        self.environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        # Commands find the Python that runs the tests.
        self.environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def configure(self, **changes: Any) -> None:
        """Write config.yaml: CONFIG with changes by key, "models__mlp__epochs=3"."""
        config = changed(CONFIG, {key.replace("__", "."): value for key, value in changes.items()})
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def snakemake(self, *arguments: str, succeeds: bool = True) -> Outcome:
        """Run Snakemake on the whole sweep; the logs of earlier jobs are removed first."""
        shutil.rmtree(self.results / "logs", ignore_errors=True)
        outcome = self.call_snakemake(*self.executor, *arguments)
        assert (outcome.code == 0) == succeeds, outcome.output + self.logs()
        return outcome

    def call_snakemake(self, *arguments: str) -> Outcome:
        """Call Snakemake; what the environment does to Python itself, such as PYTHONPATH, reaches its jobs only."""
        return warm_snakemake(self.folder, self.environment, *arguments)

    def run(self, command: str) -> Outcome:
        """Run a command line as a user would in the project's folder."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.environment, capture_output=True, text=True
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def start_job(self, **changes: Any) -> subprocess.Popen[str]:
        """Start the program of a training job for RUN, with other values of its options, in the background."""
        options = {
            "model": "mlp",
            "batch_size": 8,
            "learning_rate": 0.001,
            "dropout_rate": 0.5,
            "seed": 0,
            "epochs": 2,
            "data": self.results / "data",
            "records": self.records,
            "device": "auto",
            "precision": "auto",
            "gpus": 0,
            "jobs_per_gpu": 1,
            "threads": 1,
            "metrics": self.results / "runs" / RUN / "metrics.json",
            **changes,
        }
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = [sys.executable, str(self.folder / "scripts" / "train.py"), *words]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def forget(self) -> None:
        """Remove the kept records and weights, so that a job trains its run."""
        for file in self.records.glob("*/[0-9]*"):
            file.unlink()

    def kept(self, run: str) -> Path:
        """The kept record of a run that has a published one."""
        record = json.loads((self.results / "runs" / run / "metrics.json").read_text())
        return self.records / str(record["series"]) / f"{record['epochs']}.json"

    def logs(self) -> str:
        """What all jobs of the last call printed."""
        return "\n".join(f"{log}:\n{log.read_text()}" for log in sorted(self.results.glob("logs/**/*.log")))

    def trained(self) -> set[str]:
        """The runs that the last call trained: those whose job printed an epoch."""
        folder = self.results / "logs" / "train"
        logs = [log for log in folder.rglob("*.log") if re.search(r"^epoch \d+:", log.read_text(), re.MULTILINE)]
        return {str(log.relative_to(folder).with_suffix("")) for log in logs}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a file of the project."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


def changed(config: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A config with other values by dotted key; the value `...` takes the key out."""
    config = deepcopy(config)
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = config
        for section in sections:
            place = place[section]
        place[last] = value
        if value is ...:
            del place[last]
    return config


def numbers(file: Path) -> dict[str, Any]:
    """A record without what may differ, seconds included."""
    record = {name: value for name, value in json.loads(file.read_text()).items() if name not in INFORMATION}
    del record["history"]["seconds"], record["last"]["seconds"]
    return record


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def remove_as_told(sweep: Sweep, log: str) -> None:
    """Run the command at the end of the message of `aggregate`."""
    command = log.split("run the same command again: ")[1]
    assert command.startswith(("rm ", "cp "))
    assert sweep.run(command).code == 0


def program(sweep: Sweep, name: str, *arguments: str, succeeds: bool = True) -> str:
    """What scripts/<name>.py prints, as make starts it."""
    command = [sys.executable, f"scripts/{name}.py", *arguments]
    done = subprocess.run(command, cwd=sweep.folder, env=sweep.environment, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == succeeds, output
    assert "Traceback" not in output
    return output


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, except the interpreter's caches and Snakemake's notes."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in files
        if not {"__pycache__", ".snakemake"} & set(file.parts)
    }


def copy_code(folder: Path) -> None:
    """Copy the parts of the project that a sweep needs."""
    folder.mkdir()
    for name in CODE:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)


def write_images(folder: Path) -> None:
    """Real handwritten digits as 8×8 PNG files: 20 of each of three classes to train, 8 to test."""
    digits = load_digits(n_class=3)
    for name in range(3):
        for position, image in enumerate(digits.images[digits.target == name][:28]):
            file = folder / ("train" if position < 20 else "test") / f"class {name}" / f"{position:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image / 16 * 255).astype("uint8")).save(file)
