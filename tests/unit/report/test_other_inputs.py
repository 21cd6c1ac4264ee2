"""What a page is made from: a model whose name means "missing" elsewhere, and tables of other data."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import DATA_HASH, record, save_settings
from plot import draw_figures
from project import REPOSITORY
from render_explorer import render_explorer
from render_report import render_report
from sweep.analysis.tables import TABLE_FILES, write_tables
from sweep.data.prepared import manifest_hash
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Grid, Partial, Run

TEMPLATES = REPOSITORY / "workflow" / "templates"


def write(folder: Path, models: list[str], data_hash: str = DATA_HASH, partial: Partial | None = None) -> Any:
    """The tables of these models, which are alike, and what both programs are given."""
    space = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0, 0.5], "epochs": 2}
    grid = Grid.of(dict.fromkeys(models, space), [0], partial=partial)
    records = [record(Run("mlp", 8, 0.1, 0.0, 2, 0), [1.0, 0.5], [0.5, 0.6], device_name="nan") for _ in grid.runs()]
    write_tables(folder, grid.runs(), records, grid)
    manifest = {"source": "digits", "class_names": ["a"], "sizes": dict.fromkeys(("train", "validation", "test"), 9)}
    manifest["content_hash"] = data_hash
    write_json(folder / "manifest.json", {**manifest, "manifest_hash": manifest_hash(manifest)})
    return {"grid": folder / "grid.json", "settings": save_settings(folder), "data": folder, "tables": folder}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_models_whose_names_mean_missing_are_shown_like_others(tmp_path: Path, language: str) -> None:
    names = ["nan", "null", "inf"]
    given = {**write(tmp_path, names), "settings": save_settings(tmp_path, language, top=9)}
    for name in names:
        figures = dict(draw_figures(tmp_path, name, 9))
        (axes,) = figures["val_acc"].axes
        assert [list(np.asarray(line.get_ydata())) for line in axes.get_lines()] == [[0.5, 0.6]] * 2
    report = tmp_path / "report.md"
    render_report(templates=TEMPLATES, output=report, **given)
    text = report.read_text()
    for name in names:
        assert text.count(f"\n### {name.upper()}\n") == 1
        assert text.count(f"`{name}/8_0.1_") == 2
    assert re.search(r"runs: nan, fp32|次训练：nan，fp32", text)
    render_explorer(templates=TEMPLATES / "explorer", report=report, **given)
    page = report.with_name("index.html").read_text()
    (data,) = re.findall(r'<script type="application/json" id="data">(.*)</script>', page)
    runs = json.loads(data)["runs"]
    assert (runs["model"], runs["device_name"]) == ([name for name in names for _ in range(2)], ["nan"] * 6)


def test_tables_of_other_data_are_refused_but_in_a_preview(tmp_path: Path) -> None:
    given = {**write(tmp_path, ["mlp"], "e" * 64), "templates": TEMPLATES}
    report = tmp_path / "report.md"
    explorer = {**given, "templates": TEMPLATES / "explorer", "report": report}
    command = shlex.join(["rm", "-f", *(str(tmp_path / name) for name in TABLE_FILES)])
    for render, values in ((render_report, {**given, "output": report}), (render_explorer, explorer)):
        with pytest.raises(SweepError) as caught:
            render(**values)
        assert str(caught.value).startswith(f"{tmp_path}/runs.csv: 2 of its 2 runs were made with other data")
        assert str(caught.value).endswith(command)
    assert not report.exists()
    stale = [{"run": f"mlp/8_0.1_{rate}/seed0", "differs": ["another data_hash"]} for rate in ("0.0", "0.5")]
    write(tmp_path, ["mlp"], "e" * 64, Partial(2, 0, [], stale, []))
    render_report(**given, output=report)
    render_explorer(**explorer)
    shown = "Made with another data_hash: `mlp/8_0.1_0.0/seed0`, `mlp/8_0.1_0.5/seed0`."
    assert shown in report.read_text().replace("\\_", "_")
    assert "was made with another data_hash" in report.with_name("index.html").read_text()
