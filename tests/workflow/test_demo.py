"""The demo and the default config, as a user meets them."""

from project import ANALYSIS, REPOSITORY, Sweep


def test_the_demo_plans_the_whole_sweep_and_no_dry_run_loads_torch(code: Sweep) -> None:
    (code.folder / "torch.py").write_text("raise AssertionError('torch is loaded')")
    code.environment["PYTHONPATH"] = str(code.folder)
    (code.folder / "config.yaml").write_bytes((REPOSITORY / "config.yaml").read_bytes())
    everything = {"prepare_data": 1, "train": 120, **ANALYSIS}
    for profile in ("--workflow-profile workflow/profiles/demo", ""):
        assert code.run(f"snakemake --dry-run --cores 2 {profile}").jobs == everything
