"""A folder of images, train/<class>/* and test/<class>/*."""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from sweep.data.sources import Dataset, LabelledImages
from sweep.data.sources.listing import list_folder, name_some
from sweep.errors import SweepError

logger = logging.getLogger(__name__)

IMAGE_SIZE = (32, 32)
# The formats that are read, under any suffix. Others are refused: for some, such as EPS, Pillow starts a program.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
# How an image is turned upright, by its EXIF orientation.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load(path: Path) -> Dataset:
    """Read the images as 32×32 RGB. The training set, which the folders group by class, is shuffled by a fixed seed.

    Raises:
        SweepError: as `list_folder`, or some images cannot be read.
    """
    listing = list_folder(path)
    if others := sorted(set(os.listdir(path)) - {"train", "test"}):  # noqa: PTH208  names, not paths
        logger.info(f"Only train and test are read in {path}, not {name_some(others)}")
    class_names = list(listing["train"])
    unreadable: list[str] = []

    def read(split: str) -> LabelledImages:
        files = [(file, class_names.index(name)) for name, files in listing[split].items() for file in files]
        logger.info(f"Reading {len(files)} images from {path / split}")
        images = np.empty((len(files), *IMAGE_SIZE, 3), np.uint8)
        for image, (file, _) in zip(images, files, strict=True):
            try:
                image[:] = read_image(file)
            except Exception as error:  # Pillow's decoders raise errors of many types
                unreadable.append(f"{file} ({error})")
        return LabelledImages(images, np.array([label for _, label in files], np.int64))

    train, test = read("train"), read("test")
    if unreadable:
        raise SweepError(f"unreadable images, remove or replace them: {name_some(unreadable)}")
    # RandomState, because NumPy never changes its numbers, while those of Generator may change with a version.
    order = np.random.RandomState(0).permutation(len(train.labels))
    return Dataset(class_names, LabelledImages(train.images[order], train.labels[order]), test)


def read_image(file: str) -> NDArray[np.uint8]:
    """Read an image file as (32, 32, 3) uint8 RGB, as a viewer shows it on a white page, resized if necessary.

    The orientation that a camera noted is applied, what is transparent is white or mixed with white, and an animation
    gives its first image. Colour profiles and gamma are not applied.
    """
    with Image.open(file, formats=FORMATS) as stored:
        encoding = stored.tile[0].args if stored.tile else None
        stored.load()
        image = flatten(turn_upright(stored), encoding)
    if image.size != IMAGE_SIZE:
        image = image.resize(IMAGE_SIZE, Image.Resampling.BILINEAR)
    return np.asarray(image)


def turn_upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says; if its EXIF data are damaged, as it is stored."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # the parser raises errors of many types
        return image
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def flatten(image: Image.Image, encoding: object) -> Image.Image:
    """The image in RGB on a white ground. `encoding` is Pillow's name of how a PNG file holds its pixels."""
    colour: Any = image.info.get("transparency")
    if image.mode.startswith("I;16"):
        # Pillow would clip values of 16 bits at 255; their upper eight bits are what a viewer shows.
        values = np.asarray(image)
        shown = (values >> 8).astype(np.uint8)
        if colour is not None:
            shown[values == colour] = 255
        return Image.fromarray(shown).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    # Pillow has the pixels in 8 bits, but the transparent colour of a PNG file as it is stored, in 2, 4 or 16 bits.
    if encoding in ("L;2", "L;4"):
        image.info["transparency"] = colour * (85 if encoding == "L;2" else 17)
    elif encoding == "RGB;16B" and colour is not None:
        image.info["transparency"] = tuple(value >> 8 for value in colour)
    ground = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")
