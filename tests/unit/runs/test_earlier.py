"""A run with more epochs goes on from a shorter one's state, and is the run that was trained in one go."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from examples import DATA_HASH, MADE_WITH, save_kept
from project import contents, numbers
from sweep.data.prepared import Manifest
from sweep.files import write_json
from sweep.grid import Run
from sweep.runs import hardware
from sweep.runs.earlier import foresee, outcome_so_far, read_earlier
from sweep.runs.job import Machine, train_run
from sweep.runs.records import Record, checkpoint_file, kept_file, weights_file
from sweep.runs.tensors import read_tensors, write_tensors
from sweep.runs.weights import STATE
from sweep.training import loop
from trained import save_data

RUN = Run("mlp", 8, 0.01, 0.5, 5, 0)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


class Series:
    """Trainings of RUN on a small data set, whose records are in the folder `name`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.run = replace(RUN, **changes)
        self.manifest: Manifest = save_data(folder / "data", ["a", "b", "c"])
        # Each epoch has a rate that the history alone tells.
        monkeypatch.setattr(loop, "next_learning_rate", lambda rate, losses: rate * (1 - len(losses) / 100))

    def kept(self, name: str, epochs: int) -> Path:
        return kept_file(self.folder / name, replace(self.run, epochs=epochs), self.manifest.content_hash)

    def train(self, name: str, epochs: int, precision: str = "fp32", after: int | None = None) -> Record | None:
        """Train a run of so many epochs. It is interrupted when it has trained `after` of them, and then gives None."""
        kept = self.kept(name, epochs)
        machine = Machine("cpu", precision, 0, 1, 1)
        job = (self.folder / "data", self.manifest, machine, kept, checkpoint_file(kept), "state", 1e9)
        run = replace(self.run, epochs=epochs)
        if after is None:
            return train_run(run, *job)
        with self.monkeypatch.context() as patch:
            calls = iter(range(epochs + 1))

            def check() -> None:
                # The epoch under way has not reached the checkpoint.
                if next(calls) == after + 1:
                    raise SystemExit

            patch.setattr(hardware, "check_float32", check)
            with pytest.raises(SystemExit):
                train_run(run, *job)
        return None

    def assert_same(self, name: str, other: str, epochs: int) -> None:
        """The records of two folders have the same numbers, and the tensors beside them are the same to the bit."""
        files = [self.kept(each, epochs) for each in (name, other)]
        assert numbers(files[0]) == numbers(files[1])
        ours, theirs = (read_tensors(weights_file(file)).arrays for file in files)
        assert ours.keys() == theirs.keys() > set(STATE)
        for tensor, array in ours.items():
            assert array.dtype == theirs[tensor].dtype
            assert array.tobytes() == theirs[tensor].tobytes(), tensor


@pytest.mark.parametrize("model", ["mlp", "cnn"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_more_epochs_are_those_of_a_run_in_one_go_also_if_interrupted_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, model: str, precision: str
) -> None:
    series = Series(tmp_path, monkeypatch, model=model)
    series.train("whole", 5, precision)
    assert "oing on" not in log.text
    series.train("on", 2, precision)
    state = weights_file(series.kept("on", 2))
    before = contents(tmp_path / "on")
    series.train("on", 4, precision, after=1)
    record = series.train("on", 5, precision)
    assert record is not None
    assert record["resumed_epochs"] == [2, 3]
    assert f"Going on from epoch 2, where the run of 2 epochs ended ({state})" in log.messages
    assert log.messages.count(f"Going on from the checkpoint {checkpoint_file(series.kept('on', 5))}") == 1
    series.assert_same("on", "whole", 5)
    # Without an interruption, and over two states, of which the longest is taken.
    record = series.train("on", 6, precision)
    assert record is not None
    assert record["resumed_epochs"] == [2, 3, 5]
    series.train("whole", 6, precision)
    series.assert_same("on", "whole", 6)
    after = contents(tmp_path / "on")
    assert {name: after[name] for name in before} == before


def test_a_shorter_run_that_diverged_diverges_again_in_the_same_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    series = Series(tmp_path, monkeypatch)
    monkeypatch.setattr(loop, "next_learning_rate", lambda rate, losses: 1e36 if len(losses) == 2 else rate)
    series.train("whole", 5)
    series.train("on", 4)
    record = series.train("on", 5)
    assert record is not None
    assert (record["status"], record["diverged_epoch"], record["resumed_epochs"]) == ("diverged", 2, [2])
    assert "Going on from epoch 2, where the run of 4 epochs ended" in log.text
    series.assert_same("on", "whole", 5)


def test_of_checkpoint_and_state_the_one_with_more_epochs_is_taken_and_a_longer_runs_checkpoint_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    series = Series(tmp_path, monkeypatch)
    series.train("on", 2)
    series.train("on", 6, after=3)
    checkpoint = checkpoint_file(series.kept("on", 6))
    content = checkpoint.read_bytes()
    log.clear()
    series.train("on", 4)
    assert "it has 5 epochs already" in log.messages[1]
    assert log.messages[2].startswith("Going on from epoch 2, ")
    assert checkpoint.read_bytes() == content
    # Its 5 epochs are more than the 4, not more than those of a run that comes from elsewhere.
    series.train("elsewhere", 6)
    for file in series.kept("elsewhere", 6).parent.iterdir():
        shutil.copy(file, series.kept("on", 6).parent)
    log.clear()
    series.train("on", 7, after=0)
    assert log.messages[1].startswith("Going on from epoch 6, where the run of 6 epochs ended ")
    series.kept("on", 6).unlink()
    log.clear()
    series.train("on", 7)
    assert log.messages[1:3] == [
        f"Not going on from the run of 6 epochs: its record {series.kept('on', 6)} is missing",
        f"Going on from the checkpoint {checkpoint}",
    ]
    series.train("whole", 7)
    series.assert_same("on", "whole", 7)


# ---- what is passed over, by made-up files


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


def give_to_another_record(file: Path) -> None:
    stored = read_tensors(file)
    write_tensors(file, {**stored.facts, "content_hash": "e" * 64}, stored.arrays)


def damage_record(file: Path) -> None:
    record = json.loads(file.with_suffix(".json").read_text())
    write_json(file.with_suffix(".json"), {**record, "seed": 1})


FAULTS: list[tuple[Callable[[Path], object], str]] = [
    (lambda file: flip(file, -8), "{file} is damaged"),  # seen where the tensors are read
    (lambda file: file.write_bytes(file.read_bytes()[:500]), "{file} is damaged"),
    (lambda file: file.write_bytes(b""), "{file} is damaged"),
    (Path.unlink, "its state was not kept"),
    (give_to_another_record, "{file} is of another record than the one beside it"),
    (lambda file: file.with_suffix(".json").unlink(), "its record {record} is missing"),
    (damage_record, "{record} is damaged (its content is not what its content_hash says)"),
    (
        lambda file: save_kept(file.parents[1], replace(RUN, epochs=3), keep="weights"),
        "its state was not kept, but the weights alone",
    ),
    (
        lambda file: save_kept(file.parents[1], replace(RUN, epochs=3), torch="2.13.0"),
        "its state was made with torch 2.13.0, not 2.14.1",
    ),
    (
        lambda file: save_kept(file.parents[1], replace(RUN, epochs=3), device="cuda", precision="bf16"),
        "its state was made with device cuda, not cpu and precision bf16, not fp32",
    ),
]


@pytest.mark.parametrize(("damage", "sentence"), FAULTS)
def test_what_cannot_be_gone_on_from_is_said_and_the_next_shorter_one_is_taken(
    tmp_path: Path, log: pytest.LogCaptureFixture, damage: Callable[[Path], object], sentence: str
) -> None:
    kept = kept_file(tmp_path, RUN, DATA_HASH)
    for epochs in (2, 3, 5, 8):  # of which its own and a longer one are nothing to go on from
        save_kept(tmp_path, replace(RUN, epochs=epochs))
    found = read_earlier(kept, MADE_WITH, 0)
    assert found is not None
    assert (found[0].of, log.messages) == (3, [])
    file = weights_file(kept.with_name("3.json"))
    damage(file)
    before = contents(tmp_path)
    found = read_earlier(kept, MADE_WITH, 0)
    assert found is not None
    assert (found[0].of, found[0].epoch, set(found[1].arrays)) == (2, 2, {"weights", *STATE})
    reason = sentence.format(file=file, record=file.with_suffix(".json"))
    assert log.messages == [f"Not going on from the run of 3 epochs: {reason}"]
    # The test set is evaluated at the end.
    best = outcome_so_far(found[0].record)["best"]
    assert best == {"epoch": 1, "val_loss": 0.5, "val_acc": 0.5}
    assert read_earlier(kept, MADE_WITH, 2) is None
    assert contents(tmp_path) == before


def test_what_is_foreseen_is_judged_by_this_machines_arithmetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = {"device": "cpu", "precision": "fp32"}
    kept = kept_file(tmp_path, RUN, DATA_HASH)
    with monkeypatch.context() as patch:
        patch.setattr("sweep.runs.earlier._arithmetic", None)  # it is not asked for, nor is torch loaded
        assert foresee(kept, training) == (0, "")
        save_kept(tmp_path, replace(RUN, epochs=4), keep="weights")
        assert foresee(kept, training) == (0, "")
    here = hardware.foresee_arithmetic("cpu", "fp32")
    assert here == {"device": "cpu", "precision": "fp32", "torch": torch.__version__}
    save_kept(tmp_path, replace(RUN, epochs=3), **{**here, "torch": "2.13.0"})
    sentence = f"the state after epoch 3 was made with torch 2.13.0, not {here['torch']}"
    assert foresee(kept, training) == (0, sentence)
    save_kept(tmp_path, replace(RUN, epochs=2), **here)
    assert foresee(kept, training) == (2, "")
    differences = f"precision fp32, not bf16 and torch 2.13.0, not {here['torch']}"
    assert foresee(kept, {**training, "precision": "bf16"}) == (
        0,
        f"the state after epoch 3 was made with {differences}",
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    # A GPU that this machine has not is taken at its word; which precision would be automatic there is not known.
    assert hardware.foresee_arithmetic("cuda", "auto") == {"device": "cuda", "torch": here["torch"]}
    save_kept(tmp_path, replace(RUN, epochs=1), **{**here, "device": "cuda", "precision": "bf16"})
    assert foresee(kept, {"device": "cuda", "precision": "auto"}) == (1, "")
