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
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.errors import SweepError
from sweep.grid import Run
from sweep.runs.records import Record, model_hash
from sweep.runs.tensors import Stored, read_facts, read_tensors, write_tensors

Arrays = Mapping[str, NDArray[Any]]

# What of a snapshot only serves to train on from it: Adam's moments and steps, and the generators.
STATE = ("mean", "mean_square", "steps", "shuffles", "dropout")
# What a model was given of a pixel v from 0 to 255.
SCALING = "(v - 128) / 255"
# Bytes: of a parameter, of the two generators' states, and of an answer (uint8, float32, float32).
PARAMETER_BYTES, GENERATORS_BYTES, ANSWER_BYTES = 4, 2 * 5056, 9


def write_weights(
    file: Path, record: Record, snapshot: Arrays, class_names: list[str], made_with: Mapping[str, str], keep: str
) -> None:
    """Write the weights of the run with this record, atomically, from its final snapshot's tensors. `keep` is "state"
    or "weights". Raises SweepError if the file cannot be written."""
    facts = {
        **{name: record[name] for name in ("series", "epochs", "content_hash", "model", "dropout_rate", "axes")},
        "model_hash": model_hash(record["model"]),
        "class_names": class_names,
        "scaling": SCALING,
        "made_with": dict(made_with),
        "keep": keep,
    }
    write_tensors(
        file, facts, {name: array for name, array in snapshot.items() if keep == "state" or name not in STATE}
    )


def read_weights(file: Path, content_hash: str) -> Stored | None:
    """Read the weights that were kept with the record of this content_hash; None if there are none.

    Raises:
        SweepError: they are damaged, or of another record. The sentence says how to mend it.
    """
    try:
        stored = read_tensors(file)
    except FileNotFoundError:
        return None
    except SweepError as error:
        raise SweepError(f"{error}; {mend_advice(file)}") from None
    if stored.facts.get("content_hash") != content_hash:
        raise SweepError(
            f"{file} is of another record of this run, as when it was trained again in another experiment: remove the "
            "run's metrics.json, and the next run of the sweep publishes the record beside the weights; if that is not "
            "theirs, `make status` says so"
        )
    return stored


def mend_advice(file: Path) -> str:
    """How a user gets rid of weights that cannot be used, and gets others."""
    advice = "`make remake` has the run trained again, and this goes on without its weights"
    return f"{advice}: rm {shlex.quote(str(file))}"


def describe_damage(file: Path, content_hash: str, whole: bool) -> str:
    """Half a sentence on what is wrong with the weights of the record with this content_hash, "" if nothing is. Only if
    `whole` the tensors are read. Raises FileNotFoundError if there are none."""
    try:
        facts = read_tensors(file).facts if whole else read_facts(file)[0]
    except SweepError as error:
        return str(error)
    same = facts.get("content_hash") == content_hash
    return "" if same else f"{file} is of another record than the one beside it"


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


def count_bytes(runs: Iterable[Run], keep: str, classes: int, answers: int) -> int:
    """The bytes that the kept weights of these runs take on the disk, but for a few kB of names and facts each.

    `classes` is the number of classes, `answers` that of the validation and test images. `keep` is as in the config.
    Raises SweepError if a model cannot be built.
    """
    if keep == "nothing":
        return 0
    # Imported here, as in the other places that build a model: torch takes seconds.
    import torch

    from sweep.models import build_model, own_axes

    sizes: dict[Any, tuple[int, int]] = {}
    total = 0
    for run in runs:
        axes = own_axes(run.model, run.axes)
        key = (run.model, *axes.items())
        if key not in sizes:
            try:
                with torch.device("meta"):  # numbers are counted, not made
                    model = build_model(run.model, classes, run.dropout_rate, **axes)
            except Exception as error:  # a user's own model may raise anything
                name = f"scripts/sweep/models/{run.model}.py"
                raise SweepError(
                    f"{name}: its Model cannot be built ({type(error).__name__}: {error}); mend it"
                ) from None
            sizes[key] = (sum(p.numel() for p in model.parameters()), sum(b.numel() for b in model.buffers()))
        parameters, buffers = sizes[key]
        moments = (2 * parameters * PARAMETER_BYTES + GENERATORS_BYTES) if keep == "state" else 0
        total += 2 * (parameters + buffers) * PARAMETER_BYTES + moments + answers * ANSWER_BYTES
    return total
