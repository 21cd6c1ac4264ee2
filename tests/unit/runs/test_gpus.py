"""GPU slots: real processes compete for made-up cards."""

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import torch

from project import REPOSITORY
from sweep.errors import SweepError
from sweep.runs import hardware
from sweep.runs.gpus import gpu_slot, has_gpu, listed_gpus

JOB = """
import logging
import sys
from pathlib import Path
from sweep.runs.gpus import gpu_slot
folder, jobs_per_gpu, *cards = sys.argv[1:]
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
with gpu_slot(cards, int(jobs_per_gpu), Path(folder)) as position:
    print(cards[position], flush=True)
    sys.stdin.readline()
"""


class Job:
    """A process that takes a slot and holds it until it gets a line or is killed."""

    def __init__(self, folder: Path, jobs_per_gpu: int, *cards: str) -> None:
        command = [sys.executable, "-c", JOB, str(folder), str(jobs_per_gpu), *cards]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY / "scripts"
        )

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ends(self) -> None:
        self.process.communicate("\n")
        assert self.process.returncode == 0


def test_jobs_spread_over_the_cards_before_they_share_one_and_wait_when_all_are_full(tmp_path: Path) -> None:
    jobs = [Job(tmp_path, 2, "a", "b") for _ in range(2)]
    assert {job.says() for job in jobs} == {"a", "b"}
    jobs += [Job(tmp_path, 2, "a", "b") for _ in range(2)]
    assert Counter(job.says() for job in jobs[2:]) == {"a": 1, "b": 1}
    late = Job(tmp_path, 2, "a", "b")
    assert late.says() == "All 4 GPU slots are taken: waiting for one"
    jobs.pop().ends()
    assert late.says() in {"a", "b"}
    for job in [*jobs, late]:
        job.ends()


def test_a_killed_job_frees_its_card(tmp_path: Path) -> None:
    holder = Job(tmp_path, 1, "a")
    assert holder.says() == "a"
    waiting = Job(tmp_path, 1, "a")
    assert "waiting" in waiting.says()
    holder.process.kill()
    assert waiting.says() == "a"
    waiting.ends()
    holder.process.communicate()


def test_jobs_that_see_different_cards_agree_on_those_they_share(tmp_path: Path) -> None:
    first = Job(tmp_path, 1, "b")
    assert first.says() == "b"
    second = Job(tmp_path, 1, "b", "c")
    assert second.says() == "c"
    for job in (first, second):
        job.ends()


def test_an_error_inside_frees_the_slot(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), gpu_slot(["a"], 1, tmp_path):
            raise ZeroDivisionError


def test_a_training_gets_a_card_that_nobody_else_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another job has the first of three made-up cards."""
    chosen: list[int] = []
    monkeypatch.setattr(hardware, "visible_cards", lambda: ["a", "b", "c"])
    monkeypatch.setattr(hardware, "gpu_slot", lambda cards, jobs: gpu_slot(cards, jobs, tmp_path))
    monkeypatch.setattr(hardware, "check_kernels", lambda _: None)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    other = Job(tmp_path, 1, "a")
    assert other.says() == "a"
    with hardware.taken_device("cuda", 1) as taken:
        assert taken == (torch.device("cuda", 1), "b")
    assert chosen == [1]
    with hardware.taken_device("cpu", 1) as taken:
        assert taken == (torch.device("cpu"), None)
    other.ends()


@pytest.mark.parametrize(
    ("visible", "cards"), [(None, ["uuid 0", "uuid 1"]), ("3,1", ["uuid 0", "uuid 1"]), ("MIG-x,MIG-y", ["MIG-x"])]
)
def test_a_card_has_the_same_name_in_all_jobs(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, cards: list[str]
) -> None:
    class Properties:
        def __init__(self, position: int) -> None:
            self.uuid = f"uuid {position}"

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", Properties)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert hardware.visible_cards() == cards


@pytest.mark.parametrize(
    ("visible", "listed"),
    [
        (None, None),
        ("0", ["0"]),
        (" 3, 1", ["3", "1"]),
        ("GPU-1,MIG-GPU-2/1/0", ["GPU-1", "MIG-GPU-2/1/0"]),
        ("1,-1,0", ["1"]),  # as CUDA reads it: nothing after what is no GPU
        ("0,none", ["0"]),
        *((hidden, []) for hidden in ("", " ", "-1", "none", "None", "void", "NoDevFiles", "all", "-1,0", ",0")),
    ],
)
def test_gpus_are_listed_as_cuda_reads_the_list(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, listed: list[str] | None
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert listed_gpus() == listed
    if listed == []:
        assert not has_gpu()


@pytest.fixture
def slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folder of slots will be."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"sweep-gpu-slots-{os.getuid()}"


def test_the_folder_of_slots_is_its_users_alone(slots: Path) -> None:
    with gpu_slot(["a"], 1) as position:
        assert position == 0
        assert slots.stat().st_mode & 0o777 == 0o700
        assert [file.name for file in slots.iterdir()] == ["a.0.lock"]
    slots.chmod(0o755)  # as older versions made it
    with gpu_slot(["a"], 1):
        assert slots.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("fault", ["writable", "link", "file", "owner", "no temporary folder"])
def test_a_folder_of_slots_that_somebody_else_could_change_is_refused(
    slots: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    other = slots.with_name("other")
    other.mkdir(mode=0o700)
    if fault == "link":
        slots.symlink_to(other)
    elif fault == "file":
        slots.touch()
    elif fault == "no temporary folder":
        monkeypatch.setattr(tempfile, "tempdir", str(slots / "none"))
    else:
        slots.mkdir(mode=0o700)
    if fault == "writable":
        slots.chmod(0o777)
    if fault == "owner":
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
        slots.rename(slots.with_name(f"sweep-gpu-slots-{os.getuid()}"))
    with pytest.raises(SweepError, match="set TMPDIR to"), gpu_slot(["a"], 1):
        pass
    assert list(other.iterdir()) == []
