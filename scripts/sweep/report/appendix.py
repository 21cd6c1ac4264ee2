"""The report's appendix: what its runs were made with, and each run that the report names."""

from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import pandas as pd
import yaml

from sweep.data.prepared import Manifest
from sweep.grid import Grid
from sweep.report.citations import PLACE, Ledger, Source, file_source, record_source, rows_of, run_path, some_runs

# What draws and writes; what trained is in the records.
PACKAGES = ("jinja2", "matplotlib", "numpy", "pandas")
# A hash is shown up to here, and whole in report.json.
SHORT_HASH = 16


def appendix_context(
    ledger: Ledger,
    grid: Grid,
    manifest: Manifest,
    runs: pd.DataFrame,
    named: set[tuple[str, str]],
    rank_by: str,
    top: int,
) -> dict[str, Any]:
    """All that the appendix tells. `named`: model and name of the configurations whose runs get a row each."""
    code = runs.groupby(["model", "code_hash"], sort=False).size().rename("runs").reset_index()
    commits = runs["commit"].fillna("").value_counts(sort=False).rename("runs").rename_axis("commit").reset_index()
    asked = {
        "data": {"source": manifest.source, "validation_size": manifest.sizes["validation"]},
        "models": {model: asdict(space) for model, space in grid.models.items()},
        "seeds": grid.seeds,
        "report": {"rank_by": rank_by, "top": top},
    }
    config = yaml.safe_dump(asked, default_flow_style=None, sort_keys=False, width=1000).rstrip()
    shown = runs[[configuration in named for configuration in zip(runs["model"], runs["name"], strict=True)]]
    return {
        "config": [ledger.cite(line, "setting", [file_source("config.yaml", "")]) for line in config.split("\n")],
        "runs_all": counted(ledger, len(runs), some_runs("*")),
        "code": [
            {
                **row,
                "label": row["model"].upper(),
                "runs": counted(
                    ledger, row["runs"], some_runs(f"{row['model']}/*", "code_hash", equals=row["code_hash"])
                ),
            }
            for row in rows_of(code)
        ],
        "commits": [
            {**row, "runs": counted(ledger, row["runs"], some_runs("*", "commit", equals=row["commit"] or None))}
            for row in rows_of(commits)
        ],
        "environments": environments(ledger, runs),
        "packages": [
            (package, ledger.cite(version(package), "setting", [file_source("packages", package)]))
            for package in PACKAGES
        ],
        "times": [
            time_row(ledger, str(model), times) for model, times in runs.groupby("model", sort=False)["training_s"]
        ],
        "resumed": [
            {
                "path": run_path(run),
                "epochs": ledger.cite(
                    ", ".join(run["resumed_epochs"].split()), "value", [record_source(run, "resumed_epochs")]
                ),
            }
            for run in rows_of(runs[runs["resumed_epochs"].fillna("") != ""])
        ],
        "runs": run_rows(ledger, rows_of(shown)),
    }


def counted(ledger: Ledger, number: int, *sources: Source) -> str:
    """The number of runs that are of all of these sources."""
    return ledger.cite(str(number), "count", sources)


def environments(ledger: Ledger, runs: pd.DataFrame) -> list[dict[str, Any]]:
    """The kinds of places that runs ran in, with the number of runs in each; more than one is a mixture."""
    shown = []
    for _, kind in runs.groupby(PLACE, sort=False, dropna=False):
        first = rows_of(kind.head(1))[0]
        texts = {
            column: ledger.cite(str(first[column]), "value", [record_source(first, column)])
            for column in PLACE
            if not pd.isna(first[column])
        }
        same = [some_runs("*", f"environment.{column}", equals=first[column]) for column in texts]
        count = counted(ledger, len(kind), *same)
        shown.append({**texts, "runs": count, "one_thread": first["threads"] == 1})
    return shown


def time_row(ledger: Ledger, model: str, seconds: pd.Series) -> dict[str, str]:
    """A model's training time: in hours all in all, and in seconds of the shortest, median and longest run."""
    source = some_runs(f"{model}/*", "training_s")
    return {
        "label": model.upper(),
        "runs": counted(ledger, len(seconds), source),
        "total_h": ledger.cite(f"{seconds.sum() / 3600:.3f}", "sum", [source]),
        **{
            how: ledger.cite(f"{value:.1f}", how, [source])
            for how, value in (("minimum", seconds.min()), ("median", seconds.median()), ("maximum", seconds.max()))
        },
    }


def run_rows(ledger: Ledger, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a run; the first of each configuration carries the anchor that tables link to."""
    rows, seen = [], set()
    for run in runs:
        anchor = f"{run['model']}-{run['name']}"
        shown = {}
        for column, form in (
            ("last_val_loss", ".4f"),
            ("last_val_acc", ".4f"),
            ("best_test_acc", ".4f"),
            ("training_s", ".1f"),
        ):
            value = run[column]
            shown[column] = (
                "–" if pd.isna(value) else ledger.cite(f"{value:{form}}", "value", [record_source(run, column)])
            )
        if run["status"] == "diverged":
            # The last epoch before it is no result.
            shown["last_val_loss"] = shown["last_val_acc"] = shown["best_test_acc"] = "–"
        rows.append(
            {
                **shown,
                "path": run_path(run),
                "anchor": None if anchor in seen else anchor,
                "key": run["key"][:SHORT_HASH],
                "content_hash": run["content_hash"][:SHORT_HASH],
            }
        )
        seen.add(anchor)
    return rows
