"""Every kind of picture comes out as a viewer shows it, 32×32 RGB; what is expected is computed here, from pixels."""

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

from sweep.data.sources.folder import read_picture

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
GREY = COLOURS[:, :, 0]
GREY_RGB = GREY[:, :, None].repeat(3, 2)
BITS = GREY > 127
BITS_RGB = BITS[:, :, None].repeat(3, 2) * 255
INDICES = RNG.integers(0, 4, (32, 32), dtype=np.uint8)
PALETTE = np.array([[9, 8, 7], [200, 0, 0], [0, 200, 0], [0, 0, 255]], np.uint8)
# Where JPEG would lose something, a picture that changes slowly.
Y, X = np.mgrid[:32, :32]
SMOOTH = np.stack([100 + X, 200 - Y, X + Y], 2).astype(np.uint8)
INK = np.stack([Y, X, Y + X, Y // 2], 2).astype(np.uint8)  # cyan, magenta, yellow, black
DEEP = np.linspace(0, 65535, 1024).reshape(32, 32).astype(np.uint16)
DEEP_COLOURS = RNG.integers(0, 65536, (32, 32, 3), dtype=np.uint16)
LARGE = np.stack([np.add.outer(np.arange(3000) // 20, np.arange(4000) // 40)] * 3, 2).astype(np.uint8)
NARROW = np.stack([np.add.outer(np.arange(2000) // 10, np.zeros(3, int))] * 3, 2).astype(np.uint8)
SMALL = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
PIXEL = np.array([[[10, 200, 30]]], np.uint8)


def encoded(pixels: NDArray[Any], kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """A picture's file; with a mode of Pillow's, `pixels` are its bytes of 32×32."""
    image = Image.frombytes(mode, (32, 32), pixels.tobytes()) if mode else Image.fromarray(pixels)
    if mode == "P":
        image.putpalette(PALETTE.tobytes())
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def animation(kind: str) -> bytes:
    """Three pictures, of which the first is to be seen: one without colours, since a GIF has 256 of them."""
    others = [Image.fromarray(255 - GREY_RGB), Image.fromarray(GREY_RGB // 2)]
    return encoded(GREY_RGB, kind, save_all=True, append_images=others, duration=100)


def deep_png(colour_type: int, pixels: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits, written by the book, since Pillow writes only grey ones."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def printed(ink: NDArray[np.uint8]) -> NDArray[Any]:
    """What is left of white light: each ink takes its share, and black takes its share of all three."""
    share = 1 - ink / 255
    return share[..., :3] * share[..., 3:] * 255


def resized(pixels: NDArray[Any]) -> NDArray[Any]:
    """To 32×32 by linear interpolation, which in the large covers as many pixels as make one: axis by axis."""
    for axis in (0, 1):
        size = pixels.shape[axis]
        scale = size / 32
        centres = (np.arange(32) + 0.5) * scale
        distances = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1)
        weights = np.maximum(1 - distances, 0)
        weights /= weights.sum(1, keepdims=True)
        pixels = np.moveaxis(np.tensordot(weights, pixels, (1, axis)), 0, axis)
    return pixels


alpha = np.dstack([COLOURS, GREY])
# The file, what is to be seen, and how far from it a pixel may be: 0 where nothing is lost.
PICTURES: dict[str, tuple[str, Callable[[], bytes], NDArray[Any], float]] = {
    "colours": ("a.png", lambda: encoded(COLOURS), COLOURS, 0),
    "grey": ("a.png", lambda: encoded(GREY), GREY_RGB, 0),
    "black and white": ("a.png", lambda: encoded(np.packbits(BITS, 1), mode="1"), BITS_RGB, 0),
    "palette": ("a.png", lambda: encoded(INDICES, mode="P"), PALETTE[INDICES], 0),
    "palette, half of it transparent": (
        "a.png",
        lambda: encoded(INDICES, mode="P", transparency=b"\0\x80"),
        PALETTE[INDICES],
        0,
    ),
    "transparent": ("a.png", lambda: encoded(alpha), COLOURS, 0),
    "transparent grey": ("a.png", lambda: encoded(np.dstack([GREY, GREY]), mode="LA"), GREY_RGB, 0),
    "16 bits": ("a.png", lambda: encoded(DEEP), DEEP[:, :, None].repeat(3, 2) / 257, 1),
    "16 bits, written by the book": ("a.png", lambda: deep_png(0, DEEP), DEEP[:, :, None].repeat(3, 2) / 257, 1),
    "colours of 16 bits": ("a.png", lambda: deep_png(2, DEEP_COLOURS), DEEP_COLOURS / 257, 1),
    "animated PNG": ("a.png", lambda: animation("PNG"), GREY_RGB, 0),
    "animated GIF named PNG": ("a.png", lambda: animation("GIF"), GREY_RGB, 0),
    "WebP named JPEG": ("a.jpg", lambda: encoded(COLOURS, "WEBP", lossless=True), COLOURS, 0),
    "BMP named PNG": ("a.png", lambda: encoded(COLOURS, "BMP"), COLOURS, 0),
    "PNG named JPEG": ("a.jpg", lambda: encoded(COLOURS), COLOURS, 0),
    "JPEG": ("a.jpg", lambda: encoded(SMOOTH, "JPEG", quality=95), SMOOTH, 4),
    "JPEG named PNG": ("a.png", lambda: encoded(SMOOTH, "JPEG", quality=95), SMOOTH, 4),
    "grey JPEG": ("a.jpeg", lambda: encoded(SMOOTH[:, :, 0], "JPEG"), SMOOTH[:, :, :1].repeat(3, 2), 4),
    "progressive JPEG": ("a.JPEG", lambda: encoded(SMOOTH, "JPEG", quality=95, progressive=True), SMOOTH, 4),
    "CMYK": ("a.jpg", lambda: encoded(INK, "JPEG", "CMYK", quality=95), printed(INK), 4),
    "pictures of a stereo camera": (
        "a.jpg",
        lambda: encoded(SMOOTH, "MPO", quality=95, save_all=True, append_images=[Image.fromarray(255 - SMOOTH)]),
        SMOOTH,
        4,
    ),
    "one pixel": ("a.png", lambda: encoded(PIXEL), np.broadcast_to(PIXEL, (32, 32, 3)), 0),
    "small": ("a.png", lambda: encoded(SMALL), resized(SMALL), 2),
    "large": ("a.png", lambda: encoded(LARGE), resized(LARGE), 2),
    "narrow": ("a.png", lambda: encoded(NARROW), resized(NARROW), 2),
    "large JPEG": ("a.jpg", lambda: encoded(LARGE, "JPEG"), resized(LARGE), 4),
    "odd name": ("$(touch pwned) `id` 'q' \"d\" {x} 猫.png", lambda: encoded(COLOURS), COLOURS, 0),
}  # fmt: skip


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_comes_out_as_it_is(tmp_path: Path, kind: str) -> None:
    name, content, expected, tolerance = PICTURES[kind]
    (tmp_path / name).write_bytes(content())
    image = read_picture(str(tmp_path / name))
    assert (image.shape, image.dtype) == ((32, 32, 3), np.uint8)
    assert np.abs(image - np.asarray(expected, float)).max() <= tolerance


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_a_cut_picture_is_refused_wherever_it_is_cut_unless_no_pixel_is_lost(tmp_path: Path, kind: str) -> None:
    content = encoded(GREY_RGB, kind)
    file = tmp_path / "a.png"
    file.write_bytes(content)
    whole = read_picture(str(file))
    refused = 0
    for size in range(0, len(content), 7):
        file.write_bytes(content[:size])
        try:
            image = read_picture(str(file))
        except Exception:  # as the folder's reader takes it
            refused += 1
        else:
            np.testing.assert_array_equal(image, whole)
    assert refused > len(content) / 7 * 0.9
