"""Tables of a finished sweep: a row a run, a row an epoch, and the ranking of configurations."""

import shlex
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.analysis.ranking import DIGITS
from sweep.errors import SweepError
from sweep.files import json_text, write_text
from sweep.grid import Grid, Run
from sweep.metrics import METRIC_LABELS
from sweep.runs.records import Record

# "last_" and "best_" name the figures of the last epoch and of that with the best validation accuracy.
BEST_FIGURES = ["epoch", "val_loss", "val_acc", "test_loss", "test_acc"]
CONFIGURATION = ["model", "name", "batch_size", "learning_rate", "dropout_rate"]
# What looks like a number there is none: a device "nan", a hash of digits.
TEXT_COLUMNS = ["model", "name", "device_name", "gpu", "python", "torch", "commit", "resumed_epochs"]
TEXT_COLUMNS += ["key", "data_hash", "code_hash", "content_hash"]
# grid.json is the grid that the tables are of. The sums are in the form of `sha256sum --check`.
TABLE_FILES = ("runs.csv", "epochs.csv", "configurations.csv", "grid.json")
SUMS_FILE = "SHA256SUMS"


def write_tables(folder: Path, runs: Sequence[Run], records: Sequence[Record], grid: Grid, rank_by: str) -> None:
    """Write the three tables and grid.json, and the SHA-256 sums by which `check_tables` knows them."""
    table = run_table(runs, records)
    tables = (table, epoch_table(runs, records), configuration_table(table, rank_by))
    texts = [*(content.to_csv(index=False) for content in tables), json_text(grid.content())]
    sums = []
    for name, text in zip(TABLE_FILES, texts, strict=True):
        write_text(folder / name, text)
        sums.append(f"{sha256(text.encode()).hexdigest()}  {name}\n")
    write_text(folder / SUMS_FILE, "".join(sums))


def damaged_tables(folder: Path) -> list[Path]:
    """The tables whose content is not what the sums beside them say; all that are there if there are no sums."""
    sums = folder / SUMS_FILE
    lines = sums.read_bytes().splitlines() if sums.exists() else []
    files = [folder / name for name in TABLE_FILES]
    return [
        file
        for file in files
        if file.exists() and f"{sha256(file.read_bytes()).hexdigest()}  {file.name}".encode() not in lines
    ]


def check_tables(folder: Path) -> None:
    """Raises SweepError if a table is damaged, naming each and the command that rebuilds them."""
    if damaged := damaged_tables(folder):
        raise SweepError(tables_fault(damaged))


def check_data(tables: Path, runs: pd.DataFrame, data_hash: str) -> None:
    """Raises SweepError if `runs`, the table of runs in the folder `tables`, has a run of other data than those with
    this content hash."""
    if others := int((runs["data_hash"] != data_hash).sum()):
        files = [str(tables / name) for name in TABLE_FILES]
        raise SweepError(
            f"{tables / 'runs.csv'}: {others} of its {len(runs)} runs were made with other data than the prepared ones "
            f"(data_hash is not {data_hash[:16]}…, the manifest's content_hash); remove the tables and run the same "
            f"command again: rm -f {shlex.join(files)}"
        )


def read_table(file: Path) -> pd.DataFrame:
    """runs.csv, epochs.csv or configurations.csv, each number exactly as it was written. Only empty cells are missing
    values, and columns of epochs are integers in spite of them."""
    kinds: dict[str, Any] = {"diverged_epoch": "Int64", "best_epoch": "Int64"}
    kinds |= dict.fromkeys(TEXT_COLUMNS, "str")
    return pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=[""])


def tables_fault(damaged: Sequence[Path]) -> str:
    """What is wrong with these tables, and what to do."""
    return (
        f"{', '.join(map(str, damaged))}: damaged, the content is not what {SUMS_FILE} beside it says; "
        f"remove and run the same command again: rm -f {shlex.join(map(str, damaged))}"
    )


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
            "data_hash": record["data_hash"],
            "code_hash": record["code_hash"],
            "content_hash": record["content_hash"],
            "resumed_epochs": " ".join(map(str, record["resumed_epochs"])),
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

    Means and, as <figure>_std, standard deviations (ddof 1) are over the runs that completed; one of a figure that is
    missing in any of them is missing. A configuration with a run that diverged ranks behind all without one.
    """
    completed = runs["status"] == "completed"
    figures = [f"last_{figure}" for figure in METRIC_LABELS] + [f"best_{figure}" for figure in BEST_FIGURES[1:]]
    counts = runs[CONFIGURATION].assign(runs=1, diverged=~completed).groupby(CONFIGURATION, sort=False).sum()
    finished = runs.loc[completed, CONFIGURATION].join(runs.loc[completed, figures].astype(float))
    groups = finished.groupby(CONFIGURATION, sort=False)[figures]
    means, deviations = groups.mean(skipna=False), groups.std(skipna=False).add_suffix("_std")
    table = counts.join(means).join(deviations).reset_index()
    order = table.assign(
        model=pd.factorize(table["model"])[0],
        any_diverged=table["diverged"] > 0,
        by=table[f"last_{rank_by}"].round(DIGITS),
    ).sort_values(["model", "any_diverged", "by"], ascending=[True, True, rank_by == "val_loss"], kind="stable")
    ranked = table.loc[order.index]
    ranked.insert(1, "rank", ranked.groupby("model").cumcount() + 1)
    return ranked
