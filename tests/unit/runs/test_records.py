"""Records: a number is never taken for a run's if it was not measured with its code on its data."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
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
from sweep.runs.records import Record, code_hash, find_differences, make_record, read_kept, read_record, run_key
from sweep.training.loop import Split, train

RUN = Run("mlp", 8, 0.001, 0.2, 2, 0)
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
    kept = tmp_path / f"{made['key']}.json"
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
    "another schema version": edit("schema_version", value=2),
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


def test_a_record_under_another_runs_key_is_refused(file: Path, tmp_path: Path) -> None:
    other = file.rename(tmp_path / f"{run_key(replace(RUN, seed=1), DATA_HASH)}.json")
    with pytest.raises(SweepError, match="holds the record of another key"):
        read_kept(other)


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
def test_just_the_code_that_decides_a_runs_numbers_changes_its_key(library: Path, file: str, models: set[str]) -> None:
    runs = {model: replace(RUN, model=model) for model in ("mlp", "cnn")}
    before = {model: (records.code_hash(model), run_key(run, DATA_HASH)) for model, run in runs.items()}
    with (library / file).open("a") as code:
        code.write("# changed\n")
    after = {model: (records.code_hash(model), run_key(run, DATA_HASH)) for model, run in runs.items()}
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
def test_what_a_model_imports_is_part_of_its_key_and_nothing_else_is(library: Path, line: str) -> None:
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
    "mlp": "ea03ae9c8ce342870778722fe695760a0dcb19526b4c6467b7e74ed8ce37b157",
    "cnn": "40d86a88e1d18adab76747197e17152b9a58abd761965b2afc7b1e2d0569de7f",
}


def test_the_records_that_users_have_of_the_shipped_models_still_count() -> None:
    """A change here trains all runs of all users again: make it only if their numbers change."""
    assert {model: code_hash(model) for model in SHIPPED} == SHIPPED


CHANGES: list[dict[str, Any]] = [
    {"model": "cnn"},
    {"batch_size": 16},
    {"learning_rate": 0.0005},
    {"dropout_rate": 0.4},
    {"epochs": 3},
    {"seed": 1},
]


def test_a_runs_key_depends_on_every_hyper_parameter_and_on_the_data() -> None:
    keys = [run_key(replace(RUN, **change), DATA_HASH) for change in [{}, *CHANGES]] + [run_key(RUN, "e" * 64)]
    assert len(set(keys)) == 8
    assert keys[0] == run_key(replace(RUN), DATA_HASH)


@pytest.mark.parametrize("change", CHANGES)
def test_what_differs_in_a_record_of_another_run_is_named(change: dict[str, Any]) -> None:
    found = find_differences(record(RUN, [1.0, 1.0], [0.5, 0.5]), replace(RUN, **change), DATA_HASH)
    ((name, value),) = change.items()
    assert f"{name} {getattr(RUN, name)}, not {value}" in found
    assert len(found) == 1 + (name == "model")  # another model has other code, too


def test_other_data_and_other_code_of_a_record_are_named(library: Path) -> None:
    made = record(RUN, [1.0, 1.0], [0.5, 0.5])
    assert find_differences(made, RUN, "e" * 64) == ["another data_hash"]
    (library / "models" / "mlp.py").write_text("# other code")
    assert find_differences(made, RUN, DATA_HASH) == ["another code_hash"]
