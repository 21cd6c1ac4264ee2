"""What runs a sweep has, and where its files are below the folder that it runs in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sweep.files import canonical_hash
from sweep.grid import Grid, Run

RECORDS = Path("results", "records")


@dataclass(frozen=True)
class Layout:
    """A checked config's runs, and the folders of its experiment."""

    settings: Mapping[str, Any]

    @cached_property
    def grid(self) -> Grid:
        return Grid.of(self.settings["models"], self.settings["seeds"], rank_by=self.settings["report"]["rank_by"])

    @cached_property
    def studies(self) -> dict[str, Grid]:
        """The grid of each study."""
        seeds = self.settings["seeds"]
        return {name: Grid.of(models, seeds, study=name) for name, models in self.settings["studies"].items()}

    @cached_property
    def runs(self) -> list[Run]:
        """Every run: the grid's, and those that only a study has."""
        return list(dict.fromkeys(run for grid in (self.grid, *self.studies.values()) for run in grid.runs()))

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

    def asked(self, kind: str, content: Any) -> Path:
        """The file of what the config asks of a step; it is named by its content."""
        return self.results / "asked" / f"{kind}-{canonical_hash(content)[:16]}.json"

    def metrics(self, run: Run) -> Path:
        return self.results / "runs" / self.grid.path(run) / "metrics.json"

    def log(self, run: Run) -> Path:
        return self.results / "logs" / "train" / f"{self.grid.path(run)}.log"

    @property
    def promotions(self) -> Path:
        """The folder of the promotions, <model>/rung<epochs>.json: which configurations of a model that is halved go on
        after so many epochs."""
        return self.results / "promotions"
