"""Tables of a finished sweep: a row a run, a row an epoch, and the ranking of configurations."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from sweep.errors import SweepError
from sweep.grid import Run
from sweep.metrics import METRIC_LABELS
from sweep.records import Record, differences, read_record

# "last_" and "best_" name the figures of the last epoch and of that with the best validation accuracy.
BEST_FIGURES = ["epoch", "val_loss", "val_acc", "test_loss", "test_acc"]
CONFIGURATION = ["model", "name", "batch_size", "learning_rate", "dropout_rate"]


def read_records(runs: Sequence[Run], folder: Path, data_hash: str) -> list[Record]:
    """The record of every run of the grid, from <folder>/<model>/<name>/seed<k>/metrics.json.

    Raises:
        SweepError: naming every file that is missing, damaged or made with other parameters, data or code, and the
            command that rebuilds them.
    """
    records, faults, files = [], [], []
    for run in runs:
        file = folder / run.path / "metrics.json"
        try:
            record = read_record(file)
            if other := differences(record, run, data_hash):
                raise SweepError(f"{file} was made with {', '.join(other)}")
            records.append(record)
        except SweepError as error:
            faults.append(f"  {error}")
            files.append(str(file))
    if faults:
        raise SweepError(
            f"{len(faults)} of {len(runs)} records are not those of this sweep:\n"
            + "\n".join(faults)
            + f"\nRebuild them: remove these files and run the same command again: rm {shlex.join(files)}"
        )
    return records


def run_table(runs: Iterable[Run], records: Iterable[Record]) -> pd.DataFrame:
    """A row a run: parameters, status, the figures of its last (last_…) and best epoch (best_…), and its origin."""
    return pd.DataFrame(
        {
            **{column: getattr(run, column) for column in CONFIGURATION},
            "seed": run.seed,
            "epochs": run.epochs,
            "status": record["status"],
            "diverged_epoch": record["diverged_epoch"],
            **{f"last_{figure}": (record["last"] or {}).get(figure) for figure in METRIC_LABELS},
            **{f"best_{figure}": (record["best"] or {}).get(figure) for figure in BEST_FIGURES},
            "training_s": record["training_s"],
            **record["environment"],
            "commit": record["commit"],
            "key": record["key"],
            "content_hash": record["content_hash"],
        }
        for run, record in zip(runs, records, strict=True)
    ).astype({"diverged_epoch": "Int64", "best_epoch": "Int64"})


def epoch_table(runs: Iterable[Run], records: Iterable[Record]) -> pd.DataFrame:
    """A row an epoch of a run, counted from 0, with the learning rate it was trained with; a diverged run's rows end
    before the epoch that diverged."""
    histories = [
        pd.DataFrame(record["history"]).assign(model=run.model, name=run.name, seed=run.seed)
        for run, record in zip(runs, records, strict=True)
    ]
    table = pd.concat(histories).rename_axis("epoch").reset_index()
    return table[["model", "name", "seed", "epoch", *METRIC_LABELS, "learning_rate", "seconds"]]


def configuration_table(runs: pd.DataFrame, rank_by: str) -> pd.DataFrame:
    """A row a configuration, ranked within its model from 1, the best first: by the mean over its seeds of the last
    epoch's `rank_by`, the lowest val_loss or the highest val_acc. Equals keep the grid's order.

    Means are over the runs that completed; a configuration with a run that diverged ranks behind all without one.
    """
    completed = runs["status"] == "completed"
    figures = [f"last_{figure}" for figure in METRIC_LABELS] + [f"best_{figure}" for figure in BEST_FIGURES[1:]]
    rows = runs[CONFIGURATION].assign(runs=1, diverged=~completed)
    rows[figures] = runs[figures].astype(float).where(completed)
    table = rows.groupby(CONFIGURATION, sort=False, as_index=False).agg(
        {"runs": "sum", "diverged": "sum", **dict.fromkeys(figures, "mean")}
    )
    order = table.assign(model=pd.factorize(table["model"])[0], any_diverged=table["diverged"] > 0).sort_values(
        ["model", "any_diverged", f"last_{rank_by}"], ascending=[True, True, rank_by == "val_loss"], kind="stable"
    )
    ranked = table.loc[order.index]
    ranked.insert(1, "rank", ranked.groupby("model").cumcount() + 1)
    return ranked
