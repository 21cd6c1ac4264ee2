"""Tables of a finished sweep: one row per run, one row per epoch, the ranking of configurations, and how much each
hyper-parameter matters."""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sweep.analysis.importance import importance_table
from sweep.analysis.rungs import compare_equals
from sweep.errors import SweepError
from sweep.files import json_text, read_json, write_text
from sweep.grid import MAIN, Grid, Run, Value, value_name
from sweep.metrics import METRIC_LABELS

if TYPE_CHECKING:
    from sweep.runs.records import Record

# The prefixes "last_" and "best_" name the metrics of the last epoch and of the one with the best validation accuracy.
BEST_METRICS = ["epoch", "val_loss", "val_acc", "test_loss", "test_acc"]
CONFIGURATION = ["model", "name", *MAIN]
# What looks like a number in these columns is text: a device named nan, a hash of digits.
TEXT_COLUMNS = ["model", "name", "device_name", "gpu", "python", "torch", "commit", "resumed_epochs"]
TEXT_COLUMNS += ["series", "data_hash", "code_hash", "content_hash"]
# grid.json is the grid that the other tables are made from. `sha256sum --check` can read the sums.
TABLE_FILES = ("runs.csv", "epochs.csv", "configurations.csv", "importance.csv", "grid.json")
SUMS_FILE = "SHA256SUMS"
# Means are compared after rounding to this many decimals, because those of the same values in another order differ in
# the last bit.
DIGITS = 12


def write_tables(folder: Path, runs: Sequence[Run], records: "Sequence[Record]", grid: Grid) -> None:
    """Write the four tables and grid.json, and the SHA-256 sums that `check_tables` compares them with.

    `records` has the record of each of the `runs`; the configurations are ranked by `grid.rank_by`.
    """
    table, epochs = run_table(runs, records, grid), epoch_table(runs, records)
    halved = [model for model, space in grid.models.items() if space.halving]
    configurations = configuration_table(table, grid.rank_by, halved)
    tables = (table, epochs, configurations, importance_table(compare_equals(table, epochs, grid), grid))
    texts = [*(_csv(content) for content in tables), json_text(grid.content())]
    sums = []
    for name, text in zip(TABLE_FILES, texts, strict=True):
        write_text(folder / name, text)
        sums.append(f"{sha256(text.encode()).hexdigest()}  {name}\n")
    write_text(folder / SUMS_FILE, "".join(sums))


def describe_damage(folder: Path) -> str:
    """A sentence that names the damaged tables and the command that rebuilds them; "" if none is damaged.

    A table is damaged if its content is not what the sums beside it say; without sums, every table is.
    """
    try:
        sums = _read_if_there(folder / SUMS_FILE) or b""
        tables = {name: _read_if_there(folder / name) for name in TABLE_FILES}
    except OSError as error:
        return f"{error.filename} cannot be read ({error.strerror}): make it readable for you, or remove it"
    damaged = [
        folder / name
        for name, content in tables.items()
        if content is not None and f"{sha256(content).hexdigest()}  {name}".encode() not in sums.splitlines()
    ]
    if not damaged:
        return ""
    return (
        f"{', '.join(map(str, damaged))}: damaged, the content is not what {SUMS_FILE} beside it says; "
        f"remove and run the same command again: rm -f {shlex.join(map(str, damaged))}"
    )


def _read_if_there(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def check_tables(folder: Path, grid: Path) -> None:
    """Raises SweepError if a table is damaged, or if the tables are not of the grid in the file `grid`; the sentence
    names the files and the command that rebuilds them."""
    if fault := describe_damage(folder):
        raise SweepError(fault)
    if read_json(folder / "grid.json") != read_json(grid):
        raise SweepError(
            f"{folder / 'grid.json'}: the tables are of another grid, ranking or code than {grid} asks for; "
            f"remove and run the same command again: rm -f {shlex.quote(str(folder / 'grid.json'))}"
        )


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


def _csv(table: pd.DataFrame) -> str:
    """A table as text, with the hyper-parameters of `axes_of` spelled as in names."""
    spelled = {name: table[name].map(value_name, na_action="ignore") for name in axes_of(table)}
    return table.assign(**spelled).to_csv(index=False)


def read_table(file: Path) -> pd.DataFrame:
    """Read a table, each value exactly as it was written. Only empty cells are missing values. Columns of epochs are
    integers even if values are missing; those of `axes_of` hold bool, int, float or str."""
    kinds: dict[str, Any] = {"diverged_epoch": "Int64", "best_epoch": "Int64"}
    kinds |= dict.fromkeys(TEXT_COLUMNS, "str")
    kinds |= dict.fromkeys(axes_of(pd.read_csv(file, nrows=0)), "str")
    table = pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=[""])
    parsed = {name: [None if pd.isna(text) else _parse(text) for text in table[name]] for name in axes_of(table)}
    return table.assign(**{name: _exact(values) for name, values in parsed.items()})


def _parse(text: str) -> Value:
    """The value that `value_name` spelled so."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text


def axes_of(table: pd.DataFrame) -> list[str]:
    """The further hyper-parameters of a table of runs or configurations: the columns behind those of MAIN. A row has
    none for a hyper-parameter that its model lacks. Other tables have no such columns."""
    columns = list(map(str, table))
    if MAIN[-1] not in columns:
        return []
    behind = columns[columns.index(MAIN[-1]) + 1 :]
    return behind[: next(position for position, name in enumerate(behind) if name in ("seed", "runs"))]


def run_table(runs: Sequence[Run], records: "Iterable[Record]", grid: Grid) -> pd.DataFrame:
    """One row per run: parameters, status, metrics of its last (last_…) and best (best_…) epoch, and its origin.

    The further hyper-parameters are those of `grid`, whose defaults the runs have where they say nothing else, and, in
    a preview, those of stale runs.
    """
    axes = sorted({*grid.axes, *(name for run in runs for name, _ in run.axes)})
    rows = [
        {
            **{column: getattr(run, column) for column in CONFIGURATION},
            **{name: ({**grid.models[run.model].defaults, **dict(run.axes)}).get(name) for name in axes},
            "seed": run.seed,
            "epochs": run.epochs,
            "status": record["status"],
            "diverged_epoch": record["diverged_epoch"],
            **{f"last_{metric}": (record["last"] or {}).get(metric) for metric in METRIC_LABELS},
            **{f"best_{metric}": (record["best"] or {}).get(metric) for metric in BEST_METRICS},
            "training_s": record["training_s"],
            **record["environment"],
            "commit": record["commit"],
            "series": record["series"],
            "data_hash": record["data_hash"],
            "code_hash": record["code_hash"],
            "content_hash": record["content_hash"],
            "resumed_epochs": " ".join(map(str, record["resumed_epochs"])),
        }
        for run, record in zip(runs, records, strict=True)
    ]
    table = pd.DataFrame(rows).astype({"diverged_epoch": "Int64", "best_epoch": "Int64"})
    return table.assign(**{name: _exact([row[name] for row in rows]) for name in axes})


def _exact(values: Sequence[Value | None]) -> pd.Series:
    """A column of exactly these values: pandas would make floats of integers where one is missing."""
    return pd.Series(values, dtype=object)


def epoch_table(runs: Iterable[Run], records: "Iterable[Record]") -> pd.DataFrame:
    """One row per epoch of each run, counted from 0, with its metrics, learning rate and seconds. A diverged run's rows
    end before the epoch that diverged."""
    columns: dict[str, list[Any]] = {}
    for run, record in zip(runs, records, strict=True):
        history = record["history"]
        epochs = len(history["seconds"])
        whole = {"model": run.model, "name": run.name, "seed": run.seed}
        part = {**{name: [value] * epochs for name, value in whole.items()}, "epoch": range(epochs), **history}
        for name in ("model", "name", "seed", "epoch", *METRIC_LABELS, "learning_rate", "seconds"):
            columns.setdefault(name, []).extend(part[name])
    return pd.DataFrame(columns)


def configuration_table(runs: pd.DataFrame, rank_by: str, halved: Sequence[str] = ()) -> pd.DataFrame:
    """One row per configuration, ranked within its model from 1, the best first: by the mean over its seeds of the last
    epoch's `rank_by`, the lowest val_loss or the highest val_acc. Equal ones keep the grid's order. Of the models
    `halved`, configurations that were trained for more epochs rank before the others.

    Means and standard deviations (<metric>_std, ddof 1) are over the runs that completed; if one of these lacks a
    metric, its mean and deviation are missing. A configuration with a diverged run ranks behind all without one.
    """
    completed = runs["status"] == "completed"
    metrics = [f"last_{metric}" for metric in METRIC_LABELS] + [f"best_{metric}" for metric in BEST_METRICS[1:]]
    counts = runs[CONFIGURATION].assign(runs=1, diverged=~completed).groupby(CONFIGURATION, sort=False).sum()
    counts["epochs"] = runs.groupby(CONFIGURATION, sort=False)["epochs"].max()
    finished = runs.loc[completed, CONFIGURATION].join(runs.loc[completed, metrics].astype(float))
    groups = finished.groupby(CONFIGURATION, sort=False)[metrics]
    means, deviations = groups.mean(skipna=False), groups.std(skipna=False).add_suffix("_std")
    table = counts.join(means).join(deviations).reset_index()
    # The groups are in the order of their first runs.
    firsts = runs.drop_duplicates(["model", "name"])
    for place, name in enumerate(axes_of(runs), len(CONFIGURATION)):
        table.insert(place, name, _exact(firsts[name].tolist()))
    order = table.assign(
        model=pd.factorize(table["model"])[0],
        any_diverged=table["diverged"] > 0,
        epochs=table["epochs"].where(table["model"].isin(halved), 0),
        by=table[f"last_{rank_by}"].round(DIGITS),
    ).sort_values(
        ["model", "any_diverged", "epochs", "by"], ascending=[True, True, False, rank_by == "val_loss"], kind="stable"
    )
    ranked = table.loc[order.index]
    ranked.insert(1, "rank", ranked.groupby("model").cumcount() + 1)
    return ranked
