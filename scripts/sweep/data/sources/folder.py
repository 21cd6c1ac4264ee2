"""A folder of pictures, train/<class>/* and test/<class>/*."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.data.sources import Labelled, Pictures
from sweep.data.sources.listing import list_folder
from sweep.errors import SweepError

IMAGE_SIZE = (32, 32)
# What a picture may be, whatever its suffix says. For some other formats Pillow starts a program (EPS: Ghostscript).
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
# Unreadable pictures that an error names; the rest are counted.
NAMED_FILES = 10


def load(path: Path, log: Callable[[str], None]) -> Pictures:
    """The pictures as 32×32 RGB. The training set, grouped by class on disk, is shuffled by a fixed seed."""
    listing = list_folder(path)
    class_names = list(listing["train"])
    unreadable: list[str] = []

    def read(split: str) -> Labelled:
        files = [(file, class_names.index(name)) for name, files in listing[split].items() for file in files]
        log(f"Reading {len(files)} pictures from {path / split}")
        images = np.empty((len(files), *IMAGE_SIZE, 3), np.uint8)
        for image, (file, _) in zip(images, files, strict=True):
            try:
                image[:] = read_picture(file)
            except Exception as error:  # Pillow's decoders raise errors of many kinds
                unreadable.append(f"{file} ({error})")
        return Labelled(images, np.array([label for _, label in files], np.int64))

    train, test = read("train"), read("test")
    if unreadable:
        more = f" and {len(unreadable) - NAMED_FILES} more" if len(unreadable) > NAMED_FILES else ""
        raise SweepError(f"unreadable pictures, remove or replace them: {', '.join(unreadable[:NAMED_FILES])}{more}")
    # RandomState, since NumPy promises its stream for ever and that of Generator only for a version.
    order = np.random.RandomState(0).permutation(len(train.labels))
    return Pictures(class_names, Labelled(train.images[order], train.labels[order]), test)


def read_picture(file: str) -> NDArray[np.uint8]:
    """A picture file as (32, 32, 3) uint8 RGB, resized where it is of another size; of an animation the first one."""
    with Image.open(file, formats=FORMATS) as image:
        # Pillow would clip 16 bits at 255; their upper eight are the picture.
        deep = image.mode.startswith("I;16")
        rgb = (Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if deep else image).convert("RGB")
    if rgb.size != IMAGE_SIZE:
        rgb = rgb.resize(IMAGE_SIZE, Image.Resampling.BILINEAR)
    return np.asarray(rgb)
