"""A small finished sweep on real pictures, and copies of it for tests to change."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from PIL import Image
from sklearn.datasets import load_digits

REPOSITORY = Path(__file__).parents[2]
CODE = ["Snakefile", "config.yaml", "envs", "scripts", "workflow"]

CONFIG = {
    "experiment": "tiny",
    "data": {"source": "folder", "path": "pictures", "validation_size": 12},
    "models": {
        "mlp": {"batch_sizes": [8, 16], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 2},
        "cnn": {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0, 0.5], "epochs": 1},
    },
    "seeds": [0],
    "training": {"device": "auto", "precision": "auto"},
    "report": {"language": "en", "author": "", "top": 3, "rank_by": "val_loss"},
}
MLP_RUNS = {f"mlp/{batch_size}_0.001_{dropout_rate}/seed0" for batch_size in (8, 16) for dropout_rate in (0.0, 0.5)}
CNN_RUNS = {f"cnn/8_0.001_{dropout_rate}/seed0" for dropout_rate in (0.0, 0.5)}
# What follows when the tables change.
ANALYSIS = {"aggregate": 1, "plot": 8, "render_report": 1, "all": 1}


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


class Sweep:
    """A copy of the project with a config of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results" / "tiny"
        self.report = folder / "report" / "tiny" / "report.md"
        # A machine's GPU, or the lack of it, must not change what the tests see.
        self.environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}

    def configure(self, **changes: Any) -> None:
        """Write config.yaml: CONFIG with changes by key, "models__mlp__epochs=3"."""
        config = yaml.safe_load(yaml.safe_dump(CONFIG))
        for key, value in changes.items():
            *sections, last = key.split("__")
            place = config
            for section in sections:
                place = place[section]
            place[last] = value
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def snakemake(self, *arguments: str, succeeds: bool = True) -> Outcome:
        """Run Snakemake on the whole sweep; the logs of earlier jobs are removed first."""
        shutil.rmtree(self.results / "logs", ignore_errors=True)
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--resources", "gpu=1", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        outcome = Outcome(done.returncode, done.stdout + done.stderr)
        assert (outcome.code == 0) == succeeds, outcome.output + self.logs()
        return outcome

    def logs(self) -> str:
        """What all jobs of the last call printed."""
        return "\n".join(f"{log}:\n{log.read_text()}" for log in sorted(self.results.glob("logs/**/*.log")))

    def trained(self) -> set[str]:
        """The runs that the last call trained: those whose job printed an epoch."""
        folder = self.results / "logs" / "train"
        logs = [log for log in folder.glob("*/*/*.log") if "epoch 0:" in log.read_text()]
        return {str(log.relative_to(folder).with_suffix("")) for log in logs}

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a file of the project."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="session")
def call_snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Outcome]]:
    """Call `snakemake` on the repository's code in a folder that holds a config.yaml: see starter.py."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, str(Path(__file__).with_name("starter.py"))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    output = tmp_path_factory.mktemp("starter") / "output"
    with subprocess.Popen(command, env=environment, text=True, **pipes) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None

        def call(folder: Path, *arguments: str) -> Outcome:
            words = [str(folder), str(output), "--cores", "2", "--snakefile", str(REPOSITORY / "Snakefile"), *arguments]
            print(json.dumps(words), file=starter.stdin, flush=True)
            code = int(starter.stdout.readline())
            return Outcome(code, output.read_text(encoding="utf-8"))

        yield call
        starter.stdin.close()


def remove_as_told(sweep: Sweep, log: str) -> None:
    """Run the command at the end of the aggregator's message."""
    command = log.split("run the same command again: ")[1].split()
    assert command[0] == "rm"
    subprocess.run(command, cwd=sweep.folder, check=True)


def copy_code(folder: Path) -> None:
    """Copy what git has of the project and a sweep needs."""
    folder.mkdir()
    for name in CODE:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)


def write_pictures(folder: Path) -> None:
    """Real handwritten digits as 8×8 PNG files: 20 of each of three classes to train, 8 to test."""
    digits = load_digits(n_class=3)
    for name in range(3):
        images = digits.images[digits.target == name][:28]
        for position, image in enumerate(images):
            file = folder / ("train" if position < 20 else "test") / f"class {name}" / f"{position:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image / 16 * 255).astype("uint8")).save(file)


@pytest.fixture
def code(tmp_path: Path) -> Sweep:
    """The project and its pictures before any run."""
    copy_code(tmp_path / "sweep")
    write_pictures(tmp_path / "sweep" / "pictures")
    sweep = Sweep(tmp_path / "sweep")
    sweep.configure()
    return sweep


@pytest.fixture(scope="session")
def finished_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that ran from nothing, shared by all test processes."""
    base = tmp_path_factory.getbasetemp()
    # pytest-xdist gives each process a folder of its own below one that they share.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with FileLock(folder.with_suffix(".lock")):
        if not folder.exists():
            copy_code(folder)
            write_pictures(folder / "pictures")
            sweep = Sweep(folder)
            sweep.configure()
            outcome = sweep.snakemake()
            assert outcome.jobs == {"prepare_data": 1, "train": 6, **ANALYSIS}
            assert sweep.trained() == MLP_RUNS | CNN_RUNS
    return folder


@pytest.fixture
def finished(finished_once: Path, tmp_path: Path) -> Sweep:
    """A finished sweep, with Snakemake's notes, to change and run again."""
    shutil.copytree(finished_once, tmp_path / "sweep")
    return Sweep(tmp_path / "sweep")
