"""A real SLURM cluster on this machine for all tests of this folder."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cluster import CLUSTER, CPU, EIGHT, SlurmSweep
from project import Sweep, copy_code, numbers, write_images

SweepType = TypeVar("SweepType", bound=Sweep)


@pytest.fixture(scope="session")
def _slurm() -> Iterator[None]:
    """The cluster: a second one has no place on a machine, so these tests run one after the other."""
    if "SWEEP_SLURM" not in os.environ:
        pytest.skip("they start a SLURM cluster: make test-slurm, as root on Debian, runs them")
    try:
        subprocess.run([CLUSTER, "up"], check=True)
        yield
    finally:
        subprocess.run([CLUSTER, "down"], check=True)


def new(sweep: SweepType) -> SweepType:
    """The project, a config and the images in a sweep's folder, before any run."""
    copy_code(sweep.folder)
    write_images(sweep.folder / "images")
    sweep.configure(**CPU)
    return sweep


@pytest.fixture
def sweep(_slurm: None, tmp_path: Path) -> SlurmSweep:
    return new(SlurmSweep(tmp_path / "sweep"))


@pytest.fixture(scope="session")
def local(_slurm: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The numbers of EIGHT's runs, trained here without SLURM."""
    sweep = new(Sweep(tmp_path_factory.mktemp("local") / "sweep"))
    sweep.configure(**EIGHT)
    sweep.snakemake("--until", "train")
    return {run: numbers(sweep.results / "runs" / run / "metrics.json") for run in sweep.trained()}
