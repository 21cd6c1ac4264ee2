"""The Markdown report: what its templates are given, and their rendering."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from sweep.metrics import METRIC_LABELS
from sweep.prepared import Manifest


def escape_markdown(text: str) -> str:
    """`text` as Markdown that shows just its characters: no markup, no HTML, no link."""
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|~$&:@-])", r"\\\1", text)


def context(
    grid: Mapping[str, Any],
    manifest: Manifest,
    runs: pd.DataFrame,
    configurations: pd.DataFrame,
    rank_by: str,
    top: int,
    author: str,
) -> dict[str, Any]:
    """All that a template may name. `grid` is grid.json; `runs` and `configurations` are the tables of those names."""
    models = [
        model_context(name, space, runs[runs["model"] == name], configurations[configurations["model"] == name], top)
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
        "partial": partial_context(grid.get("partial")),
        "author": escape_markdown(author),
        "data": asdict(manifest),
        "seeds": grid["seeds"],
        "rank_by": rank_by,
        "labels": METRIC_LABELS,
        "models": models,
        "by_accuracy": by_accuracy,
        "by_loss": by_loss,
        # The measures whose best figure is that of several models.
        "tied": [figure for figure, values in best.items() if len(values) > 1 and values[0] == values[1]],
        "environments": environments(runs),
    }


def partial_context(partial: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the top of a report says if its tables are those of `sweep.partial`: runs that differ, by what in; sentences
    on damaged files as they are."""
    if partial is None:
        return None
    stale: dict[str, list[str]] = {}
    for entry in partial["stale"]:
        stale.setdefault(", ".join(entry["differs"]), []).append(entry["run"])
    return {**partial, "stale": stale, "damaged": [escape_markdown(fault) for fault in partial["damaged"]]}


def model_context(
    name: str, space: Mapping[str, Any], runs: pd.DataFrame, configurations: pd.DataFrame, top: int
) -> dict[str, Any]:
    """A model's part: its search space, its `top` ranked configurations and its extremes over all of them.

    Configurations with a run that diverged are left out of ranking and extremes, and named in `diverged`.
    """
    ranked = configurations[configurations["diverged"] == 0].sort_values("rank")
    rows = rows_of(ranked)
    return {
        "name": name,
        "label": name.upper(),
        "space": space,
        "runs": len(runs),
        "drawn": min(top, len(configurations)),
        "ranking": rows[:top],
        "highest_val_acc": max(rows, key=lambda row: row["last_val_acc"], default=None),
        "lowest_val_loss": min(rows, key=lambda row: row["last_val_loss"], default=None),
        "diverged": rows_of(runs[runs["status"] == "diverged"]),
    }


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table's rows as dictionaries of plain Python values."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def environments(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """The kinds of places that runs ran in, with the number of runs in each; more than one is a mixture."""
    kinds = runs.groupby(["device_name", "precision", "threads", "torch"], sort=False).size().rename("runs")
    return rows_of(kinds.reset_index())


def render(folder: Path, language: str, values: Mapping[str, Any]) -> str:
    """Render <folder>/report.<language>.md.j2; a name that `values` has not raises jinja2.UndefinedError."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  this is Markdown, and the one text from outside, the author, is escaped above
    )
    return environment.get_template(f"report.{language}.md.j2").render(values)
