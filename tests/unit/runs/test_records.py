"""Records: a number is never taken for a run's if it was not measured with its code on its data."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from examples import DATA_HASH, record, result
from project import REPOSITORY
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Run
from sweep.runs import records
from sweep.runs.records import (
    Record,
    checkpoint_file,
    code_hash,
    find_differences,
    kept_file,
    lock_file,
    make_record,
    read_kept,
    read_record,
    recorded_run,
    run_series,
)
from sweep.training.loop import Split, train

RUN = Run("mlp", 8, 0.001, 0.2, 2, 0)
WITH_AXES = replace(RUN, axes=(("batch_norm", False), ("hidden", 50), ("weight_decay", 0.0005)))
SCHEMA = REPOSITORY / "workflow" / "schemas" / "metrics.schema.json"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_json(tmp_path / "metrics.json", record(RUN, [1.5, 1.25], [0.5, 0.6]))
    return tmp_path / "metrics.json"


@pytest.mark.parametrize("learning_rate", [0.001, 1e36])
def test_a_trainings_record_is_by_the_schema_and_reads_back_the_same(tmp_path: Path, learning_rate: float) -> None:
    """With the second rate the first epoch diverges."""
    data = Split(torch.randint(0, 256, (16, 32, 32, 3), dtype=torch.uint8), torch.arange(16) % 3)
    run = replace(RUN, learning_rate=learning_rate)
    outcome, _ = train(run, dict.fromkeys(("train", "validation", "test"), data), 3, "fp32", lambda _: None)
    diverged = outcome.diverged_epoch is not None
    assert diverged == (learning_rate == 1e36)
    made = make_record(run, DATA_HASH, {**result([], [], outcome.diverged_epoch), **asdict(outcome), "training_s": 1.0})
    jsonschema.validate(made, json.loads(SCHEMA.read_text(encoding="utf-8")))
    kept = kept_file(tmp_path, run, DATA_HASH)
    write_json(kept, made)
    assert read_kept(kept) == made
    assert find_differences(made, run, DATA_HASH) == []


def edit(*path: Any, value: Any) -> Callable[[Record], None]:
    def change(content: Record) -> None:
        place: Any = content
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


EDITS: dict[str, Callable[[Record], Any]] = {
    "a better metric": edit("last", "val_acc", value=0.9),
    "a metric of the history": edit("history", "val_loss", 0, value=0.1),
    "another seed": edit("seed", value=1),
    "another data set": edit("data_hash", value="e" * 64),
    "another schema version": edit("schema_version", value=1),
    "a key more": edit("comment", value="x"),
    "a key less": lambda content: content.pop("best"),
    "text for a number": edit("training_s", value="1"),
    "a loss that is not a number": edit("history", "val_loss", 0, value=float("nan")),
}


@pytest.mark.parametrize("change", EDITS)
def test_an_edited_record_is_refused_by_name(file: Path, change: str) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    EDITS[change](content)
    file.write_text(json.dumps(content))
    with pytest.raises(SweepError) as caught:
        read_record(file)
    assert str(caught.value).startswith(f"{file} is damaged")


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 3}, {"axes": (("hidden", 50),)}])
def test_a_record_at_the_place_of_another_series_or_number_of_epochs_is_refused(
    file: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    other = kept_file(tmp_path, replace(RUN, **change), DATA_HASH)
    other.parent.mkdir()
    file.rename(other)
    sentence = f"^{other} holds another record, of series {run_series(RUN, DATA_HASH)} and 2 epochs$"
    with pytest.raises(SweepError, match=sentence):
        read_kept(other)


def test_runs_that_differ_in_their_epochs_alone_share_all_but_the_kept_record(tmp_path: Path) -> None:
    long = replace(RUN, epochs=30)
    series = run_series(RUN, DATA_HASH)
    assert run_series(long, DATA_HASH) == series
    kept = [kept_file(tmp_path, run, DATA_HASH) for run in (RUN, long)]
    assert kept == [tmp_path / series / "2.json", tmp_path / series / "30.json"]
    assert {lock_file(file) for file in kept} == {tmp_path / "locks" / f"{series}.lock"}
    assert {checkpoint_file(file) for file in kept} == {tmp_path / "checkpoints" / f"{series}.safetensors"}
    for run, file in zip((RUN, long), kept, strict=True):
        write_json(file, record(run, [1.0], [0.5]))
    assert [read_kept(file) for file in kept] == [record(run, [1.0], [0.5]) for run in (RUN, long)]


@pytest.mark.parametrize("run", [RUN, WITH_AXES, replace(RUN, model="cnn", axes=(("dropout_kind", "element"),))])
def test_a_record_says_which_run_it_is_of(tmp_path: Path, run: Run) -> None:
    write_json(tmp_path / "metrics.json", record(run, [1.0], [0.5]))
    read = read_record(tmp_path / "metrics.json")
    assert repr(recorded_run(read)) == repr(run)
    assert read["axes"] == dict(run.axes)
    assert find_differences(read, run, DATA_HASH) == []


HOSTILE: list[dict[str, Any]] = [
    {"hidden": None},
    {"hidden": [50]},
    {"hidden": {"a": 1}},
    {"hidden": float("nan")},
    {"kind": ""},
    {"kind": "../x"},
    {"kind": "a b"},
    {"kind": "a\n"},
    {"kind": "<b>"},
    {"kind": "$(touch pwned)"},
    {"../x": 1},
    {"a=b": 1},
    {"a\n": 1},
    {"": 1},
    {"__class__ ": 1},
]


@pytest.mark.parametrize("axes", HOSTILE)
def test_a_record_with_axes_that_no_run_has_is_refused(file: Path, axes: dict[str, Any]) -> None:
    """These names and values become paths, tables and pages; the record's hashes may be right."""
    content = {**json.loads(file.read_text(encoding="utf-8")), "axes": axes}
    del content["content_hash"]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    file.write_text(json.dumps({**content, "content_hash": sha256(text.encode()).hexdigest()}))
    with pytest.raises(SweepError) as caught:
        read_record(file)
    assert str(caught.value).startswith(f"{file} is damaged")
    assert "content_hash" not in str(caught.value)


def test_an_axis_cannot_stand_for_another_parameter_of_a_record() -> None:
    made = record(replace(RUN, axes=(("seed", 1),)), [1.0], [0.5])
    assert find_differences(made, replace(RUN, seed=1), DATA_HASH) == ["seed 0, not 1", "seed 1, not its default"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_a_file_that_is_not_a_record_is_refused_by_name(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SweepError) as caught:
        read_record(file)
    assert str(caught.value).startswith(f"{file} is damaged")


def test_a_truncated_record_is_refused_wherever_it_was_cut(file: Path) -> None:
    content = file.read_bytes()
    for length in range(1, len(content.rstrip()), 97):
        file.write_bytes(content[:length])
        with pytest.raises(SweepError):
            read_record(file)


def test_a_missing_record_is_named_and_a_kept_one_may_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"none\.json cannot be read \(No such file"):
        read_record(tmp_path / "none.json")
    assert read_kept(tmp_path / "none.json") is None


def test_the_order_of_a_records_keys_does_not_matter(file: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(dict(reversed(content.items()))))
    assert read_record(file) == content


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the library that the test may edit; the code is hashed from it."""
    copy = tmp_path / "sweep"
    shutil.copy(Path(records.__file__).parents[2] / "train.py", tmp_path)
    shutil.copytree(Path(records.__file__).parents[1], copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(records, "__file__", str(copy / "runs" / "records.py"))
    monkeypatch.setattr(records, "code_hash", code_hash.__wrapped__)  # without its cache
    return copy


@pytest.mark.parametrize(
    ("file", "models"),
    [
        ("models/mlp.py", {"mlp"}),
        ("models/cnn.py", {"cnn"}),
        ("training/loop.py", {"mlp", "cnn"}),
        ("models/layers.py", {"mlp", "cnn"}),
        ("training/optimizer.py", {"mlp", "cnn"}),
        ("training/new.py", {"mlp", "cnn"}),
        ("models/new.py", set()),
        ("analysis/tables.py", set()),
        ("runs/hardware.py", set()),
        ("data/sources/folder.py", set()),
    ],
)
def test_just_the_code_that_decides_a_runs_numbers_changes_its_series(
    library: Path, file: str, models: set[str]
) -> None:
    runs = {model: replace(RUN, model=model) for model in ("mlp", "cnn")}
    before = {model: (records.code_hash(model), run_series(run, DATA_HASH)) for model, run in runs.items()}
    with (library / file).open("a") as code:
        code.write("# changed\n")
    after = {model: (records.code_hash(model), run_series(run, DATA_HASH)) for model, run in runs.items()}
    assert {model for model in runs if after[model][0] != before[model][0]} == models
    assert {model for model in runs if after[model][1] != before[model][1]} == models


@pytest.mark.parametrize(
    "line",
    [
        "from sweep.models.cnn import Model",
        "import sweep.models.cnn as base",
        "from sweep.models import cnn",
        "from . import cnn",
        "from .cnn import Model as Base",
        "from ..models import cnn as base",
        "def build():\n    from sweep.models.cnn import Model\n    return Model",
        'from importlib import import_module as load\nbase = load("sweep.models.cnn")',
        'import importlib\nbase = importlib.import_module(".cnn", __package__)',
        'base = __import__("sweep.models.cnn")',
    ],
)
def test_what_a_model_imports_is_part_of_its_code_and_nothing_else_is(library: Path, line: str) -> None:
    (library / "models" / "new.py").write_text(f"{line}\n")
    (library / "models" / "cnn.py").write_text("from sweep.models import _blocks\nimport helper\nimport torch.nn\n")
    files = [library / "models" / "_blocks.py", library.parent / "helper.py", library / "models" / "cnn.py"]
    for file in files[:2]:
        file.write_text("")
    for file in files:
        before = records.code_hash("new")
        with file.open("a") as code:
            code.write("# changed\n")
        assert records.code_hash("new") != before
    before = records.code_hash("new")
    for other in ("models/mlp.py", "models/__init__.py", "runs/job.py", "../train.py"):
        with (library / other).open("a") as code:
            code.write("# changed\n")
    assert records.code_hash("new") == before


@pytest.mark.parametrize(
    "line",
    [
        "from sweep.models import build_model",
        "from sweep.models import *",
        "import sweep.models",
        'from importlib import import_module\nimport_module(f"sweep.models.{name}")',
        "from importlib import import_module\nimport_module(name)",
        'import importlib\nimportlib.import_module("." + name, __package__)',
    ],
)
def test_a_model_that_may_take_any_file_of_a_package_depends_on_all_of_them(library: Path, line: str) -> None:
    (library / "models" / "new.py").write_text(f"{line}\n")
    before = records.code_hash("new")
    with (library / "models" / "cnn.py").open("a") as code:
        code.write("# changed\n")
    assert records.code_hash("new") != before


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"import torch\nclass Model(:\n", "new.py, line 2: this is not Python"),
        (b"\xff", "new.py is not text in UTF-8"),
        (b"\0", "new.py.* (is not|this is not) Python"),
        (None, "new.py cannot be read"),
    ],
)
def test_a_models_file_that_is_no_python_is_a_sentence(library: Path, content: bytes | None, fault: str) -> None:
    if content is not None:
        (library / "models" / "new.py").write_bytes(content)
    with pytest.raises(SweepError, match=fault):
        records.code_hash("new")


SHIPPED = {
    "mlp": "974a12d3c22a8f3cb3860bcf2dbab5b7bed8321dddb66889c009ab88e59f5c6a",
    "cnn": "0941b6beec046e7e72789616692c776095369a40ee44b989c8d7efafd8d40b69",
}


def test_the_records_that_users_have_of_the_shipped_models_still_count() -> None:
    """A change here trains all runs of all users again: make it only if their numbers change."""
    assert {model: code_hash(model) for model in SHIPPED} == SHIPPED


CHANGES: list[dict[str, Any]] = [
    {"model": "cnn"},
    {"batch_size": 16},
    {"learning_rate": 0.0005},
    {"dropout_rate": 0.4},
    {"seed": 1},
    {"axes": (("weight_decay", 0.0005),)},
    {"axes": (("weight_decay", 0.001),)},
    {"axes": (("batch_norm", False),)},
    {"axes": (("batch_norm", False), ("weight_decay", 0.0005))},
]


def test_a_runs_series_depends_on_every_hyper_parameter_and_on_the_data() -> None:
    found = [run_series(replace(RUN, **change), DATA_HASH) for change in [{}, *CHANGES]] + [run_series(RUN, "e" * 64)]
    assert len(set(found)) == len(CHANGES) + 2
    assert found[0] == run_series(replace(RUN), DATA_HASH)


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({"model": "cnn"}, ["model mlp, not cnn", "another code_hash"]),
        ({"batch_size": 16}, ["batch_size 8, not 16"]),
        (
            {"learning_rate": 0.0005, "dropout_rate": 0.0},
            ["learning_rate 0.001, not 0.0005", "dropout_rate 0.2, not 0.0"],
        ),
        ({"epochs": 3, "seed": 1}, ["epochs 2, not 3", "seed 0, not 1"]),
        ({"axes": (("batch_norm", False), ("hidden", 50))}, ["weight_decay 0.0005, not its default"]),
        (
            {"axes": (("hidden", 200), ("label_smoothing", 0.1), ("weight_decay", 0.0005))},
            ["batch_norm false, not its default", "hidden 50, not 200", "label_smoothing its default, not 0.1"],
        ),
    ],
)
def test_what_differs_in_a_record_of_another_run_is_named(change: dict[str, Any], differences: list[str]) -> None:
    made = record(WITH_AXES, [1.0, 1.0], [0.5, 0.5])
    assert find_differences(made, replace(WITH_AXES, **change), DATA_HASH) == differences


@pytest.mark.parametrize(
    ("axes", "differences"),
    [
        ({"batch_norm": 0, "hidden": 200}, ["batch_norm 0, not false"]),
        ({"batch_norm": False, "hidden": 200.0}, ["hidden 200.0, not 200"]),
    ],
)
def test_an_equal_value_of_another_type_is_another_value(axes: dict[str, Any], differences: list[str]) -> None:
    run = replace(RUN, axes=(("batch_norm", False), ("hidden", 200)))
    made = {**record(run, [1.0], [0.5]), "axes": axes}
    assert find_differences(made, run, DATA_HASH) == differences


def test_other_data_and_other_code_of_a_record_are_named(library: Path) -> None:
    made = record(RUN, [1.0, 1.0], [0.5, 0.5])
    assert find_differences(made, RUN, "e" * 64) == ["another data_hash"]
    (library / "models" / "mlp.py").write_text("# other code")
    assert find_differences(made, RUN, DATA_HASH) == ["another code_hash"]
