"""Which configs are accepted, and the sentence that each fault gets."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweep.config import validated
from sweep.errors import SweepError
from sweep.grid import expand_grid

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The default config with values by dotted key."""
    config = deepcopy(DEFAULT)
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = config
        for section in sections:
            place = place[section]
        place[last] = value
    return config


def test_the_default_config_is_the_write_ups_sweep() -> None:
    config = validated(deepcopy(DEFAULT))
    runs = list(expand_grid(config["models"], config["seeds"]))
    assert [(run.model, run.epochs) for run in runs] == [("mlp", 20)] * 60 + [("cnn", 50)] * 60
    assert {run.batch_size for run in runs if run.model == "mlp"} == {512, 1024, 2048, 4096}
    assert {run.batch_size for run in runs if run.model == "cnn"} == {128, 256, 512, 1024}
    assert {run.learning_rate for run in runs} == {0.001, 0.0005, 0.0001}
    assert {run.dropout_rate for run in runs} == {0.0, 0.2, 0.4, 0.6, 0.8}


def test_what_is_left_out_gets_its_default() -> None:
    config = deepcopy(DEFAULT) | {"training": {}, "report": {"language": "en"}}
    del config["seeds"], config["data"]["path"]
    filled = validated(config)
    assert filled["training"] == {"device": "auto", "precision": "auto", "jobs_per_gpu": 1}
    assert filled["report"] == {"language": "en", "author": "", "top": 10, "rank_by": "val_loss"}
    assert (filled["seeds"], filled["data"]["path"]) == ([0], "data")


@pytest.mark.parametrize(
    "changes",
    [
        {"models.cnn": None},
        {"models.mlp.batch_sizes": [40_000]},  # as large as the training set
        {"models.mlp.learning_rates": [1]},  # an integer is a number
        {"models.mlp.dropout_rates": [0.999]},
        {"seeds": [2**53, 2**53 + 1]},  # one number only as floats
        {"experiment": "2024-05.a_b"},
        {"report.author": "王小明 <a@b.c>"},
    ],
)
def test_unusual_but_right_configs_are_accepted(changes: dict[str, Any]) -> None:
    validated(changed(changes))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        # keys
        ({"modles": {}}, "unknown key modles at the top level; known are experiment, data, models"),
        ({"data.root": "x"}, "unknown key root in data; known are source, path, validation_size"),
        ({"models.mlp.dropout": [0]}, "unknown key dropout in models.mlp; known are batch_sizes"),
        ({"training.gpu": 1}, "unknown key gpu in training; known are device, precision"),
        ({"report.lang": "en"}, "unknown key lang in report; known are language"),
        ({"models.cnn": {"batch_sizes": [128]}}, "models.cnn must contain"),
        ({"models.vgg": None}, "models.vgg: there is no such model; scripts/sweep/models/ has cnn, mlp"),
        ({"models.__init__": DEFAULT["models"]["mlp"]}, "models.__init__: there is no such model"),
        ({"models": {"mlp": None, "cnn": None}}, "models: none is left to train"),
        ({"models": {}}, "models: none is left to train"),
        # types
        ({"models.mlp.batch_sizes": 512}, "models.mlp.batch_sizes must be array, not 512"),
        ({"models.mlp.batch_sizes": [512.0]}, "models.mlp.batch_sizes[0] is 512.0; it must be an integer"),
        ({"models.mlp.batch_sizes": [True]}, "models.mlp.batch_sizes[0] must be integer, not True"),
        ({"models.mlp.learning_rates": [True]}, "models.mlp.learning_rates[0] must be number, not True"),
        ({"models.mlp.learning_rates": ["1e-3"]}, "not '1e-3'; it is text to YAML, write 0.001 without quotes"),
        ({"models.mlp.batch_sizes": ["512"]}, "not '512'; it is text to YAML, write 512 without quotes"),
        ({"models.mlp.epochs": 2.5}, "models.mlp.epochs must be integer, not 2.5"),
        ({"seeds": [0.0]}, "seeds[0] is 0.0; it must be an integer"),
        ({"seeds": 0}, "seeds must be array, not 0"),
        ({"training": None}, "training must be object, not None"),
        ({"training.device": "gpu"}, "training.device must be one of ['auto', 'cpu', 'cuda'], not 'gpu'"),
        ({"report.language": "de"}, "report.language must be one of ['zh', 'en'], not 'de'"),
        ({"report.author": 7}, "report.author must be string, not 7"),
        # ranges
        ({"models.mlp.learning_rates": []}, "models.mlp.learning_rates must contain at least 1 items"),
        ({"seeds": []}, "seeds must contain at least 1 items"),
        ({"models.mlp.learning_rates": [0]}, "models.mlp.learning_rates[0] must be bigger than 0, not 0"),
        ({"models.mlp.learning_rates": [0.1, -1e-3]}, "models.mlp.learning_rates[1] must be bigger than 0, not -0.001"),
        ({"models.mlp.learning_rates": [float("nan")]}, "models.mlp.learning_rates[0] is nan; it must be a finite"),
        ({"models.mlp.learning_rates": [float("inf")]}, "models.mlp.learning_rates[0] is inf; it must be a finite"),
        ({"models.mlp.learning_rates": [10**400]}, "it must be a finite"),
        ({"models.mlp.dropout_rates": [float("nan")]}, "models.mlp.dropout_rates[0] is nan; it must be a finite"),
        ({"models.mlp.dropout_rates": [0, 1]}, "models.mlp.dropout_rates[1] must be smaller than 1, not 1"),
        ({"models.mlp.dropout_rates": [-0.1]}, "models.mlp.dropout_rates[0] must be bigger than or equal to 0"),
        ({"models.mlp.batch_sizes": [1]}, "models.mlp.batch_sizes[0] must be bigger than or equal to 2, not 1"),
        ({"models.mlp.epochs": 0}, "models.mlp.epochs must be bigger than or equal to 1, not 0"),
        ({"seeds": [-1]}, "seeds[0] must be bigger than or equal to 0, not -1"),
        ({"report.top": 0}, "report.top must be bigger than or equal to 1, not 0"),
        # repeats
        ({"models.cnn.dropout_rates": [0.1, 0.2, 0.10]}, "models.cnn.dropout_rates holds 0.1 2 times"),
        ({"models.cnn.dropout_rates": [0, 0.0]}, "models.cnn.dropout_rates holds 0.0 2 times"),
        ({"models.cnn.batch_sizes": [8, 8, 8]}, "models.cnn.batch_sizes holds 8 3 times"),
        ({"seeds": [1, 2, 1]}, "seeds holds 1 2 times"),
        # sizes
        ({"models.mlp.batch_sizes": [512, 40_001]}, "models.mlp.batch_sizes: 40001 is larger than the training set"),
        ({"data.validation_size": 50_000}, "data.validation_size 50000 leaves nothing to train on"),
        ({"data.validation_size": 0}, "data.validation_size must be bigger than or equal to 1, not 0"),
        # names that become paths and lines
        ({"experiment": "../x"}, "experiment must match pattern"),
        ({"experiment": "/x"}, "experiment must match pattern"),
        ({"experiment": "x\n"}, "experiment must match pattern"),
        ({"experiment": ""}, "experiment must match pattern"),
        ({"experiment": "records"}, "results/records is there for something else; choose another name"),
        ({"experiment": "example"}, "report/example is there for something else; choose another name"),
        ({"report.author": "A\nB"}, "report.author must match pattern"),
        ({"data.path": ""}, "data.path must be longer than or equal to 1 characters"),
        ({"data.source": "folder", "data.path": "no such place"}, f"{Path('no such place', 'train')} is not a folder"),
    ],
)
def test_a_fault_is_named_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        validated(changed(changes))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith(("config: ", "data.path: "))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["experiment", "data", "models", "training", "report"])
def test_a_missing_section_is_named(key: str) -> None:
    config = {name: section for name, section in deepcopy(DEFAULT).items() if name != key}
    with pytest.raises(SweepError, match=f"^config: must contain .*'{key}'"):
        validated(config)


def test_a_text_that_is_meant_as_one_gets_no_advice_to_write_a_number() -> None:
    with pytest.raises(SweepError) as caught:
        validated(changed({"experiment": "-1"}))
    assert "without quotes" not in str(caught.value)
