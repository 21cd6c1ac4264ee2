"""A study's runs, tables, figures and section come and go with it, and the grid's own results stay as they are."""

from project import STUDIES, STUDY_RUNS, Sweep, contents, program

ADDED = {"aggregate_study": 2, "plot_study": 2, "render_report": 1, "render_explorer": 1, "all": 1}
METRICS = ("train_acc", "train_loss", "val_acc", "val_loss")
HEADINGS = ("## Ablation: ", "## Channel dropout against", "## Claims against the write-up")


def test_a_study_trains_what_the_grid_has_not_and_goes_without_a_trace(finished: Sweep) -> None:
    tables, report = contents(finished.results / "tables"), finished.report.read_text()
    finished.configure(studies=STUDIES)
    planned = finished.snakemake("--dry-run")
    assert planned.jobs == {"train": 4, **ADDED}
    assert "train, new (4)" in program(finished, "plan")
    assert finished.snakemake().jobs == planned.jobs
    assert finished.trained() == STUDY_RUNS
    assert finished.snakemake().jobs == {}

    # The grid's tables and report are those of before, but for the sections.
    assert contents(finished.results / "tables") == tables
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
    status = program(finished, "status")
    assert "10 runs" in status.splitlines()[0]
    assert "mlp_without_bn" not in status.split("best so far")[1]

    finished.configure()
    assert finished.snakemake().jobs == {"render_report": 1, "render_explorer": 1, "all": 1}
    assert finished.report.read_text() == report


def test_a_studys_own_configuration_stays_out_of_the_grids_tables(code: Sweep) -> None:
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0.5], "epochs": 1}
    code.configure(models={"mlp": space}, studies={"ablation": {"mlp": "16_0.01_0.2"}})
    outcome = code.snakemake()
    assert outcome.jobs["train"] == 5
    assert len((code.results / "tables" / "runs.csv").read_text().splitlines()) == 2
    assert len((code.results / "studies" / "ablation" / "runs.csv").read_text().splitlines()) == 5
    assert "That makes 1 full runs" in code.report.read_text()
    # A variant's file decides its runs alone.
    code.edit("scripts/sweep/models/mlp_without_bn.py", "nn.Linear(100, classes)", "nn.Linear( 100, classes)")
    assert code.snakemake("--dry-run").jobs["train"] == 2
    damaged = code.results / "studies" / "ablation" / "epochs.csv"
    damaged.write_text(damaged.read_text()[:-20])
    assert f"{damaged.relative_to(code.folder)}: damaged" in program(code, "status")
