"""The numbers that a report shows, and where each of them comes from."""

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from copy import copy
from typing import Any, Self
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from sweep.report.render import Marked, printable

# One entry of "sources" in report.json: an entry of a run's record, of the records of several runs, or of a file.
Citation = dict[str, Any]

# The columns that define an environment. The GPU's UUID is not among them: equal GPUs are one environment.
ENVIRONMENT = ["device_name", "precision", "threads", "python", "torch"]

# A marked number: its position in the list of origins, then its text. A report cannot hold these control characters.
MARKED = re.compile("\x02(\\d+)\x03([^\x02\x03]*)\x03")
MISSING = "–"
# At most this many entries of a list are shown, and in a sentence at most so many; the rest are counted.
LISTED = 60
IN_SENTENCE = 10


class Citations:
    """All numbers of one report, and the configurations that it names.

    Each method that returns a text marks the number in it. When the report is rendered, `settle` removes the marks and
    says for each number where it stands and where it comes from.
    """

    def __init__(self, runs: pd.DataFrame, seeds: int) -> None:
        """`runs` is the table of runs, `seeds` the number of seeds in the config."""
        self.seeds = seeds
        # Model and name of each configuration that the report names.
        self.named: set[tuple[str, str]] = set()
        self._origins: list[dict[str, Any]] = []
        self._choose("", runs)

    def _choose(self, study: str, runs: pd.DataFrame) -> None:
        self.study = study
        self.runs = runs
        self._by_configuration = runs.groupby(["model", "name"], sort=False)

    def within(self, study: str, runs: pd.DataFrame) -> Self:
        """The citations of the same report, but from these runs, which are those of a study, or of all grids if `study`
        is "*"."""
        view = copy(self)
        view._choose(study, runs)
        return view

    def runs_of(self, model: str, name: str) -> pd.DataFrame:
        """The rows of the table of runs of one configuration."""
        return self._by_configuration.get_group((model, name))

    def cite(self, text: str, how: str, citations: Iterable[Citation]) -> str:
        """`text`, marked as the number that is made from `citations` in the way `how`; unmarked if it has no digit."""
        if not any(character.isdigit() for character in text):
            return text
        self._origins.append({"how": how, "sources": list(citations)})
        return Marked(f"\x02{len(self._origins) - 1}\x03{printable(text)}\x03")

    @property
    def grid_file(self) -> str:
        """The grid.json of these runs, as citations name it."""
        return f"studies/{self.study}/grid.json" if self.study else "grid.json"

    def match(self, pattern: str, entry: str | None = None, **condition: object) -> Citation:
        """As `cite_runs`, of these runs alone: the citation of a study's runs names the study, and the runs of all
        grids are those of the study "*"."""
        return cite_runs(pattern, entry, **({"study": self.study} if self.study else {}), **condition)

    def setting(self, value: object, entry: str, file: str = "") -> str:
        """A value that a file other than a record gives, such as manifest.json or writeup.yaml; without `file`, the
        grid.json of these runs."""
        return self.cite(str(value), "setting", [cite_file(file or self.grid_file, entry)])

    def value(self, run: Mapping[str, Any], column: str, form: str = "") -> str:
        """The value in `column` of a row of the table of runs, in a format such as ".4f"."""
        if pd.isna(run[column]):
            return MISSING
        return self.cite(f"{run[column]:{form}}", "value", [cite_record(run, column)])

    def mean(self, mean: float, deviation: float, citations: list[Citation]) -> str:
        """A metric, in the form mean ± standard deviation if it comes from several seeds."""
        if pd.isna(mean):
            return MISSING
        if len(citations) == 1:
            return self.cite(f"{mean:.4f}", "value", citations)
        shown = self.cite(f"{mean:.4f}", "mean", citations)
        return Marked(f"{shown} ± {self.cite(f'{deviation:.4f}', 'standard deviation', citations)}")

    def count(self, number: int, *citations: Citation) -> str:
        """The number of runs that match all of these citations, or of entries of the one file that is cited."""
        return self.cite(str(number), "count", citations)

    def name(self, model: str, name: str) -> dict[str, Any]:
        """A configuration's name, and the anchor of its runs in the appendix, which then lists them."""
        self.named.add((model, name))
        return {"name": name, "anchor": anchor(model, name)}

    def rest(self, entries: Sized, *citations: Citation, shown: int = LISTED) -> str | None:
        """How many of the `entries`, those after the first `shown`, are not shown; None if all are."""
        unlisted = len(entries) - shown
        return self.cite(str(unlisted), "not listed", citations) if unlisted > 0 else None

    def settle(self, marked: str) -> tuple[str, list[dict[str, Any]]]:
        """The text without marks, and for each number in it: line and column (from 1), text, how, and sources."""
        parts, numbers = [], []
        # Where the match before ended, the line there, and how many characters that line has so far.
        end, line, column = 0, 1, 0
        for match in MARKED.finditer(marked):
            between = marked[end : match.start()]
            line += between.count("\n")
            column = len(between) - between.rindex("\n") - 1 if "\n" in between else column + len(between)
            numbers.append({"line": line, "column": column + 1, "text": match[2], **self._origins[int(match[1])]})
            parts += [between, match[2]]
            end, column = match.end(), column + len(match[2])
        return "".join([*parts, marked[end:]]), numbers


def rounded(value: float, error: float, form: str = "") -> str:
    """`value`, with as many decimals as two significant digits of its `error` have, so that no digit is shown that is
    chance alone; with four if there is no error. `form` is what a format has before its precision, such as "+".

    An error is rounded by itself: `rounded(error, error)`.
    """
    decimals = max(0, 1 - int(f"{error:.1e}".split("e")[1])) if error else 4
    # No zero has a minus.
    return f"{round(value, decimals) + 0.0:{form}.{decimals}f}"


def anchor(model: str, name: str) -> Markup:
    """The anchor of a configuration's runs in the appendix, of characters that are safe in a link and in HTML."""
    return Markup(quote(f"{model}-{name}", safe=""))  # noqa: S704


def cite_record(run: Mapping[str, Any], column: str) -> Citation:
    """The entry of a run's record that `column` of the table of runs shows; `run` is a row of that table.

    "epoch" counts from 0; it is None for an entry that belongs to no epoch.
    """
    part, _, metric = column.partition("_")
    entry, epoch = column, None
    if part in ("last", "best"):
        entry, epoch = f"{part}.{metric}", int(run["epochs"]) - 1 if part == "last" else int(run["best_epoch"])
    elif column in ENVIRONMENT:
        entry = f"environment.{column}"
    return {
        "run": run_path(run),
        "epoch": epoch,
        "entry": entry,
        "series": run["series"],
        "content_hash": run["content_hash"],
    }


def cite_runs(pattern: str, entry: str | None = None, **condition: object) -> Citation:
    """An entry in the records of all runs that match a pattern, such as "mlp/*" or "*".

    The runs are the sweep's own; if `study` is given, those of that study, or of all grids if it is "*". With `equals`,
    only the runs whose entry has that value count; with `epochs`, only those that were trained for so many.
    """
    return {"run": pattern, "entry": entry, **condition}


def cite_file(file: str, entry: str) -> Citation:
    """An entry of a file that is not a record: grid.json, manifest.json, writeup.yaml."""
    return {"file": file, "entry": entry}


def cite_examination(model: str, entry: str) -> Citation:
    """An entry of the examination of a model's best run."""
    return cite_file(f"examinations/{model}.json", entry)


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows as dictionaries of plain Python values."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def run_path(run: Mapping[str, Any]) -> str:
    """The same as `Run.path`, for a row of the table of runs."""
    return f"{run['model']}/{run['name']}/seed{run['seed']}"


def run_list(runs: pd.DataFrame, studies: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """For every run, of the sweep and of its studies, by its path: the series, epochs and hashes that identify its
    record, whether it is the sweep's, and the studies that it is of.

    `runs` is the sweep's table of runs, `studies` has those of the studies. A run that a halved search stopped, and
    that a study trained longer, is by that of its record's folder: "mlp/1024_0.001_0.2/seed0/rung5".
    """
    longest: dict[str, int] = {}
    for table in (runs, *studies.values()):
        for run in rows_of(table[["model", "name", "seed", "epochs"]]):
            longest[run_path(run)] = max(run["epochs"], longest.get(run_path(run), 0))
    columns = ["series", "epochs", "content_hash", "data_hash", "code_hash"]
    listed: dict[str, dict[str, Any]] = {}
    for study, table in {"": runs, **studies}.items():
        for run in rows_of(table[["model", "name", "seed", *columns]]):
            entry = {**{column: run[column] for column in columns}, "sweep": not study, "studies": []}
            path = run_path(run)
            place = path if run["epochs"] == longest[path] else f"{path}/rung{run['epochs']}"
            found = listed.setdefault(place, entry)
            if study:
                found["studies"].append(study)
    return listed


def all_runs(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The runs of several tables of runs, each once; those of other epochs are others. Columns that are not in all
    tables have missing values."""
    return pd.concat(tables, ignore_index=True).drop_duplicates(["model", "name", "seed", "epochs"], ignore_index=True)
