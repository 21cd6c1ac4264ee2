"""What runs a sweep has, and where its files are below the folder that it runs in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.files import canonical_hash
from sweep.grid import Grid, Run
from sweep.studies import VARIANTS, study_spaces

RECORDS = Path("results", "records")


@dataclass(frozen=True)
class Layout:
    """A checked config's runs, and the folders of its experiment."""

    settings: Mapping[str, Any]

    @property
    def grid(self) -> Grid:
        return Grid.of(self.settings["models"], self.settings["seeds"])

    @property
    def studies(self) -> dict[str, Grid]:
        """The grid of each study that is asked for, of its models and their variants."""
        asked, models, seeds = (self.settings[key] for key in ("studies", "models", "seeds"))
        return {
            study: Grid.of(study_spaces(study, asked[study], models), seeds, study=study)
            for study in VARIANTS
            if asked.get(study)
        }

    @property
    def runs(self) -> list[Run]:
        """Every run: the grid's, and those that only a study has."""
        of_studies = [run for grid in self.studies.values() for run in grid.runs()]
        return list(dict.fromkeys([*self.grid.runs(), *of_studies]))

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
        return self.results / "runs" / run.path / "metrics.json"

    def log(self, run: Run) -> Path:
        return self.results / "logs" / "train" / f"{run.path}.log"
