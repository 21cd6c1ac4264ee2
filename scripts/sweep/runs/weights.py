"""The kept weights of a run: the file <epochs>.safetensors beside its record.

It holds the model at the best validation epoch and at the last one, and what it answered: "best.<name>", the state of
the model at the best epoch; "weights", all parameters at the last epoch as one vector, in the order of
`Module.parameters`, with the running statistics "model.<name>"; and "validation.<field>" and "test.<field>", the fields
of `sweep.training.loop.Answers` at the last and at the best epoch. If the state is kept, all else that a `Snapshot` has
is there too. The file is written before the record, so that a record which was made with weights never lacks them.
"""

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.errors import SweepError
from sweep.grid import Run, Value
from sweep.models import build_model, own_axes
from sweep.runs.records import Record, weights_file
from sweep.runs.state import RunState
from sweep.runs.tensors import DamagedError, Stored, read_facts, read_tensors, write_tensors

Arrays = Mapping[str, NDArray[Any]]

# What of a snapshot only serves to train on from it: Adam's moments and steps, and the generators.
STATE = ("mean", "mean_square", "steps", "shuffles", "dropout")
# What a model was given of a pixel v from 0 to 255.
SCALING = "(v - 128) / 255"
# Bytes: of a number, of the two generators' states, and of an answer (uint8, float32, float32).
NUMBER_BYTES, GENERATORS_BYTES, ANSWER_BYTES = 4, 2 * 5056, 9


def write_weights(file: Path, record: Record, snapshot: Arrays, about: Mapping[str, Any], keep: str) -> None:
    """Write the weights of the run with this record, atomically, from its final snapshot's tensors.

    `keep` is "state" or "weights". `about` has further facts: "model_hash", the `model_hash` of the code that the model
    was trained with; "class_names"; and "made_with", its arithmetic. Raises SweepError if the file cannot be written.
    """
    facts = {name: record[name] for name in ("series", "epochs", "content_hash", "model", "dropout_rate", "axes")}
    arrays = {name: array for name, array in snapshot.items() if keep == "state" or name not in STATE}
    write_tensors(file, {**facts, **about, "scaling": SCALING, "keep": keep}, arrays)


def read_weights(file: Path, content_hash: str) -> Stored | None:
    """Read the weights that were kept with the record of this content_hash; None if there are none.

    Raises:
        SweepError: they are damaged, or of another record. The sentence says how to mend it.
    """
    try:
        stored = read_tensors(file)
    except FileNotFoundError:
        return None
    except DamagedError as error:
        raise SweepError(f"{error}; {mend_advice(file)}") from None
    if stored.facts.get("content_hash") != content_hash:
        raise SweepError(
            f"{file} is of another record of this run, as when it was trained again in another experiment: "
            "`make status` has the command that mends it"
        )
    return stored


def mend_advice(file: Path) -> str:
    """How a user gets rid of weights that cannot be used, and gets others."""
    advice = "`make remake` has the run trained again, and this goes on without its weights"
    return f"{advice}: rm {shlex.quote(str(file))}"


def check_answers(record: Record, answers: Arrays, labels: Mapping[str, NDArray[np.int64]]) -> None:
    """Check that accuracy and mean loss of a run's answers are those of its record: the accuracy exactly, the loss to
    1e-5 of it, since it was added up in another order. `labels`, (n,), are those of "validation" and "test".

    Raises:
        SweepError: they are not.
    """
    for split, part in (("validation", "last"), ("test", "best")):
        short = "val" if split == "validation" else split
        accuracy, loss = record[part][f"{short}_acc"], record[part][f"{short}_loss"]
        classes, losses = answers[f"{split}.classes"], answers[f"{split}.losses"]
        found = int((classes == labels[split]).sum()) / len(classes)
        mean = float(losses.mean(dtype=np.float64))
        # The record has no loss that is not finite.
        same = loss is None or math.isclose(mean, loss, rel_tol=1e-5, abs_tol=1e-7)
        if found != accuracy or not same:
            raise SweepError(
                f"{record['model']}: the answers to the {split} set have accuracy {found} and loss {mean}, "
                f"the record {accuracy} and {loss}: one of them is wrong, please report this"
            )


def count_bytes(runs: Iterable[Run], classes: int, answers: int) -> dict[str, int]:
    """The bytes that the kept weights of these runs take on the disk, by what is kept, but for a few kB of names and
    facts each.

    `classes` is the number of classes, `answers` that of the validation and test images. Raises SweepError if a model
    cannot be built.
    """
    sizes: dict[Any, tuple[int, int]] = {}
    total = {"nothing": 0, "weights": 0, "state": 0}
    for run in runs:
        axes = own_axes(run.model, run.axes)
        key = (run.model, *axes.items())
        if key not in sizes:
            sizes[key] = _count_numbers(run, classes, axes)
        parameters, buffers = sizes[key]
        weights = 2 * (parameters + buffers) * NUMBER_BYTES + answers * ANSWER_BYTES
        total["weights"] += weights
        total["state"] += weights + 2 * parameters * NUMBER_BYTES + GENERATORS_BYTES
    return total


def _count_numbers(run: Run, classes: int, axes: Mapping[str, Value]) -> tuple[int, int]:
    """How many parameters a run's model has, and how many numbers its buffers."""
    # Imported here, as in the other places that build a model: torch takes seconds.
    import torch

    try:
        try:
            with torch.device("meta"):  # numbers are counted, not made
                model = build_model(run.model, classes, run.dropout_rate, **axes)
        except Exception:  # some models look at numbers while they are built
            model = build_model(run.model, classes, run.dropout_rate, **axes)
    except Exception as error:  # a user's own model may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise SweepError(f"scripts/sweep/models/{run.model}.py: its Model cannot be built ({reason})") from None
    return sum(each.numel() for each in model.parameters()), sum(each.numel() for each in model.buffers())


@dataclass
class KeptWeights:
    """What there is of weights beside the records of finished runs. A run that diverged in its first epoch has none."""

    intact: int = 0  # how many files are there and not known to be damaged
    size: int = 0  # the bytes of all files
    checked: int = 0  # those of these bytes that were read
    missing: list[RunState] = field(default_factory=list)
    damaged: list[RunState] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # what is wrong with each file that cannot be used


def inspect_weights(states: Iterable[RunState], checked_bytes: float) -> KeptWeights:
    """Look at the weights of the finished ones of these runs, without torch. To see whether they are intact, so many
    bytes of them are read; of the other files only the facts."""
    found = KeptWeights()
    for state in states:
        record = state.kept_record or state.record
        if not state.finished or record is None or record["best"] is None:
            continue
        file = weights_file(state.kept)
        try:
            size = file.stat().st_size
            whole = found.checked + size <= checked_bytes
            facts = read_tensors(file).facts if whole else read_facts(file)[0]
        except FileNotFoundError:
            found.missing.append(state)
            continue
        except DamagedError as error:
            found.damaged.append(state)
            found.faults.append(str(error))
        except SweepError as error:  # it may be somebody else's: it is not ours to make again
            found.faults.append(str(error))
            continue
        except OSError as error:
            found.faults.append(f"{file} cannot be read ({error.strerror})")
            continue
        else:
            if facts.get("content_hash") == record["content_hash"]:
                found.intact += 1
            else:
                found.damaged.append(state)
                found.faults.append(f"{file} is of another record than the one beside it")
        found.size += size
        found.checked += size * whole
    return found
