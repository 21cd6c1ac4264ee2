"""The files of an image folder, and a fingerprint that shows whether they changed."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any
from unicodedata import normalize

from sweep.errors import SweepError
from sweep.files import write_json

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp")
# Files that systems put into folders unasked, in lower case. Like hidden files they are left out.
SYSTEM_FILES = {"thumbs.db", "desktop.ini"}
# An error names at most this many files and counts the rest.
NAMED_FILES = 10


def list_folder(path: Path) -> dict[str, dict[str, list[str]]]:
    """The images of an image folder: {"train": {class: files}, "test": …}, classes and files in order of name.

    Nothing is left out silently but hidden files and SYSTEM_FILES. A class's name is its folder's name in UTF-8, in any
    locale.

    Raises:
        SweepError: train/ or test/ is missing, lacks a class that the other has, or holds something else than a folder
            for each class; there are fewer than two classes; a class folder holds no images or something else; or a
            folder cannot be read.
    """
    try:
        return _list_folder(path)
    except OSError as error:  # no permission, a symbolic link that leads to itself, a name that is too long
        raise SweepError(f"data.path: {error.filename} cannot be read ({error.strerror})") from None


def _list_folder(path: Path) -> dict[str, dict[str, list[str]]]:
    train, test = path / "train", path / "test"
    listing = {folder.name: _list_classes(folder) for folder in (train, test)}
    _refuse_twins(path, listing)
    if len(listing["train"]) < 2:
        raise SweepError(f"data.path: {train} holds images of one class only; a classifier needs two or more")
    for folder, other in ((test, train), (train, test)):
        if unknown := [name for name in listing[folder.name] if name not in listing[other.name]]:
            raise SweepError(
                f"data.path: {folder} has classes that {other} has not: {', '.join(unknown)}; "
                "add their images there, or remove the classes here"
            )
    return listing


def _list_classes(folder: Path) -> dict[str, list[str]]:
    """The images of each class in train/ or test/."""
    if not folder.is_dir():
        raise SweepError(f"data.path: {folder} is not a folder; it must hold a folder of images for each class")
    entries = _scan(folder)
    if beside := [entry.path for entry in entries if not entry.is_dir()]:
        raise SweepError(
            f"data.path: {folder} must hold a folder of images for each class and nothing else; "
            f"move or remove {name_some(beside)}"
        )
    classes = {portable(entry.name): list_images(Path(entry.path)) for entry in entries}
    if not any(classes.values()):
        raise SweepError(
            f"data.path: {folder} holds no images (JPEG, PNG, GIF, WEBP or BMP) in folders named after their classes"
        )
    if empty := [entry.path for entry in entries if not classes[portable(entry.name)]]:
        raise SweepError(
            f"data.path: these class folders hold no images (JPEG, PNG, GIF, WEBP or BMP), add some or remove the "
            f"folders: {name_some(empty)}"
        )
    return classes


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in order of name, without hidden files and SYSTEM_FILES."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not (entry.name.startswith(".") or entry.name.lower() in SYSTEM_FILES)]
    return sorted(found, key=lambda entry: portable(entry.name))


def portable(name: str) -> str:
    """A file's name as UTF-8 gives it, while the system's functions give it in the encoding of the locale."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "surrogateescape")


def list_images(folder: Path) -> list[str]:
    """The paths of a class folder's images, by suffix and in order of name.

    Raises:
        SweepError: something with an image's name is not a file, or something else is there.
    """
    entries = _scan(folder)
    named = [entry.name.lower().endswith(IMAGE_SUFFIXES) for entry in entries]
    for entry, is_named in zip(entries, named, strict=True):
        if is_named and not entry.is_file():  # a folder, a broken link, or a pipe, which would block the reader
            raise SweepError(f"data.path: {entry.path} is named as an image but is no file; remove or rename it")
    if others := [entry.path for entry, is_named in zip(entries, named, strict=True) if not is_named]:
        raise SweepError(
            f"data.path: a class folder must hold images ({' '.join(IMAGE_SUFFIXES)}) and nothing else, not even "
            f"folders; move, convert or remove {name_some(others)}"
        )
    return [entry.path for entry in entries]


def name_some(names: list[str]) -> str:
    """The first NAMED_FILES names, and how many more there are."""
    more = f" and {len(names) - NAMED_FILES} more" if len(names) > NAMED_FILES else ""
    return ", ".join(names[:NAMED_FILES]) + more


def _refuse_twins(path: Path, listing: dict[str, dict[str, Any]]) -> None:
    """Refuse two classes whose names look alike but are written differently in Unicode, as systems do with accents."""
    forms: dict[str, tuple[str, str]] = {}
    for split, name in ((split, name) for split, classes in listing.items() for name in classes):
        other_split, other = forms.setdefault(normalize("NFC", name), (split, name))
        if other != name:
            raise SweepError(
                f"data.path: {path / other_split / other} and {path / split / name} are the same name in two Unicode "
                f"forms ({other!a} and {name!a}); rename one of the folders"
            )


def folder_fingerprint(path: Path, cache: Path) -> str:
    """SHA-256 over the names and contents of an image folder's images.

    Like git's index, `cache` keeps each file's hash with its size, times of modification and of change, and inode, so
    that only files of which one of these changed are read again: 60,000 unchanged images take half a second. These
    alone do not change the fingerprint. Raises as `list_folder`.
    """
    try:
        known = dict(json.loads(cache.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = {}
    current: dict[str, list[Any]] = {}
    for classes in list_folder(path).values():
        for file in (file for files in classes.values() for file in files):
            try:
                stat = os.stat(file)  # noqa: PTH116  a Path for each of 60,000 files takes longer than the rest
                facts = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
                entry = known.get(file)
                if entry is None or entry[:-1] != facts:
                    entry = [*facts, sha256(Path(file).read_bytes()).hexdigest()]
            except OSError as error:
                raise SweepError(f"data.path: {file} cannot be read ({error.strerror})") from None
            current[file] = entry
    if current != known:
        write_json(cache, current)
    prefix = len(str(path))
    contents = "".join(f"{file[prefix:]}\0{entry[-1]}" for file, entry in current.items())
    return sha256(os.fsencode(contents)).hexdigest()
