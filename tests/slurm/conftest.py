"""A real SLURM cluster on this machine for all tests of this folder."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import CLUSTER, CPU, SlurmSweep
from sweeps import copy_code, write_pictures


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


@pytest.fixture
def sweep(_slurm: None, tmp_path: Path) -> SlurmSweep:
    """The project and its pictures before any run."""
    copy_code(tmp_path / "sweep")
    write_pictures(tmp_path / "sweep" / "pictures")
    sweep = SlurmSweep(tmp_path / "sweep")
    sweep.configure(**CPU)
    return sweep
