"""Checkpoints: a snapshot is read back exactly, or not at all."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.grid import Run, Value
from sweep.runs.checkpoint import Checkpoint
from sweep.training import loop
from sweep.training.loop import Snapshot, Split, train

MADE_WITH = {"device": "cpu", "precision": "fp32", "torch": "2"}
SNAPSHOT = Snapshot(
    {"weights": torch.tensor([1.0, float("nan"), -0.0]), "steps": torch.tensor(7.0), "noise": torch.arange(5).byte()},
    {"history": {"train_loss": [0.1 + 0.2]}, "last": None},
)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def checkpoint(folder: Path, interval_s: float = 0, **made_with: str) -> Checkpoint:
    return Checkpoint(folder / "series.safetensors", {**MADE_WITH, **made_with}, interval_s)


def written(folder: Path) -> Path:
    made = checkpoint(folder)
    made.keep(SNAPSHOT)
    return made.file


def test_a_snapshot_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    written(tmp_path)
    snapshot = checkpoint(tmp_path).read(1)
    assert snapshot is not None
    assert snapshot.outcome == SNAPSHOT.outcome
    assert snapshot.tensors.keys() == SNAPSHOT.tensors.keys()
    for name, tensor in SNAPSHOT.tensors.items():
        assert snapshot.tensors[name].shape == tensor.shape
        assert snapshot.tensors[name].numpy().tobytes() == tensor.numpy().tobytes()


def test_what_training_appends_after_a_resume_is_not_in_the_latest_snapshot(tmp_path: Path) -> None:
    written(tmp_path)
    resumed = checkpoint(tmp_path)
    snapshot = resumed.read(1)
    assert snapshot is not None
    snapshot.outcome["history"]["train_loss"].append(0.2)
    assert resumed.latest is not None
    assert resumed.latest.outcome == SNAPSHOT.outcome


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    file = written(tmp_path)
    good = file.read_bytes()
    damaged = [good[:length] for length in range(0, len(good), 7)] + [bytes(len(good))]
    damaged += [good[:k] + bytes([good[k] ^ 0x10]) + good[k + 1 :] for k in range(len(good))]
    for content in damaged:
        file.write_bytes(content)
        log.clear()
        assert checkpoint(tmp_path).read(1) is None
        assert log.messages == [f"The checkpoint {file} is damaged: it is not used"]


@pytest.mark.parametrize("change", [{"device": "cuda"}, {"precision": "bf16"}, {"torch": "3"}])
def test_a_checkpoint_of_other_arithmetic_is_not_used(
    tmp_path: Path, log: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    written(tmp_path)
    assert checkpoint(tmp_path, **change).read(1) is None
    assert "is not used" in log.messages[0]
    assert str({"series": "series", **MADE_WITH}) in log.messages[0]


def test_a_checkpoint_of_another_series_is_not_used(tmp_path: Path) -> None:
    written(tmp_path).rename(tmp_path / "other.safetensors")
    assert Checkpoint(tmp_path / "other.safetensors", MADE_WITH, 0).read(1) is None


def test_a_checkpoint_of_a_longer_run_is_not_used_and_waits_for_that(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path)
    before = file.read_bytes()
    shorter = checkpoint(tmp_path)
    assert shorter.read(0) is None
    assert "it has 1 epochs already" in log.messages[0]
    shorter.keep(Snapshot({"weights": torch.zeros(1)}, {"history": {"train_loss": []}}))
    shorter.remove()
    assert file.read_bytes() == before
    longer = checkpoint(tmp_path)
    assert longer.read(2) is not None
    longer.remove()
    assert not file.exists()


def test_a_short_run_writes_no_checkpoint_unless_it_is_stopped(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, interval_s=30)
    made.keep(SNAPSHOT)
    assert made.latest is SNAPSHOT
    assert not made.file.exists()
    made.write(SNAPSHOT)
    assert made.file.exists()


VARIANT = (("batch_norm", False), ("label_smoothing", 0.1), ("weight_decay", 0.01))


@pytest.mark.parametrize(("model", "axes"), [("mlp", ()), ("cnn", ()), ("cnn", VARIANT)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_training_resumes_from_any_epoch_as_if_it_had_not_stopped(
    monkeypatch: pytest.MonkeyPatch, model: str, axes: tuple[tuple[str, Value], ...], precision: str
) -> None:
    monkeypatch.setattr(loop, "next_learning_rate", lambda rate, losses: rate * (1 - len(losses) / 100))
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20, 32, 32, 3), generator=generator, dtype=torch.uint8)
    splits = dict.fromkeys(("train", "validation", "test"), Split(images, torch.arange(20) % 3))
    run = Run(model, 4, 0.01, 0.5, 4, 0, axes)
    snapshots: list[Snapshot] = []
    whole, final = train(run, splits, 3, precision, snapshots.append)
    assert len(set(whole.history["learning_rate"])) == 4
    assert len(snapshots) == 4
    # A shorter run's snapshots are those of the longer one; the last one of all is of a run that is already at its end.
    short, last_of_short = train(replace(run, epochs=2), splits, 3, precision, lambda _: None)
    assert without_seconds(short.history) == {
        name: column[:2] for name, column in without_seconds(whole.history).items()
    }
    assert last_of_short is not None
    for epoch, snapshot in [(2, last_of_short), *enumerate(snapshots, start=1)]:
        torch.rand(3)  # other noise in between changes nothing
        resumed, again = train(run, splits, 3, precision, lambda _: None, snapshot)
        assert resumed.resumed_epochs == [epoch]
        assert without_seconds(resumed.history) == without_seconds(whole.history)
        assert resumed.best == whole.best
        assert again is not None
        assert final is not None
        torch.testing.assert_close(again.tensors, final.tensors, rtol=0, atol=0)


def without_seconds(history: dict[str, Any]) -> dict[str, Any]:
    return {name: column for name, column in history.items() if name != "seconds"}
