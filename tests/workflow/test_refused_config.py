"""Every config that is refused, as a user meets it.

Each case is a call of `snakemake` itself, in a process of its own that is forked from one in which Snakemake is loaded
(starter.py), in a folder with just that config.yaml and, where the case is about them, pictures. Each asserts the
sentence, an exit code that is not 0, and that not one file was made or changed. The cases of types are made from a
table of keys.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import CONFIG, Outcome

NAN, INF = float("nan"), float("inf")
DIGITS = CONFIG | {"data": {"source": "digits", "path": "data", "validation_size": 12}}


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """A right config with values by dotted key; `...` takes the key out."""
    config = deepcopy(DIGITS)
    for key, value in changes.items():
        *sections, last = key.split(".")
        place = config
        for section in sections:
            place = place[section]
        place[last] = value
        if value is ...:
            del place[last]
    return config


def files(folder: Path) -> dict[Path, bytes | None]:
    """All of a folder but Snakemake's own notes."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if ".snakemake" not in path.parts
    }


def assert_refused(call_snakemake: Callable[..., Outcome], folder: Path, sentence: str) -> None:
    before = files(folder)
    outcome = call_snakemake(folder)
    assert sentence in outcome.output
    assert "Traceback" not in outcome.output
    assert len(outcome.output.splitlines()) < 7
    assert outcome.code == 1
    assert files(folder) == before


# ---- types: every key with each value that is of another

NOT_TEXT = [None, True, 7, 2.5, NAN, ["text"], {"text": 1}]
NOT_A_SECTION = [None, False, 7, "text", ["experiment"]]
NOT_A_LIST = [None, True, 7, 0.5, "7", {"a": 7}]
NOT_AN_INTEGER = [None, True, 2.5, NAN, INF, "text", [7], {"a": 7}]
NOT_A_NUMBER = [None, True, "text", [0.5], {"a": 0.5}]
NOT_A_CHOICE = [None, True, 7, "CPU", "", ["auto"], {"auto": 1}]

MLP = "models.mlp"
TYPES = [
    ("experiment", "string", NOT_TEXT),
    ("data", "object", NOT_A_SECTION),
    ("data.source", "one of ['cifar10', 'folder', 'digits']", [*NOT_A_CHOICE, "imagenet", "Folder", "../cifar10"]),
    ("data.path", "string", NOT_TEXT),
    ("data.validation_size", "integer", NOT_AN_INTEGER),
    ("models", "object", NOT_A_SECTION),
    (MLP, "object or null", [True, 7, "text", ["batch_sizes"]]),
    (f"{MLP}.batch_sizes", "array", NOT_A_LIST),
    (f"{MLP}.batch_sizes[0]", "integer", NOT_AN_INTEGER),
    (f"{MLP}.learning_rates", "array", NOT_A_LIST),
    (f"{MLP}.learning_rates[0]", "number", NOT_A_NUMBER),
    (f"{MLP}.dropout_rates", "array", NOT_A_LIST),
    (f"{MLP}.dropout_rates[0]", "number", NOT_A_NUMBER),
    (f"{MLP}.epochs", "integer", NOT_AN_INTEGER),
    ("seeds", "array", NOT_A_LIST),
    ("seeds[0]", "integer", NOT_AN_INTEGER),
    ("training", "object", NOT_A_SECTION),
    ("training.device", "one of ['auto', 'cpu', 'cuda']", [*NOT_A_CHOICE, "gpu"]),
    ("training.precision", "one of ['auto', 'fp32', 'bf16']", [*NOT_A_CHOICE, "fp16"]),
    ("report", "object", NOT_A_SECTION),
    ("report.language", "one of ['zh', 'en']", [*NOT_A_CHOICE, "de"]),
    ("report.author", "string", NOT_TEXT),
    ("report.top", "integer", NOT_AN_INTEGER),
    ("report.rank_by", "one of ['val_loss', 'val_acc']", [*NOT_A_CHOICE, "test_acc"]),
]


def wrong_types() -> Iterator[Any]:
    for key, wanted, values in TYPES:
        for value in values:
            change = {key.removesuffix("[0]"): [value]} if key.endswith("[0]") else {key: value}
            yield pytest.param(change, f"config: {key} must be {wanted}, not {value!r}", id=f"{key}={value!r}")


# ---- all else that a config can say wrongly: each with its sentence

HUGE = 10**400
NO_NAMES = [
    "../../elsewhere",
    "/elsewhere",
    "..",
    ".",
    "a/b",
    "a\\b",
    "",
    " ",
    ".hidden",
    "-n",
    "a b",
    "x\n",
    "王",
    "~",
]
NO_NAMES += ["$(touch pwned)", "{input}"]
FAULTS: list[tuple[dict[str, Any], str]] = [
    # keys that are missing or unknown
    *[({key: ...}, f"config: the file lacks {key}") for key in ("experiment", "data", "models", "training", "report")],
    ({"data": {}}, "config: data lacks source, validation_size"),
    ({"models.cnn": {"batch_sizes": [8]}}, "config: models.cnn lacks learning_rates, dropout_rates, epochs"),
    ({"modles": {}}, "config: unknown key modles at the top level; known are experiment, data, models"),
    ({"pathvars": {}}, "config: unknown key pathvars at the top level"),
    ({"data.root": "x"}, "config: unknown key root in data; known are source, path, validation_size"),
    ({"models.mlp.dropout": [0]}, "config: unknown key dropout in models.mlp; known are batch_sizes"),
    ({"models.mlp": {}}, "config: models.mlp lacks batch_sizes, learning_rates, dropout_rates, epochs"),
    ({"training.gpu": 1}, "config: unknown key gpu in training; known are device, precision"),
    ({"report.lang": "en"}, "config: unknown key lang in report; known are language"),
    # models that are none
    (
        {"models.vgg": None},
        "config: models.vgg: there is no such model; scripts/sweep/models/ has cnn, cnn_element_dropout, cnn_",
    ),
    ({"models.MLP": None}, "config: models.MLP: there is no such model"),
    ({"models.__init__": CONFIG["models"]["mlp"]}, "config: models.__init__: there is no such model"),
    ({"models.$(touch pwned)": None}, "config: models.$(touch pwned): there is no such model"),
    ({"models": {"mlp": None, "cnn": None}}, "config: models: none is left to train"),
    ({"models": {}}, "config: models: none is left to train"),
    # studies
    ({"studies": {"ablations": {}}}, "config: unknown key ablations in studies; known are ablation, dropout_kind"),
    ({"studies": {"ablation": {"mlp": None}}}, "config: studies.ablation.mlp must be string or number, not None"),
    ({"studies": {"ablation": ["mlp"]}}, "config: studies.ablation must be object, not ['mlp']"),
    (
        {"studies": {"ablation": {"vgg": "8_0.1_0.2"}}},
        "config: studies.ablation.vgg: models has no search space for vgg",
    ),
    (
        {"models.cnn": None, "studies": {"ablation": {"cnn": "8_0.1_0.2"}}},
        "config: studies.ablation.cnn: models has no search space for cnn, whose epochs the study takes",
    ),
    (
        {"studies": {"dropout_kind": {"mlp": "8_0.1"}}},
        "config: studies.dropout_kind.mlp: there is no model mlp_element_dropout; the study can be of cnn",
    ),
    *[
        (
            {"studies": {"ablation": {"mlp": name}}},
            "config: studies.ablation.mlp must name a configuration, <batch size>_<learning rate>_<dropout rate>, such "
            f"as '1024_0.001_0.2', not {name!r}",
        )
        for name in ("", "best", "8_0.001", "8_0.001_0.2_0", "8.0_0.001_0.2", "8_0.001_", "$(touch pwned)")
    ],
    (
        {"studies": {"dropout_kind": {"cnn": "8_0.1_0.2"}}},
        "name a configuration, <batch size>_<learning rate>, such as",
    ),
    ({"studies": {"dropout_kind": {"cnn": 1281.5}}}, "such as '128_0.001' in quotes, since YAML reads it as a number"),
    (
        {"studies": {"ablation": {"mlp": "8_0.0010_.2"}}},
        "studies.ablation.mlp must be spelled '8_0.001_0.2', not '8_0.0",
    ),
    (
        {"studies": {"ablation": {"mlp": "8_1e-3_0.2"}}},
        "studies.ablation.mlp must be spelled '8_0.001_0.2', not '8_1e-3",
    ),
    ({"studies": {"ablation": {"mlp": " 8_0.001_0.2"}}}, "config: studies.ablation.mlp must be spelled '8_0.001_0.2'"),
    *[
        (
            {"studies": {"ablation": {"mlp": name}}},
            "config: studies.ablation.mlp must have a batch size of at least 2 and",
        )
        for name in ("1_0.001_0.2", "8_0.0_0.2", "8_nan_0.2", "8_inf_0.2", "8_0.001_0.0", "8_0.001_1.0", "8_0.001_nan")
    ],
    (
        {"studies": {"ablation": {"mlp": "789_0.001_0.2"}}},
        "config: studies.ablation.mlp: 789 is larger than the training set, which has 788 images",
    ),
    (
        {"models.mlp_without_bn": CONFIG["models"]["cnn"], "studies": {"ablation": {"mlp": "8_0.001_0.2"}}},
        "config: models.mlp_without_bn.epochs is 1, but studies.ablation.mlp trains mlp_without_bn for the 2 epochs of",
    ),
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
    ({"data.validation_size": 12.0}, "config: data.validation_size is 12.0; it must be an integer"),
    ({"seeds": [0.0]}, "config: seeds[0] is 0.0; it must be an integer"),
    ({"report.top": 3.0}, "config: report.top is 3.0; it must be an integer"),
    # ranges
    ({"models.mlp.batch_sizes": []}, "config: models.mlp.batch_sizes must contain at least 1 items"),
    ({"models.mlp.batch_sizes": [8, 1]}, "config: models.mlp.batch_sizes[1] must be bigger than or equal to 2, not 1"),
    ({"models.mlp.batch_sizes": [0]}, "config: models.mlp.batch_sizes[0] must be bigger than or equal to 2, not 0"),
    ({"models.mlp.batch_sizes": [-8]}, "config: models.mlp.batch_sizes[0] must be bigger than or equal to 2, not -8"),
    ({"models.mlp.batch_sizes": [789]}, "models.mlp.batch_sizes: 789 is larger than the training set, which has 788"),
    ({"models.mlp.batch_sizes": [10**300]}, "0 is larger than the training set, which has 788 images after"),
    ({"models.mlp.learning_rates": []}, "config: models.mlp.learning_rates must contain at least 1 items"),
    ({"models.mlp.learning_rates": [0]}, "config: models.mlp.learning_rates[0] must be bigger than 0, not 0"),
    ({"models.mlp.learning_rates": [-0.0]}, "config: models.mlp.learning_rates[0] must be bigger than 0, not -0.0"),
    ({"models.mlp.learning_rates": [0.1, -1e-3]}, "models.mlp.learning_rates[1] must be bigger than 0, not -0.001"),
    ({"models.mlp.learning_rates": [NAN]}, "config: models.mlp.learning_rates[0] is nan; it must be a finite number"),
    ({"models.mlp.learning_rates": [INF]}, "config: models.mlp.learning_rates[0] is inf; it must be a finite number"),
    ({"models.mlp.learning_rates": [HUGE]}, "0; it must be a finite number"),
    ({"models.mlp.dropout_rates": []}, "config: models.mlp.dropout_rates must contain at least 1 items"),
    ({"models.mlp.dropout_rates": [0, 1]}, "config: models.mlp.dropout_rates[1] must be smaller than 1, not 1"),
    ({"models.mlp.dropout_rates": [-0.1]}, "config: models.mlp.dropout_rates[0] must be bigger than or equal to 0"),
    ({"models.mlp.dropout_rates": [NAN]}, "config: models.mlp.dropout_rates[0] is nan; it must be a finite number"),
    ({"models.mlp.dropout_rates": [INF]}, "config: models.mlp.dropout_rates[0] must be smaller than 1, not inf"),
    ({"models.mlp.epochs": 0}, "config: models.mlp.epochs must be bigger than or equal to 1, not 0"),
    ({"models.mlp.epochs": -1}, "config: models.mlp.epochs must be bigger than or equal to 1, not -1"),
    (
        {"models.mlp.epochs": 10**9},
        "config: models.mlp.epochs must be smaller than or equal to 1000000, not 1000000000",
    ),
    ({"seeds": []}, "config: seeds must contain at least 1 items"),
    ({"seeds": [-1]}, "config: seeds[0] must be bigger than or equal to 0, not -1"),
    (
        {"seeds": [2**63]},
        "config: seeds[0] must be smaller than or equal to 9223372036854775807, not 9223372036854775808",
    ),
    ({"seeds": [HUGE]}, "config: seeds[0] must be smaller than or equal to 9223372036854775807, not 1000"),
    ({"report.top": 0}, "config: report.top must be bigger than or equal to 1, not 0"),
    ({"report.top": HUGE}, "config: report.top must be smaller than or equal to 1000000, not 1000"),
    ({"data.validation_size": 0}, "config: data.validation_size must be bigger than or equal to 1, not 0"),
    ({"data.validation_size": -1}, "config: data.validation_size must be bigger than or equal to 1, not -1"),
    (
        {"data.validation_size": 800},
        "config: data.validation_size 800 leaves nothing to train on: the training set has",
    ),
    ({"data.validation_size": HUGE}, "0; it must be a finite number"),
    ({"data.validation_size": 790}, "config: models.mlp.batch_sizes: 16 is larger than the training set, which has 10"),
    # values that are there twice
    ({"models.cnn.dropout_rates": [0.1, 0.2, 0.10]}, "config: models.cnn.dropout_rates holds 0.1 2 times"),
    ({"models.cnn.dropout_rates": [0, 0.0]}, "config: models.cnn.dropout_rates holds 0.0 2 times"),
    ({"models.cnn.dropout_rates": [0.0, -0.0]}, "config: models.cnn.dropout_rates holds 0.0 2 times"),
    ({"models.cnn.learning_rates": [1, 1.0]}, "config: models.cnn.learning_rates holds 1.0 2 times"),
    ({"models.cnn.batch_sizes": [8, 8, 8]}, "config: models.cnn.batch_sizes holds 8 3 times"),
    ({"seeds": [1, 2, 1]}, "config: seeds holds 1 2 times"),
    # names that become folders
    *[({"experiment": name}, f"that begins with a letter or digit, not {name!r}") for name in NO_NAMES],
    ({"experiment": "a" * 101}, "config: experiment must be shorter than or equal to 100 characters, not 'aaa"),
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
    ({"report.author": "A\0B"}, "config: report.author must be one line without control characters, not 'A\\x00B'"),
    (
        {"report.author": "A\u2028B"},
        "config: report.author must be one line without control characters, not 'A\\u2028B'",
    ),
    ({"report.author": "\ud800"}, "config: report.author must be one line without control characters, not '\\ud800'"),
    ({"report.author": "A" * 1001}, "config: report.author must be shorter than or equal to 1000 characters, not 'AAA"),
    ({"data.path": ""}, "config: data.path must be longer than or equal to 1 characters, not ''"),
    ({"data.path": "a\0b"}, "config: data.path must be a path without control characters, not 'a\\x00b'"),
    ({"data.path": "a\nb"}, "config: data.path must be a path without control characters, not 'a\\nb'"),
    ({"data.path": "a\ud800b"}, "config: data.path must be a path without control characters, not 'a\\ud800b'"),
    ({"data.path": "a" * 1001}, "config: data.path must be shorter than or equal to 1000 characters, not 'aaa"),
]


@pytest.mark.parametrize(("changes", "sentence"), [*wrong_types(), *FAULTS])
def test_a_fault_of_the_config_is_one_sentence(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed(changes)))
    assert_refused(call_snakemake, tmp_path, sentence)


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
        (b"[" * 5000, "config: config.yaml is not YAML ("),
        (b"experiment: caf\xe9\n", "config: config.yaml is not text in UTF-8 (invalid continuation byte); save it"),
        (b"experiment: a\0b\n", "config: config.yaml is not YAML (unacceptable character #x0000: special characters"),
        (b"", "config: config.yaml must hold keys at its top level, as in experiment: cifar10"),
        (b"# nothing but words\n", "config: config.yaml must hold keys at its top level"),
        (b"- experiment\n- data\n", "config: config.yaml must hold keys at its top level"),
        (b"experiment\n", "config: config.yaml must hold keys at its top level"),
        (RIGHT + b"7: {}\n", "config: unknown key 7 at the top level; known are experiment, data, models"),
        (b"experiment: &a [*a]\n", "config: the file lacks data, models, training, report"),
        (None, "Workflow defines configfile config.yaml but it is not present or accessible"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_config_is_named_with_the_line(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "config.yaml").write_bytes(content)
    assert_refused(call_snakemake, tmp_path, sentence)


def test_a_config_that_is_a_folder_is_named(call_snakemake: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()
    assert_refused(call_snakemake, tmp_path, "config: config.yaml cannot be read (Is a directory)")


def test_a_second_file_on_the_command_line_is_checked_as_strictly(
    call_snakemake: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_bytes(RIGHT)
    (tmp_path / "more.yaml").write_text("seeds: [0]\nreport:\n  top: 3\n  top: 4\n")
    outcome = call_snakemake(tmp_path, "--configfile", "more.yaml")
    assert "more.yaml, line 4: the key top is there twice" in outcome.output
    assert outcome.code == 1
    assert not (tmp_path / "results").exists()
