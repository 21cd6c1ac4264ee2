"""The files of an image folder, and a fingerprint that shows whether they changed."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.files import write_json

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def list_folder(path: Path) -> dict[str, dict[str, list[str]]]:
    """The images of an image folder: {"train": {class: files}, "test": …}, classes and files in order of name.

    Raises:
        SweepError: train/ or test/ is missing or holds no images, there are fewer than two classes, the test set has a
            class that the training set lacks, a folder cannot be read, or something that is not a file has an image's
            name.
    """
    try:
        return _list_folder(path)
    except OSError as error:  # no permission, a symbolic link that leads to itself, a name that is too long
        raise SweepError(f"data.path: {error.filename} cannot be read ({error.strerror})") from None


def _list_folder(path: Path) -> dict[str, dict[str, list[str]]]:
    listing: dict[str, dict[str, list[str]]] = {}
    for split in ("train", "test"):
        folder = path / split
        if not folder.is_dir():
            raise SweepError(f"data.path: {folder} is not a folder; it must hold a folder of images for each class")
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        classes = {name: list_images(folder / name) for name in names}
        listing[split] = {name: files for name, files in classes.items() if files}
        if not listing[split]:
            raise SweepError(f"data.path: {folder} holds no images (JPEG or PNG) in folders named after their classes")
    if len(listing["train"]) < 2:
        raise SweepError(f"data.path: {path / 'train'} holds images of one class only; a classifier needs two or more")
    if unknown := sorted(set(listing["test"]) - set(listing["train"])):
        raise SweepError(f"data.path: {path / 'test'} has classes that {path / 'train'} has not: {', '.join(unknown)}")
    return listing


def list_images(folder: Path) -> list[str]:
    """The paths of the folder's JPEG and PNG files, by suffix and in order of name; hidden files are left out.

    Raises:
        SweepError: something with such a name is not a file.
    """
    with os.scandir(folder) as entries:
        images = [
            entry for entry in entries if entry.name.lower().endswith(IMAGE_SUFFIXES) and not entry.name.startswith(".")
        ]
    for entry in images:
        if not entry.is_file():  # a folder, a broken link, or a pipe, which would block the reader
            raise SweepError(f"data.path: {entry.path} is named as an image but is no file; remove or rename it")
    return sorted(entry.path for entry in images)


def folder_fingerprint(path: Path, cache: Path) -> str:
    """SHA-256 over the names and contents of an image folder's images.

    Like git's index, `cache` keeps each file's size, modification time and hash, so that only files whose size or time
    changed are read again: 60,000 unchanged images take half a second. A new time alone does not change the
    fingerprint. Raises as `list_folder`.
    """
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    current: dict[str, list[Any]] = {}
    for classes in list_folder(path).values():
        for file in (file for files in classes.values() for file in files):
            try:
                stat = os.stat(file)  # noqa: PTH116  a Path for each of 60,000 files takes longer than the rest
                entry = known.get(file)
                if entry is None or entry[:2] != [stat.st_size, stat.st_mtime_ns]:
                    entry = [stat.st_size, stat.st_mtime_ns, sha256(Path(file).read_bytes()).hexdigest()]
            except OSError as error:
                raise SweepError(f"data.path: {file} cannot be read ({error.strerror})") from None
            current[file] = entry
    if current != known:
        write_json(cache, current)
    prefix = len(str(path))
    contents = "".join(f"{file[prefix:]}\0{entry[2]}" for file, entry in current.items())
    return sha256(os.fsencode(contents)).hexdigest()
