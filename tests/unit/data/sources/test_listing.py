"""Which files of an image folder are listed, and which changes its fingerprint sees. No image is decoded for either."""

import json
import os
import re
import subprocess
import sys
import time
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
    for name in ("2.PNG", "3.Jpeg", "4.webp", "5.gif", "6.BMP", ".hidden.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (dog / name).touch()
    (folder / "test" / "Desktop.ini").touch()
    (folder / "test" / ".cache").mkdir()
    (folder / "test" / ".cache" / "x.png").touch()
    cat = folder / "test" / "cat"
    assert list_folder(folder)["test"] == {
        "cat": [str(cat / "0.png"), str(cat / "1.png")],
        "dog": [str(dog / name) for name in ("0.png", "1.png", "2.PNG", "3.Jpeg", "4.webp", "5.gif", "6.BMP")],
    }


def add(*files: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).touch()

    return change


# What would be left out silently, and how it is refused.
LEFT_OUT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "other suffixes": (
        add("test/dog/notes.txt", "test/dog/a.heic"),
        "remove {0}/test/dog/a.heic, {0}/test/dog/notes.txt",
    ),
    "no suffix": (add("train/cat/0001"), "convert or remove {0}/train/cat/0001"),
    "a deeper folder": (add("train/cat/night/0.png"), "not even folders; move, convert or remove {0}/train/cat/night"),
    "a class of other suffixes": (add("train/owl/0.tif", "test/owl/0.tif"), "convert or remove {0}/train/owl/0.tif"),
    "many": (add(*(f"train/cat/{number}.txt" for number in range(12))), "7.txt and 2 more"),
    "an image beside the classes": (add("train/x.png"), "{0}/train must hold a folder of images for each class and "),
    "a lost link to a class": (
        lambda folder: (folder / "train/owl").symlink_to("gone"),
        "or remove {0}/train/owl",
    ),
    "a link round in a circle": (lambda folder: (folder / "test/up").symlink_to(".."), "remove {0}/test/up/"),
    "an empty class": (lambda folder: (folder / "train/owl").mkdir(), "or remove the folders: {0}/train/owl"),
    "an empty class of the test set": (
        lambda folder: any(map(Path.unlink, (folder / "test/dog").iterdir())),
        "these class folders hold no images .* {0}/test/dog",
    ),
    "a class that is not tested": (add("train/owl/0.png"), "{0}/train has classes that {0}/test has not: owl; add "),
    "two forms of a name": (
        add("train/caf\xe9/0.png", "test/cafe\u0301/0.png"),
        r"{0}/train/caf\xe9 and {0}/test/cafe\u0301 are the same name in two Unicode forms "
        r"\('caf\\xe9' and 'cafe\\u0301'\)",
    ),
    "two forms of a name in one set": (
        add("test/u\u0308/0.png", "test/\xfc/0.png", "train/\xfc/0.png"),
        "{0}/train/\xfc and {0}/test/u\u0308 are the same name",
    ),
    "two classes that look alike": (
        add("train/u\u0308/0.png", "train/\xfc/0.png"),
        "{0}/train/u\u0308 and {0}/train/\xfc are the same name",
    ),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_would_be_left_out_is_refused_by_name(folder: Path, case: str) -> None:
    change, sentence = LEFT_OUT[case]
    change(folder)
    with pytest.raises(SweepError, match=sentence.format(folder)):
        list_folder(folder)


def test_names_and_fingerprint_are_the_same_in_every_locale(folder: Path, tmp_path: Path) -> None:
    add("train/\xfc/\xe9.png", "train/\xfc/~.png", "test/\xfc/0.png", "train/\u732b/0.png", "test/\u732b/0.png")(folder)
    program = (
        "import sys, json; from pathlib import Path; from sweep.data.sources import listing\n"
        "folder, cache = map(Path, sys.argv[1:]); classes = listing.list_folder(folder)['train']\n"
        "files = [listing.portable(file) for files in classes.values() for file in files]\n"
        "fingerprint = listing.folder_fingerprint(folder, cache)\n"
        "print(json.dumps([sys.getfilesystemencoding(), list(classes), files, fingerprint]))"
    )
    answers = []
    for utf8 in "01":
        locale = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": utf8}
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder), str(tmp_path / f"cache{utf8}")],
            env=os.environ | locale | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        )
        answers.append(json.loads(done.stdout))
    (ascii_encoding, *first), (utf8_encoding, *second) = answers
    assert ascii_encoding != utf8_encoding
    assert first == second
    assert first[0] == ["cat", "dog", "\xfc", "\u732b"]


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


def swap(folder: Path, first: str, second: str) -> None:
    (folder / first).rename(folder / "x")
    (folder / second).rename(folder / first)
    (folder / "x").rename(folder / second)


def give_one_time(folder: Path) -> None:
    """As an archive does that notes none."""
    for file in folder.rglob("*.png"):
        os.utime(file, (1e9, 1e9))


def rewrite_in_place(folder: Path) -> None:
    """An edit that keeps size, time and inode, as `cp -p` from a backup does."""
    file = folder / "train/cat/0.png"
    file.write_text(file.read_text().swapcase())
    os.utime(file, (1e9, 1e9))


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
    "two images of one size and time swapped": lambda folder: swap(folder, "train/cat/0.png", "train/dog/1.png"),
    "two classes swapped": lambda folder: swap(folder, "train/cat", "train/dog"),
    "an edit that keeps size, time and inode": rewrite_in_place,
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_sees(folder: Path, tmp_path: Path, change: str) -> None:
    give_one_time(folder)
    before = folder_fingerprint(folder, tmp_path / "cache.json")
    time.sleep(0.01)  # a file system's clock has steps of some milliseconds
    CHANGES[change](folder)
    after = folder_fingerprint(folder, tmp_path / "cache.json")
    assert after != before
    assert after == folder_fingerprint(folder, tmp_path / "new cache.json")


def test_the_fingerprint_does_not_see_what_changes_no_image(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache.json"
    before = folder_fingerprint(folder, cache)
    for file in folder.rglob("*.png"):
        touch_later(file)
    (folder / "train" / "cat" / "Thumbs.db").write_text("x")
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


def test_files_noted_by_size_and_time_alone_are_read_again(folder: Path, tmp_path: Path) -> None:
    """An index of an earlier version has neither the time of change nor the inode."""
    cache = tmp_path / "cache.json"
    before = folder_fingerprint(folder, cache)
    notes = json.loads(cache.read_text())
    cache.write_text(json.dumps({file: [*entry[:2], "0" * 64] for file, entry in notes.items()}))
    assert folder_fingerprint(folder, cache) == before
    assert json.loads(cache.read_text()) == notes


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
