"""The config as a user meets it: the demo, and a sweep of several seeds."""

from project import ANALYSIS, REPOSITORY, Sweep


def test_the_demo_plans_the_whole_sweep_and_no_dry_run_loads_torch(code: Sweep) -> None:
    (code.folder / "torch.py").write_text("raise AssertionError('torch is loaded')")
    code.environment["PYTHONPATH"] = str(code.folder)
    (code.folder / "config.yaml").write_bytes((REPOSITORY / "config.yaml").read_bytes())
    everything = {"prepare_data": 1, "train": 120, **ANALYSIS}
    assert code.snakemake("--dry-run", "--workflow-profile", "workflow/profiles/demo").jobs == everything
    assert code.snakemake("--dry-run").jobs == everything


def test_several_seeds_are_runs_of_one_configuration(code: Sweep) -> None:
    code.configure(models__cnn=None, models__mlp__batch_sizes=[8], models__mlp__dropout_rates=[0], seeds=[0, 7])
    assert code.snakemake().jobs["train"] == 2
    assert code.trained() == {"mlp/8_0.001_0.0/seed0", "mlp/8_0.001_0.0/seed7"}
    assert "with each of the seeds 0, 7" in code.report.read_text()
    assert len((code.results / "tables" / "configurations.csv").read_text().splitlines()) == 2
