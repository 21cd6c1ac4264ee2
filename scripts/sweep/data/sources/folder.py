"""A folder of images, train/<class>/* and test/<class>/*."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.data.sources import Dataset, LabelledImages
from sweep.data.sources.listing import list_folder
from sweep.errors import SweepError

IMAGE_SIZE = (32, 32)
# The formats that are read, under any suffix. Others are refused: for some, such as EPS, Pillow starts a program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
# An error names at most this many unreadable images and counts the rest.
NAMED_FILES = 10


def load(path: Path, log: Callable[[str], None]) -> Dataset:
    """Read the images as 32×32 RGB. The training set, which the folders group by class, is shuffled by a fixed seed.

    Raises:
        SweepError: as `list_folder`, or some images cannot be read.
    """
    listing = list_folder(path)
    class_names = list(listing["train"])
    unreadable: list[str] = []

    def read(split: str) -> LabelledImages:
        files = [(file, class_names.index(name)) for name, files in listing[split].items() for file in files]
        log(f"Reading {len(files)} images from {path / split}")
        images = np.empty((len(files), *IMAGE_SIZE, 3), np.uint8)
        for image, (file, _) in zip(images, files, strict=True):
            try:
                image[:] = read_image(file)
            except Exception as error:  # Pillow's decoders raise errors of many types
                unreadable.append(f"{file} ({error})")
        return LabelledImages(images, np.array([label for _, label in files], np.int64))

    train, test = read("train"), read("test")
    if unreadable:
        more = f" and {len(unreadable) - NAMED_FILES} more" if len(unreadable) > NAMED_FILES else ""
        raise SweepError(f"unreadable images, remove or replace them: {', '.join(unreadable[:NAMED_FILES])}{more}")
    # RandomState, because NumPy never changes its numbers, while those of Generator may change with a version.
    order = np.random.RandomState(0).permutation(len(train.labels))
    return Dataset(class_names, LabelledImages(train.images[order], train.labels[order]), test)


def read_image(file: str) -> NDArray[np.uint8]:
    """Read an image file as (32, 32, 3) uint8 RGB, resized if necessary. An animation gives its first image."""
    with Image.open(file, formats=FORMATS) as image:
        # Pillow would clip values of 16 bits at 255; their upper eight bits are what a viewer shows.
        deep = image.mode.startswith("I;16")
        rgb = (Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if deep else image).convert("RGB")
    if rgb.size != IMAGE_SIZE:
        rgb = rgb.resize(IMAGE_SIZE, Image.Resampling.BILINEAR)
    return np.asarray(rgb)
