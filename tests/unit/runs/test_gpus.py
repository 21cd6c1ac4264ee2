"""GPU slots: real processes compete for made-up cards."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

from project import REPOSITORY
from sweep.runs import hardware
from sweep.runs.gpus import gpu_slot, has_gpu

JOB = """
import sys
from pathlib import Path
from sweep.runs.gpus import gpu_slot
folder, jobs_per_gpu, *cards = sys.argv[1:]
with gpu_slot(cards, int(jobs_per_gpu), lambda line: print(line, flush=True), Path(folder)) as position:
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
        with pytest.raises(ZeroDivisionError), gpu_slot(["a"], 1, print, tmp_path):
            raise ZeroDivisionError


def test_a_training_gets_a_card_that_nobody_else_has(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another job has the first of three made-up cards."""
    chosen: list[int] = []
    monkeypatch.setattr(hardware, "visible_cards", lambda: ["a", "b", "c"])
    monkeypatch.setattr(hardware, "gpu_slot", lambda cards, jobs, log: gpu_slot(cards, jobs, log, tmp_path))
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    other = Job(tmp_path, 1, "a")
    assert other.says() == "a"
    with hardware.taken_device("cuda", 1, print) as taken:
        assert taken == (torch.device("cuda", 1), "b")
    assert chosen == [1]
    with hardware.taken_device("cpu", 1, print) as taken:
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


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_hidden_gpus_do_not_count(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert not has_gpu()
