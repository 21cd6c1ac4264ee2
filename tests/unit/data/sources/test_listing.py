"""Which files of an image folder are listed, and which changes its fingerprint sees. No image is decoded for either."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweep.data.sources.listing import folder_fingerprint, list_folder
from sweep.errors import SweepError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files of each of two classes to train, two to test; no two have the same content."""
    for split, count in (("train", 6), ("test", 2)):
        for name in ("cat", "dog"):
            place = tmp_path / "images" / split / name
            place.mkdir(parents=True)
            for number in range(count):
                (place / f"{number}.png").write_text(f"{split} {name} {number}")
    return tmp_path / "images"


def test_hidden_files_and_other_files_are_not_listed(folder: Path) -> None:
    dog = folder / "test" / "dog"
    for name in ("2.PNG", ".hidden.png", "notes.txt"):
        (dog / name).touch()
    (folder / "test" / ".cache").mkdir()
    (folder / "test" / ".cache" / "x.png").touch()
    (folder / "test" / "parent").symlink_to("..")  # leads round in a circle, but holds no images of its own
    cat = folder / "test" / "cat"
    assert list_folder(folder)["test"] == {
        "cat": [str(cat / "0.png"), str(cat / "1.png")],
        "dog": [str(dog / "0.png"), str(dog / "1.png"), str(dog / "2.PNG")],
    }


@pytest.mark.parametrize("closed", ["train", "train/cat", "test/dog", "train/cat/3.png"])
def test_what_must_not_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    (folder / closed).chmod(0)
    # From inside, as the folders above are closed to other users; root may read everything, so it becomes nobody.
    monkeypatch.chdir(folder)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(SweepError) as caught:
            folder_fingerprint(Path(), Path("cache.json"))
    finally:
        if root:
            os.seteuid(0)
        (folder / closed).chmod(0o700)
    assert re.search(rf"{closed} cannot be read \(Permission denied", str(caught.value))


# ---- the fingerprint


def touch_later(file: Path) -> None:
    """Give a file a later time, as an edit or a touch does."""
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def flip_a_bit(folder: Path) -> None:
    file = folder / "test" / "dog" / "1.png"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    touch_later(file)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "an edit that keeps the size": flip_a_bit,
    "another name": lambda folder: (folder / "train" / "cat" / "0.png").rename(folder / "train" / "cat" / "00.png"),
    "another class": lambda folder: (folder / "train" / "cat" / "5.png").rename(folder / "train" / "dog" / "6.png"),
    "one image more": lambda folder: (folder / "train" / "cat" / "9.png").write_text("new"),
    "one image less": lambda folder: (folder / "test" / "cat" / "1.png").unlink(),
    "two images swapped": lambda folder: [
        (folder / "train" / old).rename(folder / "train" / new)
        for old, new in [("cat/0.png", "x"), ("dog/1.png", "cat/0.png"), ("x", "dog/1.png")]
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_sees(folder: Path, tmp_path: Path, change: str) -> None:
    before = folder_fingerprint(folder, tmp_path / "cache.json")
    CHANGES[change](folder)
    after = folder_fingerprint(folder, tmp_path / "cache.json")
    assert after != before
    assert after == folder_fingerprint(folder, tmp_path / "new cache.json")


def test_the_fingerprint_does_not_see_what_changes_no_image(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache.json"
    before = folder_fingerprint(folder, cache)
    for file in folder.rglob("*.png"):
        touch_later(file)
    (folder / "train" / "cat" / "notes.txt").write_text("x")
    (folder / "train" / "cat" / ".hidden.png").write_text("x")
    assert folder_fingerprint(folder, cache) == before
    cache.write_text('{"half a ')
    assert folder_fingerprint(folder, cache) == before
    folder.rename(tmp_path / "moved")
    assert folder_fingerprint(tmp_path / "moved", cache) == before


def test_unchanged_files_are_not_read_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder_fingerprint(folder, tmp_path / "cache.json")
    read: list[Path] = []

    def read_bytes(file: Path) -> bytes:
        read.append(file)
        return b"another content"

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert folder_fingerprint(folder, tmp_path / "cache.json") == before
    touch_later(folder / "test" / "dog" / "1.png")
    assert folder_fingerprint(folder, tmp_path / "cache.json") != before
    assert read == [folder / "test" / "dog" / "1.png"]


def test_the_fingerprint_takes_names_in_another_encoding(folder: Path, tmp_path: Path) -> None:
    """Archives packed on another system leave names that are not UTF-8."""
    name = os.fsencode(folder / "train" / "cat") + b"/\xc4\xe3.png"
    try:
        with open(name, "wb") as file:  # noqa: PTH123  a Path holds no bytes
            file.write(b"new")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with_it = folder_fingerprint(folder, tmp_path / "cache.json")
    assert with_it == folder_fingerprint(folder, tmp_path / "cache.json")
    os.remove(name)  # noqa: PTH107
    assert folder_fingerprint(folder, tmp_path / "cache.json") != with_it
