"""The law of the house, as the docstring of scripts/sweep/__init__.py states it: who may import whom."""

import re
from pathlib import Path

import pytest

import sweep
from imports import LIBRARY, closure, library_files, modules
from project import REPOSITORY

# A room imports rooms before it, never a later one.
ROOMS = ["models", "training", "data", "runs", "analysis", "results", "examination", "figures", "report"]
FILES = sorted(LIBRARY.rglob("*.py"))


def name(file: Path) -> str:
    return str(file.relative_to(LIBRARY))


def room(file: Path) -> str:
    """The folder of the library that a file belongs to, "" for the common words."""
    parts = file.relative_to(LIBRARY).parts
    return parts[0] if len(parts) > 1 else ""


def may_import(file: Path) -> set[str]:
    """The rooms that a file may import from."""
    if room(file):
        return {"", *ROOMS[: ROOMS.index(room(file)) + 1]}
    # The config is checked against the models and the data that it names.
    return {"", "models", "data"} if name(file) in ("config.py", "spaces.py") else {""}


def test_every_folder_is_a_room_with_a_place_in_the_order() -> None:
    assert {room(file) for file in FILES} == {"", *ROOMS}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_file_imports_rooms_before_its_own_and_common_words_only(file: Path) -> None:
    imported = library_files(modules(file, for_types=True))
    assert [name(other) for other in imported if room(other) not in may_import(file)] == []


@pytest.mark.parametrize("file", FILES, ids=name)
def test_the_library_knows_nothing_of_snakemake(file: Path) -> None:
    assert [module for module in modules(file, for_types=True) if module.startswith("snakemake")] == []


def test_nothing_that_the_snakefile_imports_loads_torch() -> None:
    """That a dry run works without torch is tested in tests/workflow/test_demo.py."""
    rules = "\n".join(file.read_text() for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"))
    lines = re.findall(r"^from (sweep[\w.]*) import (.+)$", rules, re.MULTILINE)
    imported = library_files(f"{module}.{word}" for module, words in lines for word in words.split(", "))
    loaded = imported | closure(imported, in_functions=False)
    assert {"config.py", "layout.py", "runs/records.py"} <= {name(file) for file in loaded}
    assert [name(file) for file in loaded if any(m.startswith("torch") for m in modules(file, False))] == []


def test_at_most_ten_files_are_common_words() -> None:
    assert len(list(LIBRARY.glob("*.py"))) <= 10


def test_the_docstring_names_every_room_in_order_and_every_common_word() -> None:
    text = sweep.__doc__
    assert text is not None
    assert re.findall(r"^    (\w+)/ ", text, re.MULTILINE) == ROOMS
    words = {file.name for file in LIBRARY.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"^    (\w+\.py) ", text, re.MULTILINE)) == words
