"""What tests of several rooms share: compiled templates, which they render hundreds of times, and a trained sweep."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from jinja2.bccache import Bucket

from sweep.report import render
from trained import train_small_sweep


class Compiled(jinja2.BytecodeCache):
    """Compiled templates in memory; Jinja uses one only if the template's text is still the same."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.contents:
            bucket.bytecode_from_string(self.contents[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.contents[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(autouse=True, scope="session")
def _compiled_templates() -> Iterator[None]:
    make, compiled = render._environment, Compiled()

    def make_with_cache(folder: Path, **options: Any) -> jinja2.Environment:
        return make(folder, bytecode_cache=compiled, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_environment", make_with_cache)
        yield


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sweep that was really trained: see trained.py."""
    folder = tmp_path_factory.mktemp("sweep")
    train_small_sweep(folder)
    return folder


@pytest.fixture
def copy(sweep: Path, tmp_path: Path) -> Path:
    """The sweep, for a test to damage."""
    shutil.copytree(sweep, tmp_path / "copy", ignore=shutil.ignore_patterns("examinations"))
    return tmp_path / "copy"
