"""The prepared data set: one safetensors file of images and labels, and a small manifest with its content hash."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from sweep.errors import SweepError
from sweep.files import replacing, write_json

if TYPE_CHECKING:
    from torch import Tensor

SPLITS = ("train", "validation", "test")
DATA_FILE = "images.safetensors"
MANIFEST_FILE = "manifest.json"


def remove_command(file: Path) -> str:
    """How a user has `file` made again: a clause with the shell command."""
    return f"remove {file} and run the same command again: rm {shlex.quote(str(file))}"


@dataclass(frozen=True)
class Manifest:
    """What is in a prepared data set.

    `sizes` counts the images of each split; `content_hash` is that of the data file and part of every record's series.
    `fingerprint` is that of the source's files when the data were planned; None for a source that cannot change, and in
    manifests that were written before there were fingerprints.
    """

    source: str
    class_names: list[str]
    sizes: dict[str, int]
    content_hash: str
    fingerprint: str | None = None


def content_hash(arrays: Mapping[str, NDArray[Any]], class_names: list[str]) -> str:
    """SHA-256 over the class names and, for each split, its images and labels with their shapes."""
    digest = sha256(json.dumps(class_names).encode())
    for name in tensor_names():
        digest.update(f"{name}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def manifest_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 over the manifest's other entries, so that a damaged manifest is not mistaken for other data, which would
    retrain every run."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def tensor_names() -> list[str]:
    """The tensors in the data file: for each split `<split>_images`, (n, 32, 32, 3) uint8, and `<split>_labels`, (n,)
    int64."""
    return [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]


def save_prepared(
    folder: Path,
    source: str,
    class_names: list[str],
    arrays: Mapping[str, NDArray[Any]],
    fingerprint: str | None = None,
) -> Manifest:
    """Write the data file, then the manifest beside it, each atomically. `arrays` has the names of `tensor_names`.

    Raises:
        SweepError: a file cannot be written.
    """
    sizes = {split: len(arrays[f"{split}_labels"]) for split in SPLITS}
    manifest = Manifest(source, class_names, sizes, content_hash(arrays, class_names), fingerprint)
    with replacing(folder / DATA_FILE) as temporary:
        # `save_file` writes memory order; a transposed view would be stored wrongly.
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)
    content = asdict(manifest)
    write_json(folder / MANIFEST_FILE, {**content, "manifest_hash": manifest_hash(content)})
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read a folder's manifest. Raises SweepError if it is missing or damaged."""
    file = folder / MANIFEST_FILE
    try:
        content = dict(json.loads(file.read_text(encoding="utf-8")))
        written_hash = content.pop("manifest_hash", None)
        manifest = Manifest(**content)
        if manifest_hash(content) != written_hash:
            raise ValueError("its content is not what its manifest_hash says")
    except (OSError, ValueError, TypeError) as error:
        raise SweepError(f"{file} is missing or damaged ({error}); {remove_command(file)}") from None
    return manifest


def check_prepared(folder: Path, manifest: Manifest) -> None:
    """Check that the data file has the manifest's content, without torch. Raises SweepError as `map_prepared`."""
    _read_checked(folder, manifest, "numpy")


def map_prepared(folder: Path, manifest: Manifest) -> "dict[str, Tensor]":
    """Map the data file into memory, as the tensors of `tensor_names`, and check that it has the manifest's content.

    Raises:
        SweepError: the file is missing or damaged, or has another content.
    """
    return _read_checked(folder, manifest, "pt")


def _read_checked(folder: Path, manifest: Manifest, framework: str) -> dict[str, Any]:
    file = folder / DATA_FILE
    try:
        with safe_open(file, framework=framework) as data:
            tensors = {name: data.get_tensor(name) for name in tensor_names()}
    except (OSError, SafetensorError) as error:
        raise SweepError(f"{file} is missing or damaged ({error}); {remove_command(folder / MANIFEST_FILE)}") from None
    arrays = {name: np.asarray(tensor) for name, tensor in tensors.items()}
    if content_hash(arrays, manifest.class_names) != manifest.content_hash:
        raise SweepError(
            f"{file} does not hold the data of the manifest beside it; {remove_command(folder / MANIFEST_FILE)}"
        )
    return tensors
