"""The Markdown report: what its templates are given, and their rendering.

A number to show is a text that `Ledger.cite` marked; in a row of a table these are under "shown", the bare ones beside.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from sweep.appendix import appendix_context
from sweep.claims import SPACE, Finding, Measure, Obstacle, judge
from sweep.metrics import METRIC_LABELS
from sweep.prepared import Manifest
from sweep.provenance import Ledger, Source, all_runs, file_source, record_source, rows_of
from sweep.ranking import BOOTSTRAP_DRAWS, NOISE_FACTOR, Ranking, rank

# The figures of a configuration that tables show.
FIGURES = ("last_val_loss", "last_val_acc", "best_test_acc")
# Names that cannot be told apart from the best are listed up to here; beyond, their number is told.
LISTED = 60
# What a verdict's cell names kinds of obstacles by, where it is not by themselves.
REASONS = {"source": "data", "sizes": "data", **dict.fromkeys(SPACE, "grid")}


def escape_markdown(text: str) -> str:
    """`text` as Markdown that shows just its characters: no markup, no HTML, no link."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$&:@-])", r"\\\1", text)


@dataclass
class Sheet:
    """Where numbers are cited from: the ledger, the table of runs, and the configurations that the report names."""

    ledger: Ledger
    runs: pd.DataFrame
    several: bool  # seeds
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

    def count(self, number: int, *sources: Source) -> str:
        return self.ledger.cite(str(number), "count", sources)

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
        everything = all_runs(row["model"], f"last.{rank_by}")
        probability = "–"
        if ranking and ranking.probabilities:
            probability = self.ledger.cite(f"{ranking.probabilities[row['name']]:.2f}", "bootstrap", [everything])
        position = self.ledger.cite(str(row["rank"]), "rank", [everything])
        count = self.count(len(runs), *(record_source(run, "seed") for run in runs))
        shown = {**figures, **parameters, "rank": position, "n": count, "probability": probability}
        return {**row, **self.name(row["model"], row["name"]), "shown": shown}


def context(
    ledger: Ledger,
    grid: Mapping[str, Any],
    manifest: Manifest,
    runs: pd.DataFrame,
    configurations: pd.DataFrame,
    writeup: Mapping[str, Any],
    rank_by: str,
    top: int,
    author: str,
) -> dict[str, Any]:
    """All that a template may name. `grid` is grid.json, `writeup` writeup.yaml; `runs` and `configurations` are the
    tables of those names."""
    sheet = Sheet(ledger, runs, len(grid["seeds"]) > 1)
    models = [
        model_context(sheet, name, space, configurations[configurations["model"] == name], manifest, rank_by, top)
        for name, space in grid["models"].items()
        if space is not None
    ]
    judged = [model for model in models if model["ranking"]]
    by_accuracy = sorted(judged, key=lambda model: -model["highest_val_acc"]["last_val_acc"])
    by_loss = sorted(judged, key=lambda model: model["lowest_val_loss"]["last_val_loss"])
    best = {
        "val_acc": [model["highest_val_acc"]["last_val_acc"] for model in by_accuracy],
        "val_loss": [model["lowest_val_loss"]["last_val_loss"] for model in by_loss],
    }
    return {
        "partial": partial_context(sheet, grid.get("partial")),
        "author": escape_markdown(author),
        "data": {
            "source": manifest.source,
            "classes": sheet.setting(len(manifest.class_names), "class_names", "manifest.json"),
            "sizes": {
                split: sheet.setting(size, f"sizes.{split}", "manifest.json") for split, size in manifest.sizes.items()
            },
            "content_hash": manifest.content_hash,
        },
        "seeds": [sheet.setting(seed, f"seeds[{position}]") for position, seed in enumerate(grid["seeds"])],
        "rank_by": rank_by,
        "labels": METRIC_LABELS,
        "models": models,
        "by_accuracy": by_accuracy,
        "by_loss": by_loss,
        # The measures whose best figure is that of several models.
        "tied": [figure for figure, values in best.items() if len(values) > 1 and values[0] == values[1]],
        "noise": {
            "factor": sheet.setting(NOISE_FACTOR, "NOISE_FACTOR", "scripts/sweep/ranking.py"),
            "draws": sheet.setting(BOOTSTRAP_DRAWS, "BOOTSTRAP_DRAWS", "scripts/sweep/ranking.py"),
        },
        "claims": claims_context(sheet, *judge(writeup, grid, manifest, runs)),
        # Last, when all configurations that the report names are known.
        "appendix": appendix_context(ledger, grid, manifest, runs, sheet.named, rank_by, top),
    }


def partial_context(sheet: Sheet, partial: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the top of a report says if its tables are those of `sweep.partial`: runs that differ, by what in; sentences
    on damaged files as they are."""
    if partial is None:
        return None
    stale: dict[str, list[str]] = {}
    for entry in partial["stale"]:
        stale.setdefault(sheet.setting(", ".join(entry["differs"]), "partial.stale"), []).append(entry["run"])
    counts = {"runs": partial["runs"], "missing": partial["missing"], "damaged": len(partial["damaged"])}
    return {
        **partial,
        "stale": stale,
        "damaged": [escape_markdown(fault) for fault in partial["damaged"]],
        "shown": {name: sheet.setting(count, f"partial.{name}") for name, count in counts.items()},
    }


def model_context(
    sheet: Sheet,
    name: str,
    space: Mapping[str, Any],
    configurations: pd.DataFrame,
    manifest: Manifest,
    rank_by: str,
    top: int,
) -> dict[str, Any]:
    """A model's part: its search space, its `top` ranked configurations, its extremes over all of them, and which of
    them cannot be told apart from the best ("sure"; None where runs are missing).

    Configurations with a run that diverged are left out of ranking and extremes, and named in `diverged`.
    """
    runs = sheet.runs[sheet.runs["model"] == name]
    ranking = rank(runs, rank_by, manifest.sizes["validation"])
    rows = rows_of(configurations[configurations["diverged"] == 0].sort_values("rank"))

    def shown(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if row is None else sheet.configuration(row, rank_by, ranking)

    by_name = {row["name"]: row for row in rows}
    sure = None
    if ranking:
        everything = all_runs(name, f"last.{rank_by}")
        unlisted = len(ranking.candidates[LISTED:])
        sure = {
            "candidates": [shown(by_name[candidate]) for candidate in ranking.candidates[:LISTED]],
            "number": len(ranking.candidates),
            "shown": sheet.count(len(ranking.candidates), everything),
            "unlisted": sheet.count(unlisted, everything) if unlisted else None,
            "ranked": sheet.count(len(ranking.names), everything),
            "several_seeds": bool(ranking.probabilities),
        }
    return {
        "name": name,
        "label": name.upper(),
        "space": {key: sheet.setting(value, f"models.{name}.{key}") for key, value in space.items()},
        "runs": sheet.count(len(runs), all_runs(name)),
        "drawn": sheet.count(min(top, len(configurations)), all_runs(name), file_source("config.yaml", "report.top")),
        "ranking": [shown(row) for row in rows[:top]],
        "highest_val_acc": shown(max(rows, key=lambda row: row["last_val_acc"], default=None)),
        "lowest_val_loss": shown(min(rows, key=lambda row: row["last_val_loss"], default=None)),
        "sure": sure,
        "diverged_runs": sheet.count(int((runs["status"] == "diverged").sum()), all_runs(name, "status")),
        "diverged": [diverged_run(sheet, run) for run in rows_of(runs[runs["status"] == "diverged"])],
    }


def diverged_run(sheet: Sheet, run: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        column: sheet.ledger.cite(str(run[column]), "value", [record_source(run, column)])
        for column in ("seed", "diverged_epoch")
    }
    return {**sheet.name(run["model"], run["name"]), **shown}


def claims_context(sheet: Sheet, findings: list[Finding], obstacles: list[Obstacle]) -> dict[str, Any]:
    """The table of claims, and what stands in the way of judging some: see `sweep.claims`."""
    files = {"source": "manifest.json", "sizes": "manifest.json"}

    def reason(obstacle: Obstacle) -> dict[str, Any]:
        texts = {}
        for side, value in (("ours", obstacle.ours), ("theirs", obstacle.theirs)):
            text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            file = files.get(obstacle.kind, "grid.json") if side == "ours" else "writeup.yaml"
            entry = f"models.{obstacle.model}.{obstacle.kind}" if obstacle.model else obstacle.kind
            texts[side] = sheet.setting(text, entry, file)
        return {"kind": obstacle.kind, "label": (obstacle.model or "").upper(), **texts}

    return {
        "rows": [claim_row(sheet, position, finding) for position, finding in enumerate(findings)],
        "obstacles": [reason(obstacle) for obstacle in obstacles],
        "several_seeds": sheet.several,
    }


def claim_row(sheet: Sheet, position: int, finding: Finding) -> dict[str, Any]:
    """A claim's row: its cells are marked texts; lists of them where a claim is on two metrics."""
    claim, cite = finding.claim, sheet.ledger.cite
    written = file_source("writeup.yaml", f"claims[{position}]")
    row = {
        "kind": claim["kind"],
        "label": claim["model"].upper(),
        "other": claim.get("other", "").upper(),
        "source": claim["source"],
        "verdict": finding.verdict,
        "reasons": list(dict.fromkeys(REASONS.get(obstacle.kind, obstacle.kind) for obstacle in finding.obstacles)),
        "writeup": cite(claim["value"], "setting", [written]) if claim["kind"].startswith("val_") else None,
        "theirs": claim.get("value"),
        "ours": [],
        "names": [],
        "differences": [],
        "noises": [],
        "rank": None,
    }
    if finding.ours:
        everything = all_runs(claim["model"], "last.val_loss")
        row["names"] = [sheet.name(claim["model"], finding.ours)]
        row["rank"] = cite(str(finding.rank), "rank", [everything, written]) if finding.rank else None
    for (metric, model), measure in finding.measures.items():
        if claim["kind"] != "ahead":
            row["ours"].append(
                cite(f"{measure.value:.4f}", "mean" if len(measure.runs) > 1 else "value", sources_of(measure, metric))
            )
        for name in measure.runs["name"].unique():
            if (named := sheet.name(model, name)) not in row["names"]:
                row["names"].append(named)
    for metric, difference in finding.differences.items():
        sources = [
            s for (key, _), measure in finding.measures.items() if key == metric for s in sources_of(measure, key)
        ]
        row["differences"].append(
            cite(f"{difference:+.4f}", "difference", [*sources, *([written] if claim["kind"] != "ahead" else [])])
        )
        noise = finding.noises[metric]
        if noise is not None:
            how = "standard deviation" if sheet.several else "binomial error"
            row["noises"].append(cite(f"{noise:.4f}", how, sources))
    return row


def sources_of(measure: Measure, metric: str) -> list[Source]:
    return [record_source(run, f"last_{metric}") for run in rows_of(measure.runs)]


def render(folder: Path, language: str, values: Mapping[str, Any]) -> str:
    """Render <folder>/report.<language>.md.j2, with marks; a name that `values` has not raises UndefinedError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  this is Markdown, and the one text from outside, the author, is escaped above
    )
    return environment.get_template(f"report.{language}.md.j2").render(values)
