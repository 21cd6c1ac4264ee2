"""What runs a sweep has, and where its files are below the folder that it runs in."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.grid import Run, expand_grid
from sweep.studies import VARIANTS, study_spaces

RECORDS = Path("results", "records")


def named(paths: Iterable[str]) -> str:
    """Names of runs or files in lines of a terminal's width, indented."""
    return textwrap.fill(
        ", ".join(paths),
        110,
        initial_indent="  ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


@dataclass(frozen=True)
class Layout:
    """A checked config's runs, and the folders of its experiment."""

    settings: Mapping[str, Any]

    @property
    def models(self) -> dict[str, Any]:
        """The search space of each model to train."""
        return {name: space for name, space in self.settings["models"].items() if space is not None}

    @property
    def grid(self) -> dict[str, Any]:
        return {"models": self.models, "seeds": self.settings["seeds"]}

    @property
    def grid_runs(self) -> list[Run]:
        return self.runs_of(self.models)

    @property
    def studies(self) -> dict[str, dict[str, Any]]:
        """The search spaces of each study that is asked for: of its models and their variants."""
        asked = self.settings["studies"]
        return {study: study_spaces(study, asked[study], self.models) for study in VARIANTS if asked.get(study)}

    @property
    def runs(self) -> list[Run]:
        """Every run: the grid's, and those of studies that it has not."""
        of_studies = [run for spaces in self.studies.values() for run in self.runs_of(spaces)]
        return list(dict.fromkeys([*self.grid_runs, *of_studies]))

    def runs_of(self, spaces: Mapping[str, Any]) -> list[Run]:
        return list(expand_grid(spaces, self.settings["seeds"]))

    @property
    def results(self) -> Path:
        return Path("results", self.settings["experiment"])

    @property
    def report(self) -> Path:
        return Path("report", self.settings["experiment"])

    @property
    def data(self) -> Path:
        return self.results / "data"

    @property
    def tables(self) -> Path:
        return self.results / "tables"

    def study_tables(self, study: str) -> Path:
        return self.results / "studies" / study

    def metrics(self, run: Run) -> Path:
        return self.results / "runs" / run.path / "metrics.json"

    def log(self, run: Run) -> Path:
        return self.results / "logs" / "train" / f"{run.path}.log"
