"""What is made beside the Markdown report: the explorer with its command, and Snakemake's own report."""

import json
import re
from pathlib import Path

from project import CNN_RUNS, MLP_RUNS, Sweep, contents, numbers


def test_the_explorers_command_repeats_a_run_and_leaves_the_sweep_alone(finished: Sweep, tmp_path: Path) -> None:
    page = finished.report.with_name("index.html").read_text()
    text = re.search(r'<script type="application/json" id="data">(.*)</script>', page)
    assert text is not None
    data = json.loads(text[1])
    rows = [dict(zip(data["runs"], values, strict=True)) for values in zip(*data["runs"].values(), strict=True)]
    assert len(rows) == 6
    (tmp_path / "elsewhere").mkdir()
    finished.environment["TMPDIR"] = str(tmp_path / "elsewhere")
    before = contents(finished.folder)
    for run in (min(MLP_RUNS), max(CNN_RUNS)):
        (row,) = (row for row in rows if f"{row['model']}/{row['name']}/seed{row['seed']}" == run)
        done = finished.run(data["command"].format(**row))
        assert done.code == 0, done.output
        assert "epoch 0:" in done.output
        repeated = Path(done.output.splitlines()[-1])
        assert repeated.is_relative_to(tmp_path / "elsewhere")
        assert numbers(repeated) == numbers(finished.results / "runs" / run / "metrics.json")
    assert contents(finished.folder) == before


def test_snakemakes_own_report_has_figures_and_tables_with_captions(finished: Sweep) -> None:
    finished.environment["https_proxy"] = finished.environment["http_proxy"] = "http://127.0.0.1:9"
    finished.snakemake("--report", "out.html")
    page = (finished.folder / "out.html").read_text()
    categories = ("Learning curves", "Effects", "Examinations", "Tables")
    for words in (*categories, "MLP_val_acc.png", "CNN_train_loss.png", "configurations.csv"):
        assert words in page
    assert page.count("best configurations, ranked as in the report") == 8
    assert page.count("In an effect's figure a thin line joins") == 9
    assert page.count("What the best run of each model does with the test set") == 5
    assert "the last epoch's val_loss, the best first" in page.replace("\\n", " ").replace("\\u0027", "'")
