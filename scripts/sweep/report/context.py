"""The Markdown report: what its templates are given, and their rendering.

A number to show is a text that `Ledger.cite` marked; in a row of a table these are under "shown", the bare ones beside.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from sweep.analysis.claims import Measure, judge, lead
from sweep.analysis.ranking import BOOTSTRAP_DRAWS, NOISE_FACTOR, binomial_error, rank
from sweep.data.prepared import Manifest
from sweep.grid import Grid, Partial, Space
from sweep.metrics import METRIC_LABELS
from sweep.report.appendix import appendix_context
from sweep.report.citations import Ledger, file_source, record_source, rows_of, some_runs
from sweep.report.claim_table import cite_noise, claims_context, sources_of
from sweep.report.sheet import Sheet

# Names that cannot be told apart from the best are listed up to here; beyond, their number is told.
LISTED = 60


def escape_markdown(text: str) -> str:
    """`text` as Markdown that shows just its characters: no markup, no HTML, no link."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$&:@-])", r"\\\1", text)


def context(
    ledger: Ledger,
    grid: Grid,
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
    sheet = Sheet(ledger, runs, len(grid.seeds))
    models = [
        model_context(sheet, name, space, configurations[configurations["model"] == name], manifest, rank_by, top)
        for name, space in grid.models.items()
    ]
    judged = [model for model in models if model["ranking"]]
    by_accuracy = sorted(judged, key=lambda model: -model["highest_val_acc"]["last_val_acc"])
    by_loss = sorted(judged, key=lambda model: model["lowest_val_loss"]["last_val_loss"])
    best = {
        "val_acc": [model["highest_val_acc"]["last_val_acc"] for model in by_accuracy],
        "val_loss": [model["lowest_val_loss"]["last_val_loss"] for model in by_loss],
    }
    return {
        "partial": partial_context(sheet, grid.partial),
        "author": escape_markdown(author),
        "data": {
            "source": manifest.source,
            "classes": ledger.cite(
                str(len(manifest.class_names)), "count", [file_source("manifest.json", "class_names")]
            ),
            "sizes": {
                split: sheet.setting(size, f"sizes.{split}", "manifest.json") for split, size in manifest.sizes.items()
            },
            "content_hash": manifest.content_hash,
        },
        "seeds": [sheet.setting(seed, f"seeds.{position}") for position, seed in enumerate(grid.seeds)],
        "rank_by": rank_by,
        "labels": METRIC_LABELS,
        "models": models,
        "by_accuracy": by_accuracy,
        "by_loss": by_loss,
        # The measures whose best figure is that of several models.
        "tied": [figure for figure, values in best.items() if len(values) > 1 and values[0] == values[1]],
        "lead": lead_context(sheet, by_accuracy[:2], manifest.sizes["validation"]),
        "noise": {
            "factor": sheet.setting(NOISE_FACTOR, "NOISE_FACTOR", "scripts/sweep/analysis/ranking.py"),
            "draws": sheet.setting(BOOTSTRAP_DRAWS, "BOOTSTRAP_DRAWS", "scripts/sweep/analysis/ranking.py"),
        },
        "claims": claims_context(sheet, *judge(writeup, grid, manifest, runs)),
        # Last, when all configurations that the report names are known.
        "appendix": appendix_context(ledger, grid, manifest, runs, sheet.named, rank_by, top),
    }


def partial_context(sheet: Sheet, partial: Partial | None) -> dict[str, Any] | None:
    """What the top of a preview's report says: the runs that differ, grouped by what differs, and the sentences on
    damaged files."""
    if partial is None:
        return None
    stale: dict[str, list[str]] = {}
    for entry in partial.stale:
        stale.setdefault(sheet.setting(", ".join(entry["differs"]), "partial.stale"), []).append(entry["run"])
    counts = {"runs": partial.runs, "missing": partial.missing, "damaged": len(partial.damaged)}
    return {
        "missing": partial.missing,
        "left_out": partial.left_out,
        "stale": stale,
        "damaged": [escape_markdown(fault) for fault in partial.damaged],
        "shown": {name: sheet.setting(count, f"partial.{name}") for name, count in counts.items()},
    }


def model_context(
    sheet: Sheet,
    name: str,
    space: Space,
    configurations: pd.DataFrame,
    manifest: Manifest,
    rank_by: str,
    top: int,
) -> dict[str, Any]:
    """A model's part: its search space, its `top` ranked configurations, its extremes over all of them, and which of
    them cannot be told apart from the best ("sure"; None where runs are missing).

    Configurations with a run that diverged are left out of ranking and extremes, and named in `diverged`.
    """
    ledger, runs = sheet.ledger, sheet.runs[sheet.runs["model"] == name]
    diverged = runs["status"] == "diverged"
    ranking = rank(runs, rank_by, manifest.sizes["validation"])
    rows = rows_of(configurations[configurations["diverged"] == 0].sort_values("rank"))

    def shown(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if row is None else sheet.configuration(row, rank_by, ranking)

    by_name = {row["name"]: row for row in rows}
    sure = None
    if ranking:
        everything = [some_runs(f"{name}/*", f"last.{rank_by}")]
        unlisted = len(ranking.candidates[LISTED:])
        sure = {
            "candidates": [shown(by_name[candidate]) for candidate in ranking.candidates[:LISTED]],
            "number": len(ranking.candidates),
            "shown": ledger.cite(str(len(ranking.candidates)), "not told apart from the best", everything),
            "unlisted": ledger.cite(str(unlisted), "not listed", everything) if unlisted else None,
            "ranked": ledger.cite(str(len(ranking.names)), "ranked", everything),
            "several_seeds": bool(ranking.probabilities),
        }
    return {
        "name": name,
        "label": name.upper(),
        "space": {key: sheet.setting(value, f"models.{name}.{key}") for key, value in asdict(space).items()},
        "runs": ledger.cite(str(len(runs)), "count", [some_runs(f"{name}/*")]),
        "drawn": ledger.cite(str(min(top, len(configurations))), "drawn", [some_runs(f"{name}/*")]),
        "ranking": [shown(row) for row in rows[:top]],
        "highest_val_acc": shown(max(rows, key=lambda row: row["last_val_acc"], default=None)),
        "lowest_val_loss": shown(min(rows, key=lambda row: row["last_val_loss"], default=None)),
        "sure": sure,
        "diverged_runs": ledger.cite(
            str(diverged.sum()), "count", [some_runs(f"{name}/*", "status", equals="diverged")]
        ),
        "diverged": [diverged_run(sheet, run) for run in rows_of(runs[diverged])],
    }


def lead_context(sheet: Sheet, models: list[dict[str, Any]], pictures: int) -> dict[str, Any] | None:
    """Whether the first model's highest val_acc, as it is shown, is ahead of the second's by more than noise; None if
    that is not known."""
    measures = [shown_measure(sheet.runs, model, pictures) for model in models]
    if len(measures) < 2 or len(measures[0].runs) != len(measures[1].runs):
        return None
    difference, noise = lead(measures[0], measures[1], "val_acc")
    if noise is None:
        return None
    sources = [source for measure in measures for source in sources_of(measure, "val_acc")]
    return {"clear": difference > NOISE_FACTOR * noise, "noise": cite_noise(sheet, noise, sources)}


def shown_measure(runs: pd.DataFrame, model: Mapping[str, Any], pictures: int) -> Measure:
    """A model's highest val_acc: that of one configuration, the mean over its seeds."""
    best = model["highest_val_acc"]
    runs = runs[(runs["model"] == model["name"]) & (runs["name"] == best["name"])].sort_values("seed")
    value = float(best["last_val_acc"])
    return Measure(value, binomial_error(value, pictures) if len(runs) == 1 else None, runs)


def diverged_run(sheet: Sheet, run: Mapping[str, Any]) -> dict[str, Any]:
    shown = {
        column: sheet.ledger.cite(str(run[column]), "value", [record_source(run, column)])
        for column in ("seed", "diverged_epoch")
    }
    return {**sheet.name(run["model"], run["name"]), **shown}


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
