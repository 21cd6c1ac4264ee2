"""One training job: what it keeps, what it says, and what its record says of it."""

import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sweep.data.prepared import map_prepared, save_prepared, tensor_names
from sweep.errors import SweepError
from sweep.grid import Run
from sweep.models import build_model
from sweep.runs import hardware, job
from sweep.runs.job import Machine, git_commit, run_job
from sweep.runs.records import Record, checkpoint_file, kept_file, lock_file, read_kept, weights_file
from sweep.runs.weights import read_weights
from sweep.training import loop

RUN = Run("mlp", 4, 0.001, 0.2, 3, 0)
MACHINE = Machine("cpu", "fp32", 0, 1, 1)


class Job:
    """A job of RUN on made-up data, in this process."""

    def __init__(self, folder: Path) -> None:
        images = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), np.uint8)
        values = {"images": images, "labels": np.arange(12, dtype=np.int64) % 3}
        arrays = {name: values[name.split("_")[1]] for name in tensor_names()}
        manifest = save_prepared(folder / "data", "folder", ["a", "b", "c"], arrays)
        self.folder = folder
        self.kept = kept_file(folder / "records", RUN, manifest.content_hash)
        self.lock = lock_file(self.kept)
        self.checkpoint = checkpoint_file(self.kept)
        self.metrics = folder / "metrics.json"

    def run(self, interval_s: float = 30) -> Record:
        run_job(RUN, self.folder / "data", self.folder / "records", self.metrics, MACHINE, "state", interval_s)
        record = read_kept(self.kept)
        assert record is not None
        return record


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Job]:
    handlers = {number: signal.getsignal(number) for number in job.SIGNALS}
    threads = torch.get_num_threads()
    yield Job(tmp_path)
    torch.set_num_threads(threads)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_finished_run_leaves_its_record_alone(small: Job, log: pytest.LogCaptureFixture) -> None:
    small.run(0)
    assert small.metrics.read_bytes() == small.kept.read_bytes()
    assert not small.lock.exists()
    assert not small.checkpoint.exists()
    assert "epoch 2:" in log.text


def test_a_kept_record_is_published_though_its_lock_cannot_be_taken(
    small: Job, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    small.run()
    small.metrics.unlink()

    def take_lock(*_: object, **__: object) -> None:
        raise SweepError("it is somebody else's")

    monkeypatch.setattr(job, "take_lock", take_lock)
    small.run()
    assert small.metrics.read_bytes() == small.kept.read_bytes()
    assert "nothing was trained" in log.text
    small.kept.unlink()
    with pytest.raises(SweepError, match="somebody else's"):
        small.run()


def test_the_time_of_training_is_that_of_training(small: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def slow(*arguments: Any) -> Any:
        clock[0] += 1000
        return map_prepared(*arguments)

    monkeypatch.setattr(job, "map_prepared", slow)
    monkeypatch.setattr(job, "perf_counter", lambda: clock[0])
    assert small.run()["training_s"] == 0


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    small: Job, log: pytest.LogCaptureFixture
) -> None:
    small.checkpoint.parent.parent.mkdir()
    small.checkpoint.parent.touch()  # a file where the folder should be
    small.run(0)
    sentence = f"No checkpoint of this epoch, which is no fault of the training: {small.checkpoint}"
    assert log.text.count(sentence) == 3
    assert "epoch 2:" in log.text


def test_a_record_that_cannot_be_written_keeps_the_last_epoch(small: Job, log: pytest.LogCaptureFixture) -> None:
    small.kept.mkdir(parents=True)
    with pytest.raises(SweepError, match=f"{small.kept} cannot be written"):
        small.run()
    assert small.checkpoint.exists()
    small.kept.rmdir()
    # Weights without their record are written again with it.
    weights = weights_file(small.kept)
    assert weights.exists()
    record = small.run()
    assert record["resumed_epochs"] == [3]
    assert read_weights(weights, record["content_hash"]) is not None
    assert "Going on from the checkpoint" in log.text


def test_an_interruption_whose_checkpoint_cannot_be_written_is_still_that(
    small: Job, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    small.checkpoint.parent.parent.mkdir()
    small.checkpoint.parent.touch()
    calls = iter(range(9))

    def stop_at_the_second_epoch() -> None:
        if next(calls) == 2:
            job.stop(signal.SIGHUP, None)

    monkeypatch.setattr(hardware, "check_float32", stop_at_the_second_epoch)
    with pytest.raises(SystemExit) as caught:
        small.run()
    assert caught.value.code == 128 + signal.SIGHUP
    assert log.messages[-2] == "Interrupted by SIGHUP"
    assert log.messages[-1].startswith("No checkpoint of this epoch")


def record_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The calls that a power cut may come between, each with the name of its file."""
    calls: list[tuple[str, str]] = []
    sync, move, remove = os.fsync, os.replace, os.unlink

    def record_sync(handle: int) -> None:
        calls.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
        sync(handle)

    def record_move(source: Path, target: Path) -> None:
        calls.append(("move", Path(target).name))
        move(source, target)

    def record_remove(file: Path, **options: int) -> None:
        if Path(file).exists():
            calls.append(("remove", Path(file).name))
        remove(file, **options)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_move)
    monkeypatch.setattr(os, "unlink", record_remove)
    return calls


def test_weights_are_on_the_disk_before_their_record_and_that_before_its_checkpoint_goes(
    small: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = record_calls(monkeypatch)
    small.run(interval_s=0)
    expected = []
    for file in (*[small.checkpoint] * RUN.epochs, weights_file(small.kept), small.kept, small.metrics):
        expected += [("sync", f".{file.stem}.unfinished"), ("move", file.name), ("sync", file.parent.name)]
    # With the metrics, which are a copy of the kept record, there is no hurry.
    expected.insert(-3, ("remove", small.checkpoint.name))
    assert [(call, name.split("-")[0]) for call, name in calls if not name.endswith(".lock")] == expected


def test_a_closed_terminal_is_heeded_unless_nohup_had_it_ignored(small: Job) -> None:
    for before, after in ((signal.SIG_IGN, signal.SIG_IGN), (signal.SIG_DFL, job.stop)):
        signal.signal(signal.SIGHUP, before)
        small.run()
        assert signal.getsignal(signal.SIGHUP) == after


def test_float32_is_what_the_record_says(small: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment or the process had switched on before; a model that switches it on is refused."""
    for name in job.LOWER_PRECISION:
        monkeypatch.setenv(name, "1")
    torch.set_float32_matmul_precision("medium")
    assert small.run()["environment"]["precision"] == "fp32"
    assert not any(name in os.environ for name in job.LOWER_PRECISION)
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32

    small.kept.unlink()

    def build(*arguments: Any, **axes: Any) -> Any:
        torch.backends.cuda.matmul.allow_tf32 = True
        return build_model(*arguments, **axes)

    monkeypatch.setattr(loop, "build_model", build)
    with pytest.raises(SweepError, match="computes products of float32 in tf32"):
        small.run(0)
    assert not small.checkpoint.exists()
    torch.set_float32_matmul_precision("highest")


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in git, with a commit, whose code this is."""
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "project"
    file = folder / "scripts" / "sweep" / "runs" / "job.py"
    file.parent.mkdir(parents=True)
    file.touch()
    (folder / "config.yaml").touch()
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "x")
    monkeypatch.setattr(job, "__file__", str(file))
    return folder


def test_the_commit_is_dirty_if_code_differs_also_by_a_new_file(project: Path) -> None:
    commit = git(project, "rev-parse", "HEAD")
    assert git_commit() == commit
    (project / "config.yaml").write_text("experiment: x")
    (project / "notes.txt").touch()
    assert git_commit() == commit
    new = project / "scripts" / "sweep" / "models" / "new.py"
    new.parent.mkdir()
    new.touch()
    assert git_commit() == f"{commit}-dirty"
    new.unlink()
    (project / "scripts" / "sweep" / "runs" / "job.py").write_text("# changed")
    assert git_commit() == f"{commit}-dirty"


def test_the_commit_of_another_repository_is_never_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(project, "rev-parse", "HEAD")
    other = project.parent / "other"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "another")
    with monkeypatch.context() as patch:
        patch.setenv("GIT_DIR", str(other / ".git"))
        patch.setenv("GIT_WORK_TREE", str(other))
        patch.setenv("GIT_INDEX_FILE", str(other / "index"))
        assert git_commit() == commit
    # The project as an archive, unpacked in another repository, or in none.
    (project / ".git").rename(project.parent / "git")
    assert git_commit() is None
    (project.parent / "git").rename(project.parent / ".git")
    assert git_commit() is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_clone_of_another_user_has_no_commit_and_is_no_error(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # no safe.directory
    monkeypatch.delenv("SUDO_UID", raising=False)
    os.chown(project, 65534, 65534)
    os.chown(project / ".git", 65534, 65534)
    assert git_commit() is None


def test_without_git_there_is_no_commit(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    assert git_commit() is None
