"""A study's runs, tables, figures and section come and go with it, and the grid's own results stay as they are."""

from project import Sweep, contents, program

# A configuration that the grid has not, and one whose models without variant are in the grid.
STUDIES = {"ablation": {"mlp": "16_0.01_0.5"}, "dropout_kind": {"cnn": "8_0.001"}}
STUDY_RUNS = {f"{model}/16_0.01_{rate}/seed0" for model in ("mlp", "mlp_without_bn") for rate in (0.0, 0.5)}
STUDY_RUNS |= {f"cnn_element_dropout/8_0.001_{rate}/seed0" for rate in (0.0, 0.5)}
ADDED = {"aggregate_study": 2, "plot_study": 2, "render_report": 1, "render_explorer": 1, "all": 1}
METRICS = ("train_acc", "train_loss", "val_acc", "val_loss")
HEADINGS = ("## Ablation: ", "## Channel dropout against", "## Claims against the write-up")


def test_a_study_trains_what_the_grid_has_not_and_goes_without_a_trace(finished: Sweep) -> None:
    tables, report = contents(finished.results / "tables"), finished.report.read_text()
    finished.configure(studies=STUDIES)
    assert "train, new (6)" in program(finished, "plan")
    assert finished.snakemake().jobs == {"train": 6, **ADDED}
    assert finished.trained() == STUDY_RUNS
    assert finished.snakemake("--dry-run").jobs == {}

    # The grid's tables and report are those of before, but for the sections.
    assert contents(finished.results / "tables") == tables
    assert len((finished.results / "studies" / "ablation" / "runs.csv").read_text().splitlines()) == 1 + 4
    text = finished.report.read_text()
    start, end = text.index(HEADINGS[0]), text.index(HEADINGS[-1])
    assert text[:start] + text[end:] == report
    added = text[start:end]
    assert HEADINGS[1] in added
    for name in ("MLP_ablation", "CNN_dropout_kind"):
        for metric in METRICS:
            assert added.count(f'src="./pics/{name}_{metric}.png"') == 1
            assert (finished.report.parent / "pics" / f"{name}_{metric}.png").stat().st_size > 5000
    assert "MLP_dropout_kind" not in added

    # A variant's file decides its runs alone, and damage to a study's table is seen.
    variant = "scripts/sweep/models/mlp_without_bn.py"
    finished.edit(variant, "nn.Linear(100, classes)", "nn.Linear( 100, classes)")
    assert finished.snakemake("--dry-run").jobs["train"] == 2
    finished.edit(variant, "nn.Linear( 100, classes)", "nn.Linear(100, classes)")
    table = finished.results / "studies" / "ablation" / "epochs.csv"
    content = table.read_text()
    table.write_text(content[:-20])
    status = program(finished, "status")
    assert f"{table.relative_to(finished.folder)}: damaged" in status
    assert "12 runs" in status.splitlines()[0]
    assert "mlp_without_bn" not in status.split("best so far")[1]
    table.write_text(content)

    finished.configure()
    assert finished.snakemake().jobs == {"render_report": 1, "render_explorer": 1, "all": 1}
    assert finished.report.read_text() == report
