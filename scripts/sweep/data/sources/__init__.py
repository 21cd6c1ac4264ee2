"""Where pictures come from, one file a source with a function `load`. Looking at sizes and changes imports no numpy."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.data.sources.listing import list_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Pictures of the sources of known size, before the validation set is cut off.
TRAIN_SIZES = {"cifar10": 50_000, "digits": 800}


@dataclass(frozen=True)
class Labelled:
    """Pictures (n, 32, 32, 3) uint8 and labels (n,) int64, indices of class names."""

    images: "NDArray[np.uint8]"
    labels: "NDArray[np.int64]"


@dataclass(frozen=True)
class Pictures:
    """A data set as its source gives it, before the validation set is cut off."""

    class_names: list[str]
    train: Labelled
    test: Labelled


def load_source(source: str, path: Path, log: Callable[[str], None]) -> Pictures:
    """Read a data set; `path` is the config's data.path. Raises SweepError where it cannot be had."""
    pictures: Pictures = import_module(f"{__name__}.{source}").load(path, log)
    return pictures


def train_size(source: str, path: Path) -> int:
    """How many pictures a source has for training and validation, without reading one. Raises as `list_folder`."""
    if source == "folder":
        return sum(map(len, list_folder(path)["train"].values()))
    return TRAIN_SIZES[source]


def split_validation(pictures: Pictures, validation_size: int) -> "dict[str, NDArray[Any]]":
    """The tensors of the prepared file; the validation set is the last `validation_size` of the training set (the
    write-up's code: the last 10,000 of 50,000)."""
    size = len(pictures.train.labels) - validation_size
    return {
        "train_images": pictures.train.images[:size],
        "train_labels": pictures.train.labels[:size],
        "validation_images": pictures.train.images[size:],
        "validation_labels": pictures.train.labels[size:],
        "test_images": pictures.test.images,
        "test_labels": pictures.test.labels,
    }
