"""The config as a user meets it: what is refused before any job, and the demo."""

import pytest

from sweeps import REPOSITORY, Sweep


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"models__mlp__dropout": [0]}, "config: unknown key dropout in models.mlp; known are batch_sizes"),
        ({"models__mlp__learning_rates": ["1e-3"]}, "learning_rates[0] must be number, not '1e-3'"),
        ({"models__mlp__dropout_rates": [0, 0.0]}, "config: models.mlp.dropout_rates holds 0.0 2 times"),
        ({"models__mlp__batch_sizes": [64]}, "64 is larger than the training set, which has 48 pictures"),
        ({"models__mlp__batch_sizes": [8.0]}, "models.mlp.batch_sizes[0] is 8.0; it must be an integer"),
        ({"models__vgg": None}, "config: models.vgg: there is no such model; scripts/sweep/models/ has cnn, mlp"),
        ({"data__validation_size": 60}, "config: data.validation_size 60 leaves nothing to train on"),
        ({"data__path": "no such place"}, "data.path: no such place/train is not a folder"),
        ({"experiment": "../elsewhere"}, "config: experiment must match pattern"),
        ({"seeds": [float("nan")]}, "config: seeds[0]"),
    ],
)
def test_a_wrong_config_is_one_sentence_before_any_job(code: Sweep, changes: dict[str, object], sentence: str) -> None:
    code.configure(**changes)
    outcome = code.snakemake(succeeds=False)
    assert sentence in outcome.output
    assert "Traceback" not in outcome.output
    assert len(outcome.output.splitlines()) < 6
    assert not (code.folder / "results").exists()


def test_unreadable_pictures_are_named_and_no_data_are_written(code: Sweep) -> None:
    picture = code.folder / "pictures" / "train" / "class 1" / "03.png"
    picture.write_bytes(picture.read_bytes()[:60])
    code.snakemake(succeeds=False)
    assert "Error: unreadable pictures, remove or replace them: pictures/train/class 1/03.png" in code.logs()
    assert not any((code.results / "data").glob("*"))


def test_no_network_names_the_two_ways_out(code: Sweep) -> None:
    """A proxy that refuses at once stands for a machine without a network."""
    code.environment |= {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    space = {"batch_sizes": [8], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 1}
    code.configure(data__source="cifar10", data__path="data", models={"mlp": space})
    code.snakemake("--until", "prepare_data", succeeds=False)
    assert "Error: CIFAR-10 is not in data and could not be downloaded" in code.logs()
    assert "put cifar-10-python.tar.gz from" in code.logs()
    assert "or set data.source to folder or digits" in code.logs()
    assert not list((code.folder / "data").rglob("*"))


def test_the_demo_plans_the_whole_sweep_and_no_dry_run_loads_torch(code: Sweep) -> None:
    (code.folder / "torch.py").write_text("raise AssertionError('torch is loaded')")
    code.environment["PYTHONPATH"] = str(code.folder)
    (code.folder / "config.yaml").write_bytes((REPOSITORY / "config.yaml").read_bytes())
    everything = {"prepare_data": 1, "train": 120, "aggregate": 1, "plot": 8, "render_report": 1, "all": 1}
    assert code.snakemake("--dry-run", "--workflow-profile", "workflow/profiles/demo").jobs == everything
    assert code.snakemake("--dry-run").jobs == everything
    catalog = code.snakemake("--dry-run", "--snakefile", "workflow/Snakefile").jobs
    assert catalog == {**{name: count for name, count in everything.items() if name != "all"}, "catalog": 1}


def test_several_seeds_are_runs_of_one_configuration(code: Sweep) -> None:
    code.configure(models__cnn=None, models__mlp__batch_sizes=[8], models__mlp__dropout_rates=[0], seeds=[0, 7])
    assert code.snakemake().jobs["train"] == 2
    assert code.trained() == {"mlp/8_0.001_0.0/seed0", "mlp/8_0.001_0.0/seed7"}
    assert "with each of the seeds 0, 7" in code.report.read_text()
    assert len((code.results / "tables" / "configurations.csv").read_text().splitlines()) == 2
