"""The report's appendix: how its runs were made, and a row for each run of the configurations that the report names."""

from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from sweep.grid import Grid, Space
from sweep.metrics import label
from sweep.report.citations import (
    ENVIRONMENT,
    LISTED,
    MISSING,
    Citations,
    anchor,
    cite_record,
    rows_of,
    run_path,
)

if TYPE_CHECKING:
    from sweep.data.prepared import Manifest

# Packages that made tables, figures and report. Those used in training are in each record.
PACKAGES = ("jinja2", "matplotlib", "numpy", "pandas")
# The metrics that the report shows of a configuration or a run, by their columns.
SHOWN_METRICS = ("last_val_loss", "last_val_acc", "best_test_acc")
# The report shows this many characters of a hash; report.json has all.
SHORT_HASH = 16
# What a model's search space says in the config, in this order.
SPACE_KEYS = ["batch_sizes", "learning_rates", "dropout_rates", "sample", "epochs", "halving", "axes"]
SPACE_KEYS += ["exclude", "include"]


def appendix_context(
    citations: Citations, grid: Grid, manifest: "Manifest", top: int, studies: Mapping[str, Grid]
) -> dict[str, Any]:
    """What the appendix's template is given. It must be made last, when `citations`, which are from all runs, know all
    names in the report."""
    runs = citations.runs
    code = runs.groupby(["model", "code_hash"], sort=False).size().rename("runs").reset_index()
    commits = runs["commit"].fillna("").value_counts(sort=False).rename("runs").rename_axis("commit").reset_index()
    resumed = runs[runs["resumed_epochs"].fillna("") != ""]
    config = {
        "data": {"source": manifest.source, "validation_size": manifest.sizes["validation"]},
        "models": {model: space_config(space) for model, space in grid.models.items()},
        "seeds": grid.seeds,
        "report": {"rank_by": grid.rank_by, "top": top},
    }
    if studies:
        config["studies"] = {
            name: {model: space_config(space, "epochs") for model, space in study.models.items()}
            for name, study in studies.items()
        }
    lines = yaml.safe_dump(config, default_flow_style=None, sort_keys=False, width=1000).rstrip().split("\n")
    named = [configuration in citations.named for configuration in zip(runs["model"], runs["name"], strict=True)]
    return {
        "config": [citations.setting(line, "", "config.yaml") for line in lines],
        "runs_all": citations.count(len(runs), citations.match("*")),
        "code": [code_row(citations, row) for row in rows_of(code)],
        "commits": [commit_row(citations, **row) for row in rows_of(commits)],
        "environments": environments(citations),
        "packages": [(package, citations.setting(version(package), package, "packages")) for package in PACKAGES],
        "times": [
            {**time_row(citations, str(model), times), "halved": is_halved(grid, str(model))}
            for model, times in runs.groupby("model", sort=False)["training_s"]
        ],
        "resumed": [resumed_row(citations, run) for run in rows_of(resumed[:LISTED])],
        "resumed_unlisted": citations.rest(resumed, citations.match("*", "resumed_epochs")),
        "runs": run_rows(citations, rows_of(runs[named])),
    }


def space_config(space: Space, without: str = "") -> dict[str, Any]:
    """A search space as the config has it, but for the key `without`; what is not asked for is left out."""
    content = asdict(space)
    return {key: content[key] for key in SPACE_KEYS if content[key] and key != without}


def is_halved(grid: Grid, model: str) -> bool:
    """Whether the sweep halves the search of a model, which may be of a study alone."""
    return model in grid.models and bool(grid.models[model].halving)


def code_row(citations: Citations, row: dict[str, Any]) -> dict[str, Any]:
    """A version of a model's code, and how many runs it made."""
    model, code_hash = row["model"], row["code_hash"]
    count = citations.count(row["runs"], citations.match(f"{model}/*", "code_hash", equals=code_hash))
    return {"label": label(model), "code_hash": code_hash, "runs": count}


def commit_row(citations: Citations, commit: str, runs: int) -> dict[str, Any]:
    """A commit, whether files had uncommitted changes, and how many runs were made with it; "" is an unknown commit."""
    return {
        "hash": commit.removesuffix("-dirty"),
        "state": "unknown" if not commit else "dirty" if commit.endswith("-dirty") else "clean",
        "runs": citations.count(runs, citations.match("*", "commit", equals=commit or None)),
    }


def environments(citations: Citations) -> list[dict[str, Any]]:
    """The different environments that runs were trained in, and how many runs in each."""
    rows = []
    for _, runs in citations.runs.groupby(ENVIRONMENT, sort=False, dropna=False):
        first = rows_of(runs.head(1))[0]
        texts = {column: citations.value(first, column) for column in ENVIRONMENT if not pd.isna(first[column])}
        same = [citations.match("*", f"environment.{column}", equals=first[column]) for column in texts]
        rows.append({**texts, "runs": citations.count(len(runs), *same), "one_thread": first["threads"] == 1})
    return rows


def time_row(citations: Citations, model: str, seconds: pd.Series) -> dict[str, str]:
    """A model's training time: the sum in hours; minimum, median and maximum of a run in seconds."""
    cited = citations.match(f"{model}/*", "training_s")
    times = {"minimum": seconds.min(), "median": seconds.median(), "maximum": seconds.max()}
    return {
        "label": label(model),
        "runs": citations.count(len(seconds), cited),
        "total_h": citations.cite(f"{seconds.sum() / 3600:.3f}", "sum", [cited]),
        **{how: citations.cite(f"{time:.1f}", how, [cited]) for how, time in times.items()},
    }


def resumed_row(citations: Citations, run: dict[str, Any]) -> dict[str, str]:
    """A run that went on from a checkpoint or a shorter run's state, and the epochs before which it did."""
    epochs = ", ".join(run["resumed_epochs"].split())
    return {
        "path": run_path(run),
        "epochs": citations.cite(epochs, "value", [cite_record(run, "resumed_epochs")]),
    }


def run_rows(citations: Citations, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each run. The first of each configuration carries the anchor that the configuration's name links to."""
    rows, seen = [], set()
    for run in runs:
        configuration = (run["model"], run["name"])
        # The epoch before a divergence is not a result, so none is shown.
        diverged = run["status"] == "diverged"
        rows.append(
            {
                **{column: MISSING if diverged else citations.value(run, column, ".4f") for column in SHOWN_METRICS},
                "training_s": citations.value(run, "training_s", ".1f"),
                "epochs": citations.value(run, "epochs"),
                "path": run_path(run),
                "anchor": None if configuration in seen else anchor(*configuration),
                "series": run["series"][:SHORT_HASH],
                "content_hash": run["content_hash"][:SHORT_HASH],
            }
        )
        seen.add(configuration)
    return rows
