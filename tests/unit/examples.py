"""Made-up records of runs, for tests of what is made from them."""

from pathlib import Path
from typing import Any

import numpy as np

from sweep.files import write_json
from sweep.grid import Run
from sweep.runs.records import Record, kept_file, make_record, weights_file
from sweep.runs.weights import STATE, write_weights

DATA_HASH = "d" * 64
MADE_WITH = {"device": "cpu", "precision": "fp32", "torch": "2.14.1"}


def save_settings(folder: Path, language: str = "en", author: str = "", top: int = 10) -> Path:
    """Write what a report shows to settings.json, as the programs are given it."""
    write_json(folder / "settings.json", {"language": language, "author": author, "top": top})
    return folder / "settings.json"


def result(
    val_losses: list[float], val_accs: list[float], diverged_epoch: int | None = None, **environment: Any
) -> dict[str, Any]:
    """What `train_run` returns for a run with these validation metrics per epoch; all others are derived from them."""
    history = {
        "train_loss": [loss + 1 for loss in val_losses],
        "train_acc": [accuracy / 2 for accuracy in val_accs],
        "val_loss": val_losses,
        "val_acc": val_accs,
        "learning_rate": [0.001] * len(val_losses),
        "seconds": [2.0] * len(val_losses),
    }
    epoch = max(range(len(val_accs)), key=lambda k: (val_accs[k], k), default=None)
    best = None
    if epoch is not None:
        best = {"epoch": epoch, "val_loss": val_losses[epoch], "val_acc": val_accs[epoch]}
        best |= {"test_loss": val_losses[epoch] + 0.5, "test_acc": val_accs[epoch] - 0.01}
    return {
        "commit": "c" * 40,
        "status": "completed" if diverged_epoch is None else "diverged",
        "diverged_epoch": diverged_epoch,
        "resumed_epochs": [],
        "history": history,
        "best": best,
        "last": {name: column[-1] for name, column in history.items()} if val_losses else None,
        "training_s": 2.0 * len(val_losses) + 1,
        "environment": {
            "device_asked": "auto",
            "device": "cpu",
            "device_name": "Some CPU",
            "gpu": None,
            "precision_asked": "auto",
            "precision": "fp32",
            "threads": 1,
            "python": "3.11.7",
            "torch": "2.14.1",
            **environment,
        },
    }


def record(run: Run, *arguments: Any, **environment: Any) -> Record:
    """The run's record, whose result is `result(…)`."""
    return make_record(run, DATA_HASH, result(*arguments, **environment))


def save_record(folder: Path, run: Run, *arguments: Any) -> Path:
    """Write the run's metrics.json to its place below `folder`."""
    file = folder / run.path / "metrics.json"
    write_json(file, record(run, *arguments))
    return file


def save_kept(folder: Path, run: Run, keep: str = "state", **made_with: str) -> Path:
    """Write the kept record of a run and its weights below `folder`, these with a few numbers in place of tensors, made
    with MADE_WITH but for what is given. Returns the record's file."""
    kept = kept_file(folder, run, DATA_HASH)
    of_run = record(run, [0.5] * run.epochs, [0.5] * run.epochs)
    write_json(kept, of_run)
    arrays = {name: np.arange(100.0) for name in ("weights", *STATE)}
    write_weights(weights_file(kept), of_run, arrays, {"made_with": {**MADE_WITH, **made_with}}, keep)
    return kept
