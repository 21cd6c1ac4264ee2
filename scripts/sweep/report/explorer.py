"""The page to explore a sweep, and the Markdown report in its style: what the pages are given, and their rendering."""

import json
import re
import shlex
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import plotly
from markdown_it import MarkdownIt
from markupsafe import Markup

from sweep.data.prepared import Manifest
from sweep.grid import Grid
from sweep.metrics import METRIC_LABELS

# Of a curve, more digits than a screen has pixels.
CURVE_DIGITS = 5
PARAMETERS = ["model", "name", "batch_size", "learning_rate", "dropout_rate", "epochs", "seed"]
ORIGIN = ["commit", "key", "data_hash", "code_hash", "content_hash"]
ENVIRONMENT = ["device_asked", "device", "device_name", "gpu", "precision_asked", "precision", "threads"]
ENVIRONMENT += ["python", "torch"]


def explorer_data(
    runs: pd.DataFrame, epochs: pd.DataFrame, data_folder: Path, train_script: Path, rank_by: str
) -> dict[str, Any]:
    """What app.js draws, column by column: {"runs": {column: [a value a run]}, "curves": {metric: [a list a run]}, …}.

    `runs` and `epochs` are the tables of those names; `data_folder` and `train_script` belong to the command that
    repeats a run, and are relative to the folder that the sweep runs in.
    """
    # JavaScript has no integers of 64 bits.
    runs = runs.assign(seed=runs["seed"].astype(str))
    outcome = [name for name in runs if name not in {*PARAMETERS, *ENVIRONMENT, *ORIGIN}]
    groups = {"parameters": PARAMETERS, "outcome": outcome, "environment": ENVIRONMENT, "origin": ORIGIN}
    histories = dict(
        list(epochs.assign(seed=epochs["seed"].astype(str)).groupby(["model", "name", "seed"], sort=False))
    )
    # A run that diverged in its first epoch has no rows.
    ordered = [histories.get(run, epochs[:0]) for run in zip(runs["model"], runs["name"], runs["seed"], strict=True)]
    return {
        "runs": {
            **{str(name): [None if pd.isna(value) else value for value in runs[name].tolist()] for name in runs},
            "gpus": (runs["device"] == "cuda").astype(int).tolist(),
        },
        "curves": {
            metric: [[float(f"{value:.{CURVE_DIGITS}g}") for value in history[metric]] for history in ordered]
            for metric in METRIC_LABELS
        },
        "groups": groups,
        "labels": METRIC_LABELS,
        "rank_by": rank_by,
        "command": repeating_command(data_folder, train_script),
    }


def repeating_command(data_folder: Path, train_script: Path) -> str:
    """The shell command that trains a run again, with {column} for its values. It writes to a folder of its own: at the
    sweep's, the kept record would be published and nothing trained."""
    return (
        f"repeat=$(mktemp -d) && python {shlex.quote(str(train_script))} --model {{model}} --batch-size {{batch_size}}"
        " --learning-rate {learning_rate} --dropout-rate {dropout_rate} --seed {seed} --epochs {epochs}"
        f" --data {shlex.quote(str(data_folder))} --device {{device}} --precision {{precision}} --gpus {{gpus}}"
        ' --jobs-per-gpu 1 --threads {threads} --records "$repeat/records" --metrics "$repeat/metrics.json"'
        ' && echo "$repeat/metrics.json"'
    )


def render_page(folder: Path, name: str, language: str, values: Mapping[str, Any]) -> str:
    """Render <folder>/<name>.j2 with the texts of a language; what `values` say is escaped unless it is Markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    # Its filter escapes what could end a <script>.
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    # Code of the project's own and of the plotting library's.
    environment.globals["inline"] = lambda file: Markup((folder / file).read_text(encoding="utf-8"))  # noqa: S704
    texts = json.loads((folder / f"texts.{language}.json").read_text(encoding="utf-8"))
    return environment.get_template(f"{name}.j2").render(language=language, texts=texts, **values)


def render_explorer(
    folder: Path,
    language: str,
    grid: Grid,
    manifest: Manifest,
    author: str,
    data: Mapping[str, Any],
) -> str:
    """index.html, whole in itself. `grid` is that of the tables, `data` that of `explorer_data`."""
    library = Path(plotly.__file__).with_name("package_data") / "plotly.min.js"
    values = {
        "models": [name.upper() for name in grid.models],
        "manifest": manifest,
        "author": author,
        "partial": grid.partial,
        "data": data,
        "plotly": Markup(library.read_text(encoding="utf-8")),  # noqa: S704
    }
    return render_page(folder, "index.html", language, values)


def render_html_report(folder: Path, language: str, markdown: str) -> str:
    """report.html: the Markdown report, whose HTML is our templates' own, with an id for each heading as on GitHub."""
    program = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = program.parse(markdown)
    slugs: dict[str, int] = {}
    title = ""
    for heading, text in pairwise(tokens):
        if heading.type == "heading_open":
            words = "".join(part.content for part in text.children or [])
            title = title or words
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            repeated = slugs[slug] = slugs.get(slug, -1) + 1
            heading.attrSet("id", f"{slug}-{repeated}" if repeated else slug)
    content = Markup(program.renderer.render(tokens, program.options, {}))  # noqa: S704  texts from outside are escaped in it
    return render_page(folder, "report.html", language, {"title": title, "content": content})
