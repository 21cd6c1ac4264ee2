"""Pages of made-up sweeps, and what a browser shows of them."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from playwright.sync_api import Page

from examples import record, save_settings
from project import REPOSITORY
from render_explorer import render_explorer
from render_report import render_report
from sweep.analysis.examined import Examination
from sweep.analysis.tables import read_table, write_tables
from sweep.data.prepared import manifest_hash
from sweep.files import write_json
from sweep.grid import Grid, Partial, Run

MODELS: dict[str, Any] = {
    model: {
        "batch_sizes": [16, 128, 1024, 32],
        "learning_rates": [0.01, 0.001, 1e-05],
        "dropout_rates": [0, 0.2, 0.4, 0.6, 0.8],
        "epochs": 4,
    }
    for model in ("mlp", "cnn")
}
# A hyper-parameter that both models have, and one that the second lacks.
AXES: dict[str, Any] = {
    "mlp": {
        "batch_sizes": [128],
        "learning_rates": [0.01, 0.001],
        "dropout_rates": [0, 0.2],
        "axes": {"weight_decay": [0.0, 0.0005], "batch_norm": [True, False]},
        "exclude": [{"weight_decay": 0.0005, "learning_rate": 0.01, "dropout_rate": 0.2}],
        "epochs": 2,
        "defaults": {"batch_norm": True, "weight_decay": 0.0},
    },
    "cnn": {
        "batch_sizes": [128, 256],
        "learning_rates": [0.01, 0.001],
        "dropout_rates": [0, 0.2],
        # Far more values than get a tick each.
        "axes": {"weight_decay": [0.0, *(k / 10000 for k in range(1, 14))]},
        "epochs": 2,
        "defaults": {"weight_decay": 0.0},
    },
}
# Two of MODELS, in epoch 2, after the lowest loss of all, and in the first; and one of AXES.
DIVERGED = {("mlp", "16_0.01_0.0"): 2, ("cnn", "32_1e-05_0.8"): 0, ("mlp", "128_0.01_0.0_batch_norm=false"): 1}
AUTHOR = "<b>A. &amp; B.</b> <img src=x onerror=document.title='pwned'> {{ 7 * 7 }}"
DEVICE = "</script><script>document.title='pwned'</script> <!-- CPU"
COMMIT = "`<img src=x onerror=document.title='pwned'>`"


@dataclass(frozen=True)
class Pages:
    """A sweep's pages, and its table runs.csv."""

    explorer: Path
    report: Path
    runs: pd.DataFrame


def made_up(run: Run) -> tuple[Any, ...]:
    """A run's validation losses, accuracies and epoch of divergence: better with a rate near 0.001, a small batch,
    little dropout and much weight decay."""
    worst = (
        2 * run.dropout_rate + 0.1 * abs(run.learning_rate - 0.001) + run.batch_size / 4096 + (run.model == "mlp") / 3
    )
    axes = dict(run.axes)
    worst += 0.01 * (axes.get("batch_norm") is False) - 10 * float(axes.get("weight_decay", 0.0))
    losses = [1 + worst + 1 / (3 * (epoch + 1)) for epoch in range(run.epochs)]
    diverged = DIVERGED.get((run.model, run.name))
    if diverged is not None:
        losses = [0.5] * diverged
    return losses, [1 / (1 + loss) for loss in losses], diverged


def write_pages(
    folder: Path,
    models: dict[str, Any],
    partial: dict[str, Any] | None = None,
    own_report: bool = False,
    language: str = "en",
    examinations: Sequence[Examination] = (),
    ended: Callable[[Run], int] | None = None,
    learn: Callable[[Run], tuple[Any, ...]] = made_up,
) -> Pages:
    """The pages of a sweep over `models`, beside the example's report, or their own; `partial` as in a preview's
    grid.json. The records are all of one model, because a forged name has no code. The explorer has the
    `examinations`, as if they were of the records. `ended` gives the number of epochs after which a run was stopped, or
    all of them, and `learn` its losses, accuracies and epoch of divergence."""
    runs = [replace(run, epochs=ended(run)) if ended else run for run in Grid.of(models, [0]).runs()]
    grid = Grid.of(models, [0], partial=None if partial is None else Partial(**partial))
    records = [record(replace(run, model="mlp"), *learn(run), device_name=DEVICE) for run in runs]
    write_tables(folder / "tables", runs, [{**each, "commit": COMMIT} for each in records], grid)
    manifest = {
        "source": "folder",
        "class_names": ["</script>", "<b>cat</b>"],
        "sizes": {"train": 401, "validation": 102, "test": 203},
        "content_hash": "d" * 64,
    }
    write_json(folder / "manifest.json", {**manifest, "manifest_hash": manifest_hash(manifest)})
    report = folder / "report" / "report.md"
    shutil.copytree(REPOSITORY / "report" / "example", report.parent)
    arguments: dict[str, Any] = {
        "grid": folder / "tables" / "grid.json",
        "data": folder,
        "tables": folder / "tables",
        "templates": REPOSITORY / "workflow" / "templates" / "explorer",
        "settings": save_settings(folder, language, AUTHOR),
    }
    if own_report:
        render_report(**{**arguments, "templates": arguments["templates"].parent, "output": report})
    table = read_table(folder / "tables" / "runs.csv")
    hashes = dict(zip((str(run.path) for run in runs), table["content_hash"], strict=True))
    files = [folder / "examinations" / f"{each.model}.json" for each in examinations]
    for file, examination in zip(files, examinations, strict=True):
        own = replace(examination, content_hash=hashes[examination.run]) if examination.run else examination
        own.write(file)
    render_explorer(**arguments, report=report, examinations=files)
    return Pages(report.with_name("index.html"), report.with_name("report.html"), table)


def traces(page: Page, name: str) -> Any:
    """What a plot shows, once it is up to date: the names of its data and the data."""
    page.locator(f"#{name}").scroll_into_view_if_needed()
    page.wait_for_selector(f"#{name} .main-svg")
    page.wait_for_timeout(500)
    return json.loads(page.evaluate(f"JSON.stringify(document.getElementById('{name}').data)"))


def names(page: Page) -> list[str]:
    """The leaderboard's page, "mlp/16_0.01_0.0" a row."""
    rows = page.locator("#leaderboard tbody tr").all()
    return [f"{row.locator('td').nth(2).inner_text()}/{row.locator('button').inner_text()}" for row in rows]
