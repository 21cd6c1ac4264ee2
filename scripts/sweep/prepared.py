"""The prepared data set: one safetensors file of pictures and labels, and a small manifest with its content hash."""

import json
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
REMEDY = "remove {} and run the same command again"


@dataclass(frozen=True)
class Manifest:
    """What a prepared data set is. `sizes` counts the pictures of each split; `content_hash` decides runs' numbers."""

    source: str
    class_names: list[str]
    sizes: dict[str, int]
    content_hash: str


def content_hash(arrays: Mapping[str, NDArray[Any]], class_names: list[str]) -> str:
    """SHA-256 over the class names and, for each split, its pictures and labels with their shapes."""
    digest = sha256(json.dumps(class_names).encode())
    for name in tensor_names():
        digest.update(f"{name}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def tensor_names() -> list[str]:
    """For each split, the file has `<split>_images`, (n, 32, 32, 3) uint8, and `<split>_labels`, (n,) int64."""
    return [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]


def save_prepared(folder: Path, source: str, class_names: list[str], arrays: Mapping[str, NDArray[Any]]) -> Manifest:
    """Write the data file, then the manifest beside it, each atomically; `arrays` has the names of `tensor_names`."""
    sizes = {split: len(arrays[f"{split}_labels"]) for split in SPLITS}
    manifest = Manifest(source, class_names, sizes, content_hash(arrays, class_names))
    with replacing(folder / DATA_FILE) as temporary:
        # A view's bytes are written as they lie in memory, whatever the order of its indices.
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)
    write_json(folder / MANIFEST_FILE, asdict(manifest))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Raises SweepError if the manifest is missing or is not one."""
    file = folder / MANIFEST_FILE
    try:
        return Manifest(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SweepError(f"{file} is missing or damaged ({error}); {REMEDY.format(file)}") from None


def map_prepared(folder: Path, manifest: Manifest) -> "dict[str, Tensor]":
    """Map the data file into memory, and check that its content is what the manifest says.

    Raises:
        SweepError: the file is missing, damaged, or of another content.
    """
    file = folder / DATA_FILE
    remedy = REMEDY.format(folder / MANIFEST_FILE)
    try:
        with safe_open(file, framework="pt") as data:
            tensors: dict[str, Tensor] = {name: data.get_tensor(name) for name in tensor_names()}
    except (OSError, SafetensorError) as error:
        raise SweepError(f"{file} is missing or damaged ({error}); {remedy}") from None
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    if content_hash(arrays, manifest.class_names) != manifest.content_hash:
        raise SweepError(f"{file} does not hold the data of the manifest beside it; {remedy}")
    return tensors
