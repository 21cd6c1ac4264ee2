"""The best run against those of the configurations that rank next, on the same validation pictures."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep.analysis.examined import Comparison, Nearest
from sweep.analysis.paired import compare_losses, compare_rights
from sweep.errors import SweepError
from sweep.results import find_weights, run_path

# Whether each picture is answered right, (n,) bool, and its loss, (n,) float32.
Answers = tuple[NDArray[np.bool_], NDArray[np.float32]]


def examine_nearest(
    best: pd.Series, others: Iterable[pd.Series], records: Path, labels: NDArray[np.int64]
) -> Nearest | None:
    """Compare the `best` run with each of the `others`, which are rows of the table of runs, by the answers that were
    kept with their records below the folder `records`.

    `labels` are the right classes of the validation pictures, (n,), at least two. None if the best run's own answers
    are missing, damaged, or not those of its record.
    """
    ours = read_answers(best, records, labels)
    if ours is None:
        return None
    compared, left_out = [], 0
    for other in others:
        theirs = read_answers(other, records, labels)
        if theirs is None:
            left_out += 1
        else:
            compared.append(compare(other, ours, theirs))
    return Nearest(len(labels), compared, left_out)


def read_answers(row: pd.Series, records: Path, labels: NDArray[np.int64]) -> Answers | None:
    """A run's answers to the validation pictures at its last epoch. None if there are none of which the accuracy is
    that of the record: a comparison beside others is no reason to stop the sweep, `make status` names such files."""
    try:
        _, stored = find_weights(row, records)
    except SweepError:
        return None
    if stored is None:
        return None
    classes, losses = (stored.arrays.get(f"validation.{name}", np.empty(0)) for name in ("classes", "losses"))
    if not classes.shape == losses.shape == labels.shape or losses.dtype.kind != "f":
        return None
    right = classes == labels
    return (right, losses) if int(right.sum()) / len(labels) == row["last_val_acc"] else None


def compare(other: pd.Series, ours: Answers, theirs: Answers) -> Comparison:
    """Compare the best run's answers with those of the run that is the row `other`."""
    (right, losses), (other_right, other_losses) = ours, theirs
    gained, lost = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    finite = bool(np.isfinite(losses).all() and np.isfinite(other_losses).all())
    return Comparison(
        run=run_path(other),
        name=other["name"],
        content_hash=other["content_hash"],
        gained=gained,
        lost=lost,
        accuracy=compare_rights(gained, lost, len(right)),
        loss=compare_losses(losses, other_losses) if finite else None,
    )
