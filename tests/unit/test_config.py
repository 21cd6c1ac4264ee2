"""Which configs are accepted, and how files are merged. tests/workflow/test_refused_config.py has what is refused."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from project import REPOSITORY
from sweep.config import CONFIG_SCHEMA, INTEGER_KEYS, merge, validated
from sweep.errors import SweepError
from sweep.grid import Grid

DEFAULT = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))


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
    runs = Grid.of(config["models"], config["seeds"]).runs()
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
        {"seeds": [2**53, 2**53 + 1]},  # as floats these would be one number
        {"experiment": "2024-05.a_b"},
        {"report.author": "王小明 <a@b.c>"},
    ],
)
def test_unusual_but_right_configs_are_accepted(changes: dict[str, Any]) -> None:
    validated(changed(changes))


def test_a_text_that_is_meant_as_one_gets_no_advice_to_write_a_number() -> None:
    with pytest.raises(SweepError) as caught:
        validated(changed({"experiment": "-1"}))
    assert "without quotes" not in str(caught.value)


def typed_keys(schema: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Each key of a JSON schema with its type; an array has that of its items."""
    yield key, schema.get("items", schema).get("type")
    for name, part in schema.get("properties", {}).items():
        yield from typed_keys(part, name)
    if isinstance(more := schema.get("additionalProperties"), dict):
        yield from typed_keys(more, key)


def test_every_integer_of_the_schema_is_refused_with_a_point() -> None:
    schema = yaml.safe_load(CONFIG_SCHEMA.read_text(encoding="utf-8"))
    assert {key for key, kind in typed_keys(schema) if kind == "integer"} == INTEGER_KEYS


VALUES = st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2)
SECTIONS = st.recursive(VALUES, lambda value: st.dictionaries(st.sampled_from("abc"), value), max_leaves=6)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from("abc"), SECTIONS), st.dictionaries(st.sampled_from("abc"), SECTIONS))
def test_a_second_file_is_merged_as_snakemake_merges_it(base: dict[str, Any], changes: dict[str, Any]) -> None:
    expected = deepcopy(base)
    update_config(expected, changes)
    before = deepcopy(base)
    assert merge(base, changes) == expected
    assert base == before
