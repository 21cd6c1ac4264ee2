"""A study's runs, tables, figures and section come and go with it, and the sweep's own results stay as they are."""

import shutil

from project import Sweep, contents, program

# A configuration that the sweep has, with and without batch normalisation; and one of the CNN by kind of dropout.
STUDIES = {
    "ablation": {
        "mlp": {
            "batch_sizes": [8],
            "learning_rates": [0.001],
            "dropout_rates": [0.5],
            "axes": {"batch_norm": [True, False]},
        }
    },
    "kinds": {
        "cnn": {
            "batch_sizes": [8],
            "learning_rates": [0.001],
            "dropout_rates": [0.3],
            "axes": {"dropout_kind": ["channel", "element"]},
        }
    },
}
STUDY_RUNS = {
    "mlp/8_0.001_0.5_batch_norm=false/seed0",
    "cnn/8_0.001_0.3/seed0",
    "cnn/8_0.001_0.3_dropout_kind=element/seed0",
}
ADDED = {"aggregate_study": 2, "plot_ablation__mlp": 1, "plot_kinds__cnn": 1}
PAGES = {"render_report": 1, "render_explorer": 1, "all": 1}


def test_a_study_trains_what_the_sweep_has_not_and_goes_without_a_trace(finished: Sweep) -> None:
    tables, report = contents(finished.results / "tables"), finished.report.read_text()
    finished.configure(studies=STUDIES)
    assert "train, new (3)" in program(finished, "plan")
    assert finished.snakemake().jobs == {"train": 3, **ADDED, **PAGES}
    assert finished.trained() == STUDY_RUNS
    assert finished.snakemake("--dry-run").jobs == {}

    # The sweep's tables are those of before, and its ranking names no run of a study.
    assert contents(finished.results / "tables") == tables
    assert len((finished.results / "studies" / "ablation" / "runs.csv").read_text().splitlines()) == 1 + 2
    text = finished.report.read_text()
    start, end = text.index("## Study: "), text.index("## Claims against the write-up")
    assert text[:start] == report[: report.index("## Claims against the write-up")]
    added = text[start:end]
    for study, label, effect in (("ablation", "MLP", "batch_norm"), ("kinds", "CNN", "dropout_kind")):
        for name in ("val_loss", "val_acc", f"effect_{effect}", "importance"):
            assert added.count(f'src="./pics/{study}/{label}_{name}.png"') == 1
            assert (finished.report.parent / "pics" / study / f"{label}_{name}.png").stat().st_size > 5000
    assert "[appendix](#mlp-8_0.001_0.5_batch_norm%3Dfalse)" in added

    # Damage to a study's table is seen, and its runs are not among the best of the sweep.
    table = finished.results / "studies" / "ablation" / "epochs.csv"
    content = table.read_text()
    table.write_text(content[:-20])
    status = program(finished, "status")
    assert f"{table.relative_to(finished.folder)}: damaged" in status
    assert "9 runs" in status.splitlines()[0]
    assert "batch_norm" not in status.split("best so far")[1]
    table.write_text(content)

    # Also without Snakemake's notes, as beside results from elsewhere.
    shutil.rmtree(finished.folder / ".snakemake" / "metadata")
    finished.configure()
    assert finished.snakemake().jobs == PAGES
    assert finished.report.read_text() == report
