"""Where each number of a report comes from."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

Source = dict[str, Any]

# What a record has under "environment", as columns of the table of runs; what tells kinds of environments apart.
# What makes a kind of place that runs ran in; which of several equal GPUs it was does not.
PLACE = ["device_name", "precision", "threads", "python", "torch"]

# Control characters: no text of a report can hold them.
MARKED = re.compile("\x02(\\d+)\x03([^\x02\x03]*)\x03")


class Ledger:
    """The numbers that a report shows. `cite` gives a text that carries a mark; once the report is rendered, `settle`
    takes the marks out and tells what stands where."""

    def __init__(self) -> None:
        self._origins: list[dict[str, Any]] = []

    def cite(self, text: str, how: str, sources: Iterable[Source]) -> str:
        """`text`, marked as the number that `how` makes of `sources`; text without a digit is no number."""
        if not any(character.isdigit() for character in text):
            return text
        self._origins.append({"how": how, "sources": list(sources)})
        return f"\x02{len(self._origins) - 1}\x03{text}\x03"

    def settle(self, marked: str) -> tuple[str, list[dict[str, Any]]]:
        """The text without marks, and for each number in it: line and column (from 1), text, how and sources."""
        lines, numbers = [], []
        for row, line in enumerate(marked.split("\n"), 1):
            while match := MARKED.search(line):
                place = {"line": row, "column": match.start() + 1, "text": match[2]}
                numbers.append({**place, **self._origins[int(match[1])]})
                line = line[: match.start()] + match[2] + line[match.end() :]
            lines.append(line)
        return "\n".join(lines), numbers


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows as dictionaries of plain Python values."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def run_path(run: Mapping[str, Any]) -> str:
    """A run's folder, as `Run.path`, of a row of the table of runs."""
    return f"{run['model']}/{run['name']}/seed{run['seed']}"


def record_source(run: Mapping[str, Any], column: str) -> Source:
    """Where in a run's record the entry of `column` is, of a row of the table of runs; `epoch` counts from 0, and is
    null for what is of no epoch."""
    part, _, figure = column.partition("_")
    entry, epoch = column, None
    if part in ("last", "best"):
        entry, epoch = f"{part}.{figure}", int(run["epochs"]) - 1 if part == "last" else int(run["best_epoch"])
    elif column in PLACE:
        entry = f"environment.{column}"
    return {
        "run": run_path(run),
        "epoch": epoch,
        "entry": entry,
        "key": run["key"],
        "content_hash": run["content_hash"],
    }


def file_source(file: str, entry: str) -> Source:
    """An entry of a file beside the records: grid.json, manifest.json, writeup.yaml."""
    return {"file": file, "entry": entry}


def some_runs(pattern: str, entry: str | None = None, **condition: object) -> Source:
    """An entry of the records of the runs of a pattern, "mlp/*" or "*"; with `equals`, of those where it is that."""
    return {"run": pattern, "entry": entry, **condition}


def run_list(runs: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """For every run, what its record is known by."""
    columns = ["key", "content_hash", "data_hash", "code_hash"]
    rows = rows_of(runs[["model", "name", "seed", *columns]])
    return {run_path(run): {column: run[column] for column in columns} for run in rows}
