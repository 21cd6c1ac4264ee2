"""What tables of the report show of configurations: every number cited, every name with its place in the appendix."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sweep.analysis.ranking import Ranking
from sweep.report.citations import Ledger, Source, file_source, record_source, rows_of, some_runs

# The figures of a configuration that tables show.
FIGURES = ("last_val_loss", "last_val_acc", "best_test_acc")


@dataclass
class Sheet:
    """Where numbers are cited from: the ledger, the table of runs, and the configurations that the report names."""

    ledger: Ledger
    runs: pd.DataFrame
    seeds: int  # asked for
    named: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.by_configuration: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for run in rows_of(self.runs):
            self.by_configuration.setdefault((run["model"], run["name"]), []).append(run)

    def name(self, model: str, name: str) -> dict[str, Any]:
        """A configuration's name and the appendix's anchor of it."""
        self.named.add((model, name))
        return {"name": name, "anchor": f"{model}-{name}"}

    def setting(self, value: object, entry: str, file: str = "grid.json") -> str:
        return self.ledger.cite(str(value), "setting", [file_source(file, entry)])

    def mean(self, mean: float, deviation: float, sources: Iterable[Source]) -> str:
        """A figure, of several seeds as mean ± standard deviation."""
        sources = list(sources)
        if pd.isna(mean):
            return "–"
        if len(sources) == 1:
            return self.ledger.cite(f"{mean:.4f}", "value", sources)
        shown = self.ledger.cite(f"{mean:.4f}", "mean", sources)
        return f"{shown} ± {self.ledger.cite(f'{deviation:.4f}', 'standard deviation', sources)}"

    def configuration(self, row: Mapping[str, Any], rank_by: str, ranking: Ranking | None) -> dict[str, Any]:
        """A row of the table of configurations, none of whose runs diverged, with what is shown of it."""
        runs = self.by_configuration[row["model"], row["name"]]
        figures = {
            column: self.mean(row[column], row[f"{column}_std"], [record_source(run, column) for run in runs])
            for column in FIGURES
        }
        parameters = {
            column: self.ledger.cite(str(row[column]), "value", [record_source(runs[0], column)])
            for column in ("batch_size", "learning_rate", "dropout_rate")
        }
        compared = [some_runs(f"{row['model']}/{row['name']}/*", f"last.{rank_by}")]
        compared.append(some_runs(f"{row['model']}/*", f"last.{rank_by}"))
        probability = "–"
        if ranking and ranking.probabilities:
            probability = self.ledger.cite(
                f"{ranking.probabilities[row['name']]:.2f}", "bootstrap probability", compared
            )
        position = self.ledger.cite(str(row["rank"]), "rank", compared)
        count = self.ledger.cite(str(len(runs)), "count", [record_source(run, "seed") for run in runs])
        shown = {**figures, **parameters, "rank": position, "n": count, "probability": probability}
        return {**row, **self.name(row["model"], row["name"]), "shown": shown}
