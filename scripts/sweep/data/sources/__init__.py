"""Where images come from: one file for each source, with a function `load`.

The Snakefile imports this module for sizes and fingerprints, so it imports neither numpy nor a source.
"""

import os
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sweep.data.sources.listing import list_folder
from sweep.errors import SweepError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Sizes(NamedTuple):
    """How many images a source has for training and validation and for the test, and how many classes."""

    train: int
    test: int
    classes: int


# Of each source whose sizes are fixed.
SIZES = {
    "cifar10": Sizes(50_000, 10_000, 10),
    "digits": Sizes(800, 997, 10),
    "scattered_digits": Sizes(1300, 497, 10),
}


@dataclass(frozen=True)
class LabelledImages:
    """Images (n, 32, 32, 3) uint8 and their labels (n,) int64, which are indices of class names."""

    images: "NDArray[np.uint8]"
    labels: "NDArray[np.int64]"


@dataclass(frozen=True)
class Dataset:
    """A data set as its source gives it: `train` still holds the images that will validate."""

    class_names: list[str]
    train: LabelledImages
    test: LabelledImages


def expand_home(path: str) -> str:
    """The config's data.path with ~ and ~user replaced by that home folder, as a shell does it.

    Raises:
        SweepError: there is no such home folder, or the path has a shell's variable, which a shell would replace, but
            which here would become a folder of that name.
    """
    if variable := re.search(r"^\$.*|(?<=/)\$\w+|\$\{\w+\}|\$[A-Z_]+(?=/|$)", path):
        raise SweepError(f"config: data.path: {variable[0]} is not replaced here as a shell would; write the path out")
    expanded = os.path.expanduser(path)  # noqa: PTH111  Path would turn ./~ into ~
    if expanded.startswith("~"):
        raise SweepError(f"config: data.path: {path} names no home folder; write the path out")
    return expanded


def load_source(source: str, path: Path) -> Dataset:
    """Read a data set. `path` is the config's data.path.

    Raises:
        SweepError: the data set cannot be read or downloaded.
    """
    dataset: Dataset = import_module(f"{__name__}.{source}").load(path)
    return dataset


def source_sizes(source: str, path: Path) -> Sizes:
    """The sizes of a source, without reading an image. Raises as `list_folder`."""
    if source != "folder":
        return SIZES[source]
    listing = list_folder(path)
    train, test = (sum(map(len, listing[split].values())) for split in ("train", "test"))
    return Sizes(train, test, len(listing["train"]))


def split_validation(dataset: Dataset, validation_size: int) -> "dict[str, NDArray[Any]]":
    """The arrays of the prepared file. The last `validation_size` images of the training set become the validation set,
    as in the write-up's code (the last 10,000 of 50,000)."""
    size = len(dataset.train.labels) - validation_size
    return {
        "train_images": dataset.train.images[:size],
        "train_labels": dataset.train.labels[:size],
        "validation_images": dataset.train.images[size:],
        "validation_labels": dataset.train.labels[size:],
        "test_images": dataset.test.images,
        "test_labels": dataset.test.labels,
    }
