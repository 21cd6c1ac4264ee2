"""Which configs are accepted and which are refused, each fault with its sentence.

That a user meets these sentences through `snakemake` is tested in tests/workflow/test_refused.py.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from project import CONFIG, REPOSITORY, changed
from sweep.config import CONFIG_SCHEMA, INTEGER_KEYS, merge, read_config, validated
from sweep.errors import SweepError
from sweep.grid import Grid

DEFAULT = yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))
# Digits, since their number is known without looking at files: 800, of which 788 are left to train.
DIGITS = CONFIG | {"data": {"source": "digits", "path": "data", "validation_size": 12}}
NAN, INF = float("nan"), float("inf")


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
    assert filled["training"] == {"device": "auto", "precision": "auto", "jobs_per_gpu": 1, "keep": "state"}
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
    validated(changed(DEFAULT, changes))


def test_a_text_that_is_meant_as_one_gets_no_advice_to_write_a_number() -> None:
    with pytest.raises(SweepError) as caught:
        validated(changed(DEFAULT, {"experiment": "-1"}))
    assert "without quotes" not in str(caught.value)


# A value of a wrong type for each key: the validator is a library's, the sentence is ours.
WRONG_TYPES: list[tuple[str, str, Any]] = [
    ("experiment", "string", ["text"]),
    ("data", "object", "text"),
    ("data.source", "one of ['cifar10', 'folder', 'digits', 'scattered_digits']", "../cifar10"),
    ("data.path", "string", None),
    ("data.validation_size", "integer", 2.5),
    ("models", "object", ["experiment"]),
    ("models.mlp", "object or null", True),
    ("models.mlp.batch_sizes", "array or null", 7),
    ("models.mlp.batch_sizes[0]", "integer", True),
    ("models.mlp.learning_rates", "array or null", {"a": 7}),
    ("models.mlp.learning_rates[0]", "number", [0.5]),
    ("models.mlp.dropout_rates", "array or null", "7"),
    ("models.mlp.dropout_rates[0]", "number", None),
    ("models.mlp.epochs", "integer", INF),
    ("seeds", "array", None),
    ("seeds[0]", "integer", NAN),
    ("training", "object", False),
    ("training.device", "one of ['auto', 'cpu', 'cuda']", "CPU"),
    ("training.precision", "one of ['auto', 'fp32', 'bf16']", "fp16"),
    ("report", "object", None),
    ("report.language", "one of ['zh', 'en']", "de"),
    ("report.author", "string", {"text": 1}),
    ("report.top", "integer", "text"),
    ("report.rank_by", "one of ['val_loss', 'val_acc']", "test_acc"),
]


@pytest.mark.parametrize(("key", "wanted", "value"), WRONG_TYPES)
def test_a_value_of_a_wrong_type_is_named_with_its_key(key: str, wanted: str, value: Any) -> None:
    change = {key.removesuffix("[0]"): [value]} if key.endswith("[0]") else {key: value}
    with pytest.raises(SweepError) as caught:
        validated(changed(DIGITS, change))
    assert str(caught.value) == f"config: {key} must be {wanted}, not {value!r}"


HUGE = 10**400
NO_NAMES = ["../../elsewhere", "..", "a/b", "", ".hidden", "-n", "x\n", "王", "$(touch pwned)", "{input}"]
FAULTS: list[tuple[dict[str, Any], str]] = [
    # keys that are missing or unknown
    *[({key: ...}, f"config: the file lacks {key}") for key in ("experiment", "data", "models", "training", "report")],
    ({"data": {}}, "config: data lacks source, validation_size"),
    ({"models.cnn": {"batch_sizes": [8]}}, "config: models.cnn lacks epochs"),
    (
        {"models.cnn": {"batch_sizes": [8], "epochs": 1}},
        "config: models.cnn lacks learning_rates, dropout_rates (or sa",
    ),
    ({"modles": {}}, "config: unknown key modles at the top level; known are experiment, data, models"),
    ({"data.root": "x"}, "config: unknown key root in data; known are source, path, validation_size"),
    ({"models.mlp.dropout": [0]}, "config: unknown key dropout in models.mlp; known are epochs, batch_sizes"),
    ({"models.mlp": {}}, "config: models.mlp lacks epochs"),
    (
        {"models": {True: {"epochs": 1}}},
        "config: models has the key True, which is no text to YAML; write it in quotes",
    ),
    # models that do not exist
    (
        {"models.vgg": None},
        "config: models.vgg: there is no such model; scripts/sweep/models/ has cnn, mlp (a model's file",
    ),
    ({"models": {"mlp": None, "cnn": None}}, "config: models: none is left to train"),
    # numbers that YAML reads as text, and text that it reads as something else
    ({"models.mlp.learning_rates": ["1e-3"]}, "not '1e-3'; it is text to YAML, write 0.001 without quotes"),
    ({"models.mlp.batch_sizes": ["512"]}, "not '512'; it is text to YAML, write 512 without quotes"),
    ({"models.mlp.learning_rates": ["nan"]}, "models.mlp.learning_rates[0] must be number, not 'nan'\n"),
    ({"experiment": 2024}, "config: experiment must be string, not 2024; for YAML that is no text, write it in quotes"),
    ({"experiment": date(2024, 1, 1)}, "config: experiment must be string, not datetime.date(2024, 1, 1); for YAML"),
    ({"experiment": {"a": "b" * 1000}}, "b…\n"),
    # integers with a point
    ({"models.mlp.batch_sizes": [512.0]}, "config: models.mlp.batch_sizes[0] is 512.0; it must be an integer, written"),
    ({"models.mlp.epochs": 2.0}, "config: models.mlp.epochs is 2.0; it must be an integer"),
    # ranges
    ({"models.mlp.batch_sizes": []}, "config: models.mlp.batch_sizes must contain at least 1 items"),
    ({"models.mlp.batch_sizes": [8, 1]}, "config: models.mlp.batch_sizes[1] must be bigger than or equal to 2, not 1"),
    ({"models.mlp.batch_sizes": [789]}, "models.mlp: batch size 789 is larger than the training set, which has 788"),
    ({"models.mlp.learning_rates": [0]}, "config: models.mlp.learning_rates[0] must be bigger than 0, not 0"),
    ({"models.mlp.learning_rates": [0.1, -1e-3]}, "models.mlp.learning_rates[1] must be bigger than 0, not -0.001"),
    ({"models.mlp.learning_rates": [NAN]}, "config: models.mlp.learning_rates[0] is nan; it must be a finite number"),
    ({"models.mlp.learning_rates": [INF]}, "config: models.mlp.learning_rates[0] is inf; it must be a finite number"),
    ({"models.mlp.learning_rates": [HUGE]}, "0; it must be a finite number"),
    ({"models.mlp.dropout_rates": [0, 1]}, "config: models.mlp.dropout_rates[1] must be smaller than 1, not 1"),
    ({"models.mlp.dropout_rates": [INF]}, "config: models.mlp.dropout_rates[0] must be smaller than 1, not inf"),
    ({"models.mlp.epochs": 0}, "config: models.mlp.epochs must be bigger than or equal to 1, not 0"),
    (
        {"models.mlp.epochs": 10**9},
        "config: models.mlp.epochs must be smaller than or equal to 1000000, not 1000000000",
    ),
    ({"seeds": [-1]}, "config: seeds[0] must be bigger than or equal to 0, not -1"),
    (
        {"seeds": [2**63]},
        "config: seeds[0] must be smaller than or equal to 9223372036854775807, not 9223372036854775808",
    ),
    ({"report.top": 0}, "config: report.top must be bigger than or equal to 1, not 0"),
    ({"data.validation_size": 0}, "config: data.validation_size must be bigger than or equal to 1, not 0"),
    (
        {"data.validation_size": 800},
        "config: data.validation_size 800 leaves nothing to train on: the training set has",
    ),
    ({"data.validation_size": HUGE}, "0; it must be a finite number"),
    ({"data.validation_size": 790}, "config: models.mlp: batch size 16 is larger than the training set, which has 10"),
    # values that are there twice
    ({"models.cnn.dropout_rates": [0.1, 0.2, 0.10]}, "config: models.cnn.dropout_rates holds 0.1 2 times"),
    ({"models.cnn.dropout_rates": [0.0, -0.0]}, "config: models.cnn.dropout_rates holds 0.0 2 times"),
    ({"models.cnn.learning_rates": [1, 1.0]}, "config: models.cnn.learning_rates holds 1.0 2 times"),
    ({"seeds": [1, 2, 1]}, "config: seeds holds 1 2 times"),
    # names that become folders
    *[({"experiment": name}, f"that begins with a letter or digit, not {name!r}") for name in NO_NAMES],
    *[
        ({"experiment": name}, f"config: experiment: {taken} is there for something else; choose another name")
        for name, taken in [
            ("records", "results/records"),
            ("Records", "results/records"),
            ("bench.json", "results/bench.json"),
            ("README.md", "results/README.md"),
            ("example", "report/example"),
        ]
    ],
    # texts that become arguments and lines
    ({"report.author": "A\nB"}, "config: report.author must be one line without control characters, not 'A\\nB'"),
    (
        {"report.author": "A\u2028B"},
        "config: report.author must be one line without control characters, not 'A\\u2028B'",
    ),
    ({"report.author": "\ud800"}, "config: report.author must be one line without control characters, not '\\ud800'"),
    ({"report.author": "A" * 1001}, "config: report.author must be shorter than or equal to 1000 characters, not 'AAA"),
    ({"data.path": ""}, "config: data.path must be longer than or equal to 1 characters, not ''"),
    ({"data.path": "a\nb"}, "config: data.path must be a path without control characters, not 'a\\nb'"),
]


@pytest.mark.parametrize(("changes", "sentence"), FAULTS)
def test_any_other_fault_is_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        validated(changed(DIGITS, changes))
    assert sentence in f"{caught.value}\n"
    assert len(str(caught.value).splitlines()) == 1


# ---- a file that is no config at all

RIGHT = yaml.safe_dump(DIGITS).encode()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"experiment: a\n\tdata: b\n", "config: config.yaml, line 2: found character '\\t' that cannot start any"),
        (b"experiment: a\nseeds: [0, 1\nreport: {}\n", "config: config.yaml, line 3: expected ',' or ']', but got ':'"),
        (b"experiment: 'a\n", "config: config.yaml, line 2: found unexpected end of stream"),
        (b"experiment: a\n---\ndata: b\n", "config: config.yaml, line 2: but found another document"),
        (b"experiment: *a\n", "config: config.yaml, line 1: found undefined alias 'a'"),
        (b"a: !!python/object/apply:os.mkdir ['pwned']\n", "config.yaml, line 1: could not determine a constructor"),
        (b"? [a, b]\n: 7\n", "config: config.yaml, line 1: found unhashable key"),
        (RIGHT + b"seeds: [0, 1]\n", "the key seeds is there twice"),
        (RIGHT.replace(b"epochs: 2", b"epochs: 2\n    epochs: 3"), "the key epochs is there twice"),
        (b"experiment: 2024-13-45\n", "config: config.yaml is not YAML (month must be in 1..12)"),
        (b"seeds: [" + b"1" * 5000 + b"]\n", "config: config.yaml is not YAML (Exceeds the limit"),
        (b"[" * 1000, "config: config.yaml is not YAML ("),
        (b"experiment: caf\xe9\n", "config: config.yaml is not text in UTF-8 (invalid continuation byte); save it"),
        (b"experiment: a\0b\n", "config: config.yaml is not YAML (unacceptable character #x0000: special characters"),
        (b"", "config: config.yaml must hold keys at its top level, as in experiment: cifar10"),
        (b"# nothing but words\n", "config: config.yaml must hold keys at its top level"),
        (b"- experiment\n- data\n", "config: config.yaml must hold keys at its top level"),
        (b"experiment\n", "config: config.yaml must hold keys at its top level"),
        (RIGHT + b"7: {}\n", "config: unknown key 7 at the top level; known are experiment, data, models"),
        (b"experiment: &a [*a]\n", "config: the file lacks data, models, training, report"),
        (RIGHT.replace(b"seeds:\n- 0", b"seeds: [01, 2]"), ": 01 is 1 to YAML; write it as a decimal number"),
        (RIGHT.replace(b"seeds:\n- 0", b"seeds: [010]"), ": 010 is 8 to YAML; write it as a decimal number"),
        (RIGHT.replace(b"seeds:\n- 0", b"seeds: [-0x1F]"), ": -0x1F is -31 to YAML; write it as a decimal number"),
        (RIGHT.replace(b"seeds:\n- 0", b"seeds: [1:30]"), ": 1:30 is 90 to YAML; write it as a decimal number"),
        (RIGHT.replace(b"seeds:\n- 0", b"seeds: [08]"), "config: seeds[0] must be integer, not '08'; it is text"),
        (RIGHT + b"__use_yte__: true\n", "config: config.yaml: a config is no template; take the key __use_yte__ out"),
        (b'{"experiment": "a",\n\t"experiment": "b"}', "config: config.yaml: the key experiment is there twice"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_a_config_is_named_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_bytes(content)
    with pytest.raises(SweepError) as caught:
        read_config([])
    assert sentence in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "config.yaml"]


def test_a_config_may_be_json_with_tabs_and_stand_alone_without_config_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("all of it.json").write_text(json.dumps(DIGITS, indent="\t"))
    assert read_config([Path("all of it.json")]) == validated(DIGITS)
    with pytest.raises(SweepError, match=r"there is no config\.yaml in .*: start in the folder of your sweep"):
        read_config([])


def test_a_value_that_the_command_line_cannot_give_is_sent_to_a_file() -> None:
    with pytest.raises(SweepError) as caught:
        validated(changed(DIGITS, {"seeds": ["0", "1"]}), {"seeds"})
    assert str(caught.value).endswith(
        "; --config cannot give this value: put it in a file, and give that with --configfile"
    )


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
