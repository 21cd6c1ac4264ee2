"""A folder of images: how a file becomes 32×32 RGB, and what the two sets hold; expected pixels are computed here."""

import logging
import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sweep.data.sources import source_sizes
from sweep.data.sources.folder import FORMATS, load, read_image
from sweep.errors import SweepError

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
GREY = COLOURS[:, :, 0]
INDICES = RNG.integers(0, 4, (32, 32), dtype=np.uint8)
PALETTE = np.array([[9, 8, 7], [200, 0, 0], [0, 200, 0], [0, 0, 255]], np.uint8)
# Slow changes, of which JPEG loses little.
Y, X = np.mgrid[:32, :32]
SMOOTH = np.stack([100 + X, 200 - Y, X + Y], 2).astype(np.uint8)
INK = np.stack([Y, X, Y + X, Y // 2], 2).astype(np.uint8)  # cyan, magenta, yellow, black
DEEP = np.linspace(0, 65535, 1024).reshape(32, 32).astype(np.uint16)
LARGE = np.stack([np.add.outer(np.arange(300) // 2, np.arange(400) // 4)] * 3, 2).astype(np.uint8)
SMALL = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def encode(pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """An image file; with a mode of Pillow's, `pixels` are its bytes of 32×32."""
    image = Image.frombytes(mode, (32, 32), pixels.tobytes()) if mode else Image.fromarray(pixels)
    if mode == "P":
        image.putpalette(PALETTE.tobytes())
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def in_rgb(grey: NDArray[Any]) -> NDArray[Any]:
    return grey[:, :, None].repeat(3, 2)


def frames(first: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    """A file of two images."""
    return encode(first, kind, save_all=True, append_images=[Image.fromarray(255 - first)], **options)


def printed(ink: NDArray[np.uint8]) -> NDArray[Any]:
    """What is left of white light: each ink takes its share, and black takes its share of all three."""
    share = 1 - ink / 255
    return share[..., :3] * share[..., 3:] * 255


def resized(pixels: NDArray[Any]) -> NDArray[Any]:
    """To 32×32 by linear interpolation, axis by axis; where it shrinks, a pixel is a mean of those that it covers."""
    for axis in (0, 1):
        size = pixels.shape[axis]
        scale = size / 32
        centres = (np.arange(32) + 0.5) * scale
        distances = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1)
        weights = np.maximum(1 - distances, 0)
        weights /= weights.sum(1, keepdims=True)
        pixels = np.moveaxis(np.tensordot(weights, pixels, (1, axis)), 0, axis)
    return pixels


def on_white(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    share = alpha[:, :, None] / 255
    return colours * share + 255 * (1 - share)


def packed(values: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Values of fewer than eight bits side by side, as PNG has them."""
    return np.packbits(np.unpackbits(values[:, :, None], axis=2)[:, :, -bits:].reshape(32, -1), axis=1)


def png(depth: int, kind: int, rows: NDArray[Any], transparency: bytes) -> bytes:
    """A PNG file as Pillow does not write it. `kind` is 0 for grey, 2 for colours."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 32, 32, depth, kind, 0, 0, 0),
        b"tRNS": transparency,
        b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
        b"IEND": b"",
    }
    parts = [struct.pack(">I", len(data)) + name + data for name, data in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(part + struct.pack(">I", zlib.crc32(part[4:])) for part in parts)


# The four values of INDICES in grey, the second of them transparent.
GREY_OF_FEW_BITS = in_rgb(np.array([0, 255, 170, 255])[INDICES])

# The file, the pixels that it must give, and how far a pixel may be from them: 0 where nothing is lost.
IMAGES: dict[str, tuple[Callable[[], bytes], NDArray[Any], float]] = {
    "colours": (lambda: encode(COLOURS), COLOURS, 0),
    "grey": (lambda: encode(GREY), in_rgb(GREY), 0),
    "16 bits": (lambda: encode(DEEP), in_rgb(DEEP) / 257, 1),
    "transparent": (lambda: encode(np.dstack([COLOURS, GREY])), on_white(COLOURS, GREY), 1),
    "transparent WEBP": (
        lambda: encode(np.dstack([COLOURS, GREY]), "WEBP", lossless=True, exact=True),
        on_white(COLOURS, GREY),
        1,
    ),
    "transparent grey": (
        lambda: encode(np.dstack([GREY, INDICES * 85]), mode="LA"),
        on_white(in_rgb(GREY), INDICES * 85),
        1,
    ),
    "palette, half of it transparent": (
        lambda: encode(INDICES, mode="P", transparency=b"\0\x80"),
        on_white(PALETTE[INDICES], np.array([0, 128, 255, 255])[INDICES]),
        1,
    ),
    "GIF with a transparent colour": (
        lambda: encode(INDICES, "GIF", "P", transparency=2),
        on_white(PALETTE[INDICES], (INDICES != 2) * 255),
        0,
    ),
    "a transparent colour": (
        lambda: encode(PALETTE[INDICES], transparency=(200, 0, 0)),
        on_white(PALETTE[INDICES], (INDICES != 1) * 255),
        0,
    ),
    "a transparent grey": (lambda: encode(GREY, transparency=7), in_rgb(np.where(GREY == 7, 255, GREY)), 0),
    "a transparent grey of 16 bits": (
        lambda: encode(DEEP, transparency=int(DEEP[3, 3])),
        in_rgb(np.where(DEEP[3, 3] == DEEP, 65535, DEEP)) / 257,
        1,
    ),
    "a transparent grey of 2 bits": (lambda: png(2, 0, packed(INDICES, 2), b"\0\1"), GREY_OF_FEW_BITS, 0),
    "a transparent grey of 4 bits": (lambda: png(4, 0, packed(INDICES * 5, 4), b"\0\5"), GREY_OF_FEW_BITS, 0),
    "transparent black of 1 bit": (
        lambda: png(1, 0, packed(INDICES // 2, 1), b"\0\0"),
        np.full((32, 32, 3), 255),
        0,
    ),
    "a transparent colour of 16 bits": (
        lambda: png(16, 2, PALETTE[INDICES].astype(">u2") * 257, struct.pack(">3H", 200 * 257, 0, 0)),
        on_white(PALETTE[INDICES], (INDICES != 1) * 255),
        0,
    ),
    "CMYK": (lambda: encode(INK, "JPEG", "CMYK", quality=95), printed(INK), 4),
    "animation": (lambda: frames(GREY, "GIF", duration=100), in_rgb(GREY), 0),
    "two images of a stereo camera": (lambda: frames(SMOOTH, "MPO", quality=95), SMOOTH, 4),
    "small": (lambda: encode(SMALL), resized(SMALL), 2),
    "large": (lambda: encode(LARGE), resized(LARGE), 2),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_comes_out_as_a_viewer_shows_it(tmp_path: Path, kind: str) -> None:
    content, expected, tolerance = IMAGES[kind]
    (tmp_path / "a.png").write_bytes(content())
    image = read_image(str(tmp_path / "a.png"))
    assert image.shape == (32, 32, 3)
    assert image.dtype == np.uint8
    assert np.abs(image - np.asarray(expected, float)).max() <= tolerance


# How a camera stores an image for which it notes the orientation.
STORED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: lambda image: np.rot90(image, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_an_image_is_turned_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = SMOOTH.repeat(2, 1)  # twice as wide as high
    stored = np.ascontiguousarray(STORED[orientation](upright))
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True}
    (tmp_path / "a.png").write_bytes(encode(stored, kind, exif=exif, **options))
    assert np.abs(read_image(str(tmp_path / "a.png")) - resized(upright.astype(float))).max() <= 5


def test_an_image_whose_exif_data_are_damaged_is_read_as_it_is_stored(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(COLOURS, exif=b"Exif\0\0damaged"))
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.png")), COLOURS)


@pytest.mark.parametrize("suffix", ["png", "jpeg"])
@pytest.mark.parametrize("kind", FORMATS)
def test_the_content_decides_the_format_not_the_suffix(tmp_path: Path, kind: str, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(encode(in_rgb(SMOOTH[:, :, 0]), kind, quality=95))
    assert np.abs(read_image(str(file)) - in_rgb(SMOOTH[:, :, 0]).astype(float)).max() <= 4


def test_a_program_for_ghostscript_is_not_an_image(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encode(COLOURS, "EPS"))
    with pytest.raises(OSError, match="cannot identify image file"):
        read_image(str(file))


# ---- the folder


def save(file: Path, value: int) -> Path:
    """An image of one grey value."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(file)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """12 images of two classes to train, 4 to test; the grey value of each says which it is."""
    for split, count in (("train", 6), ("test", 2)):
        for start, name in ((0, "cat"), (100, "dog")):
            for number in range(count):
                save(tmp_path / "images" / split / name / f"{number}.png", start + number)
    return tmp_path / "images"


def test_a_folders_training_set_is_shuffled_once_and_for_all_and_its_test_set_is_not(folder: Path) -> None:
    first, again = (load(folder) for _ in range(2))
    assert first.class_names == ["cat", "dog"]
    for part, start in ((first.train, 6), (first.test, 2)):
        values = part.images[:, 0, 0, 0].tolist()
        assert sorted(values) == [*range(start), *range(100, 100 + start)]
        assert part.labels.tolist() == [int(value >= 100) for value in values]
    assert first.test.labels.tolist() == [0, 0, 1, 1]
    assert first.train.labels.tolist() != sorted(first.train.labels.tolist())
    np.testing.assert_array_equal(first.train.images, again.train.images)
    assert source_sizes("folder", folder) == (12, 4, 2)


def test_the_log_names_what_is_beside_the_two_sets(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    load(folder)
    assert "Only" not in caplog.text
    save(folder / "val" / "cat" / "0.png", 0)
    load(folder)
    assert f"Only train and test are read in {folder}, not val" in caplog.messages


def test_unreadable_images_are_all_named(folder: Path) -> None:
    (folder / "train" / "cat" / "text.png").write_text("not an image")
    cut = folder / "test" / "dog" / "1.png"
    cut.write_bytes(cut.read_bytes()[:60])
    half = folder / "test" / "dog" / "half.jpg"
    photograph = encode(COLOURS, "JPEG")
    half.write_bytes(photograph[: len(photograph) // 2])
    with pytest.raises(SweepError, match="unreadable images") as caught:
        load(folder)
    for name in ("text.png", str(cut), str(half)):
        assert name in str(caught.value)
    assert str(folder / "train" / "cat" / "0.png") not in str(caught.value)


def test_of_many_unreadable_images_ten_are_named_and_the_rest_counted(folder: Path) -> None:
    for number in range(13):
        (folder / "train" / "cat" / f"bad{number}.png").touch()
    with pytest.raises(SweepError, match=r" and 3 more$") as caught:
        load(folder)
    assert str(caught.value).count(".png (") == 10


def test_names_in_another_encoding_are_read(folder: Path) -> None:
    """Archives packed on another system leave names that are not UTF-8."""
    content = (folder / "train" / "cat" / "0.png").read_bytes()
    try:
        with open(os.fsencode(folder / "train" / "cat") + b"/\xc4\xe3.png", "wb") as file:  # noqa: PTH123  bytes
            file.write(content)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert len(load(folder).train.labels) == 13
