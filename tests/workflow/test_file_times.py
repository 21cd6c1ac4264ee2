"""File times mean nothing: finished runs are known by content after any copy and with any clock."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from project import Sweep, copy_code

DAY_S = 86_400


def set_times(folder: Path, time_of: Callable[[], float]) -> None:
    for path in folder.rglob("*"):
        moment = time_of()
        os.utime(path, (moment, moment), follow_symlinks=False)


def shuffled(sweep: Sweep, _folder: Path) -> Sweep:
    """All times of the clone at random in ten days, Snakemake's notes included."""
    dice = random.Random()  # noqa: S311
    set_times(sweep.folder, lambda: time.time() - dice.random() * 10 * DAY_S)
    return sweep


def clock_set_back(sweep: Sweep, _folder: Path) -> Sweep:
    """The results are of tomorrow."""
    set_times(sweep.folder / "results", lambda: time.time() + DAY_S)
    set_times(sweep.folder / "report", lambda: time.time() + DAY_S)
    return sweep


def copied(*command: str) -> Callable[[Sweep, Path], Sweep]:
    def copy(sweep: Sweep, folder: Path) -> Sweep:
        """Results, by a program, in a fresh clone: without Snakemake's notes."""
        copy_code(folder)
        for name in ("results", "images"):
            subprocess.run([*command, str(sweep.folder / name), str(folder)], check=True)
        clone = Sweep(folder)
        clone.configure()
        return clone

    return copy


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(shuffled, id="times shuffled"),
        pytest.param(clock_set_back, id="clock set back"),
        pytest.param(copied("cp", "-r"), id="cp -r"),
        # As rsync -a does.
        pytest.param(copied("cp", "-a"), id="cp -a"),
    ],
)
def test_nothing_is_trained_again(finished: Sweep, tmp_path: Path, happens: Callable[[Sweep, Path], Sweep]) -> None:
    sweep = happens(finished, tmp_path / "clone")
    sweep.snakemake("--until", "aggregate")
    assert sweep.trained() == set()
    assert sweep.snakemake("--until", "aggregate", "--dry-run").jobs == {}
