"""A small finished sweep on real images, and copies of it for tests to change."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from project import ANALYSIS, CNN_RUNS, MLP_RUNS, REPOSITORY, Outcome, Sweep, copy_code, warm_snakemake, write_images


@pytest.fixture(scope="session")
def call_snakemake() -> Callable[..., Outcome]:
    """Call `snakemake` on the repository's code in a folder that holds a config.yaml."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "https_proxy": "http://127.0.0.1:9"}
    options = ("--cores", "2", "--snakefile", str(REPOSITORY / "Snakefile"))
    return lambda folder, *arguments: warm_snakemake(folder, environment, *options, *arguments)


@pytest.fixture
def code(tmp_path: Path) -> Sweep:
    """The project and its images before any run."""
    copy_code(tmp_path / "sweep")
    write_images(tmp_path / "sweep" / "images")
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
            write_images(folder / "images")
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
