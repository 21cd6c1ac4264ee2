"""What a run with more epochs goes on from: the state that a shorter run of its series kept.

A series' runs are the same up to the last epoch of the shorter one, so nobody need train that part twice. The tensors
are in the shorter run's weights, <epochs>.safetensors, if its state was kept; the outcome so far is in its record. Both
are only read. Which run is the longest is told by the files' names, never by their times.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.runs.records import Record, read_kept, weights_file
from sweep.runs.tensors import Stored, read_facts, read_tensors

logger = logging.getLogger(__name__)

FILE = re.compile(r"([1-9][0-9]{0,8})\.(json|safetensors)")


@dataclass(frozen=True)
class Earlier:
    """A shorter run of a series, by its record and the facts of its state; the tensors are not read yet."""

    of: int  # the run's number of epochs
    file: Path  # its weights
    epoch: int  # how many epochs its state has: fewer than `of` if it diverged
    record: Record = field(default_factory=dict)  # empty if `fault` says why nothing can go on from this run
    made_with: Mapping[str, Any] = field(default_factory=dict)  # device, precision, torch
    fault: str = ""

    def differences(self, now: Mapping[str, str]) -> str:
        """How the arithmetic of the state differs from that of `now`: "torch 2.13.0, not 2.14.1"; "" if it does not."""
        pairs = [(name, self.made_with.get(name), value) for name, value in now.items()]
        return " and ".join(f"{name} {old}, not {new}" for name, old, new in pairs if old != new)


def list_earlier(kept: Path) -> Iterator[Earlier]:
    """The runs of the series that have fewer epochs than that of the kept record `kept`, <series>/<epochs>.json; the
    longest first. Each is read when it is asked for."""
    names = [FILE.fullmatch(file.name) for file in kept.parent.glob("*")]
    lengths = {int(name[1]) for name in names if name}
    for length in sorted((each for each in lengths if each < int(kept.stem)), reverse=True):
        yield _inspect(kept.with_name(f"{length}.json"))


def _inspect(kept: Path) -> Earlier:
    of, file = int(kept.stem), weights_file(kept)
    try:
        record = read_kept(kept)
        facts = read_facts(file)[0]
    except FileNotFoundError:
        return Earlier(of, file, of, fault="its state was not kept")
    except SweepError as error:
        return Earlier(of, file, of, fault=str(error))
    made_with = facts.get("made_with")
    if record is None:
        fault = f"its record {kept} is missing"
    elif facts.get("content_hash") != record["content_hash"]:
        fault = f"{file} is of another record than the one beside it"
    elif facts.get("keep") != "state" or not isinstance(made_with, dict):
        fault = "its state was not kept, but the weights alone"
    else:
        return Earlier(of, file, len(record["history"]["train_loss"]), record, made_with)
    return Earlier(of, file, of, fault=fault)


def read_earlier(kept: Path, made_with: Mapping[str, str], above: int) -> tuple[Earlier, Stored] | None:
    """The longest state of more than `above` epochs that the run with the kept record `kept` can go on from, with its
    tensors; None if there is none. The log says why each longer one is passed over."""
    for earlier in list_earlier(kept):
        if earlier.epoch <= above:
            return None
        reason = earlier.fault
        if not reason and (differences := earlier.differences(made_with)):
            reason = f"its state was made with {differences}"
        if not reason:
            try:
                stored = read_tensors(earlier.file)
                if stored.facts["content_hash"] == earlier.record["content_hash"]:
                    return earlier, stored
                reason = f"{earlier.file} was replaced meanwhile"
            except FileNotFoundError:
                reason = f"{earlier.file} was removed meanwhile"
            except SweepError as error:
                reason = str(error)
        logger.info(f"Not going on from the run of {earlier.of} epochs: {reason}")
    return None


def outcome_so_far(record: Record) -> dict[str, Any]:
    """The outcome of a training that has just finished the last epoch of this record, as a `Snapshot` has it."""
    best = {name: value for name, value in record["best"].items() if not name.startswith("test_")}
    return {**{name: record[name] for name in ("history", "last", "resumed_epochs")}, "best": best}


def foresee(kept: Path, training: Mapping[str, Any]) -> tuple[int, str]:
    """From which epoch the run with this kept record, if it starts now on this machine with the config's `training`,
    goes on: 0 if from the start. And if there is a state, but only of other arithmetic, a sentence on the longest.

    Tensors are not read, so it may turn out that they are damaged. Without any state torch is not loaded.
    """
    passed = ""
    for earlier in list_earlier(kept):
        if earlier.fault:
            continue
        differences = earlier.differences(_arithmetic(training["device"], training["precision"]))
        if not differences:
            return earlier.epoch, ""
        passed = passed or f"the state after epoch {earlier.epoch} was made with {differences}"
    return 0, passed


@cache
def _arithmetic(device: str, precision: str) -> dict[str, str]:
    from sweep.runs.hardware import foresee_arithmetic

    return foresee_arithmetic(device, precision)
