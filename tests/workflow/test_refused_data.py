"""Data that are refused, as a user meets it: a real call of `snakemake` for each (see starter.py).

What is wrong with the shape of a folder is said before any job, and then no file is made or changed. What is wrong with
a file's content is said by the job that reads it: then its log holds the sentence, and nothing is there but the log and
the notes of the plan.
"""

import os
import pickle
import shutil
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from project import CONFIG, Outcome, write_pictures
from test_refused_config import assert_refused

CLASS = "train/class 0"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A right folder of pictures, and the config that asks for it."""
    write_pictures(tmp_path / "pictures")
    configure(tmp_path, **CONFIG["data"])
    return tmp_path / "pictures"


def configure(folder: Path, **data: Any) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"data": data}))


def remove(*names: str) -> Callable[[Path], None]:
    return lambda pictures: [shutil.rmtree(pictures / name) for name in names]


def link(name: str, target: str) -> Callable[[Path], None]:
    return lambda pictures: (pictures / name).symlink_to(target)


def replace_by_a_file(pictures: Path) -> None:
    shutil.rmtree(pictures)
    pictures.write_text("")


def replace_by_a_loop(pictures: Path) -> None:
    shutil.rmtree(pictures)
    pictures.symlink_to("pictures")


def empty(name: str) -> Callable[[Path], None]:
    def change(pictures: Path) -> None:
        for file in (pictures / name).rglob("*.png"):
            file.unlink()

    return change


def add_classes_to_the_test_set(pictures: Path) -> None:
    for name in (b"owl", b"ape $(touch pwned)", b"\xc4\xe3"):
        folder = os.fsencode(pictures / "test") + b"/" + name
        os.mkdir(folder)  # noqa: PTH102  a Path holds no bytes
        shutil.copy(pictures / CLASS / "00.png", folder + b"/0.png")


SHAPES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no folder": (remove("."), "data.path: pictures/train is not a folder; it must hold a folder of images for each"),
    "a file": (replace_by_a_file, "data.path: pictures/train is not a folder"),
    "a link to itself": (replace_by_a_loop, "data.path: pictures/train "),
    "no train": (remove("train"), "data.path: pictures/train is not a folder"),
    "no test": (remove("test"), "data.path: pictures/test is not a folder"),
    "no classes": (
        remove("train/class 0", "train/class 1", "train/class 2"),
        "data.path: pictures/train holds no images (JPEG, PNG, GIF, WEBP or BMP) in folders named after their classes",
    ),
    "empty train": (empty("train"), "data.path: pictures/train holds no images (JPEG, PNG, "),
    "empty test": (empty("test"), "data.path: pictures/test holds no images (JPEG, PNG, "),
    "one class": (
        remove("train/class 0", "train/class 2"),
        "data.path: pictures/train holds images of one class only; a classifier needs two or more",
    ),
    "classes without pictures": (
        lambda pictures: [empty(f"train/class {number}")(pictures) for number in (0, 1)],
        "data.path: these class folders hold no images (JPEG, PNG, GIF, WEBP or BMP), add some or remove the folders: "
        "pictures/train/class 0, pictures/train/class 1",
    ),
    "a picture of a suffix that is not read": (
        lambda pictures: (pictures / CLASS / "00.png").rename(pictures / CLASS / "00.heic"),
        "data.path: a class folder must hold images (.jpg .jpeg .png .gif .webp .bmp) and nothing else, not even "
        f"folders; move, convert or remove pictures/{CLASS}/00.heic",
    ),
    "classes of the test set only": (
        add_classes_to_the_test_set,
        "data.path: pictures/test has classes that pictures/train has not: ape $(touch pwned), owl, \\udcc4\\udce3",
    ),
    "a class that links to itself": (
        link("train/loop", "loop"),
        "data.path: pictures/train/loop cannot be read (Too many levels of symbolic links)",
    ),
    "a picture that links to itself": (
        link(f"{CLASS}/loop.png", "loop.png"),
        f"data.path: pictures/{CLASS}/loop.png cannot be read (Too many levels of symbolic links)",
    ),
    "a picture that links to nothing": (
        link(f"{CLASS}/gone.png", "nowhere.png"),
        f"data.path: pictures/{CLASS}/gone.png is named as an image but is no file; remove or rename it",
    ),
    "a folder named as a picture": (
        lambda pictures: (pictures / CLASS / "a.png").mkdir(),
        f"data.path: pictures/{CLASS}/a.png is named as an image but is no file",
    ),
    "a folder above named as a picture": (
        link("test/class 1/up.jpg", ".."),
        "data.path: pictures/test/class 1/up.jpg is named as an image but is no file",
    ),
    "a pipe named as a picture": (
        lambda pictures: os.mkfifo(pictures / CLASS / "a.png"),
        f"data.path: pictures/{CLASS}/a.png is named as an image but is no file",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_folder_of_another_shape_is_refused_before_any_job(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, pictures: Path, shape: str
) -> None:
    change, sentence = SHAPES[shape]
    change(pictures)
    assert_refused(call_snakemake, tmp_path, sentence)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("no such place", "data.path: no such place/train is not a folder"),
        ("$HOME/pictures", "data.path: $HOME/pictures is not replaced here as a shell would; write the path out"),
        ("./~/pictures", "data.path: ~/pictures/train is not a folder"),
        ("a" * 300, "aaa/train cannot be read (File name too long)"),
        ("/", "data.path: /train is not a folder"),
    ],
)
def test_a_path_to_no_pictures_is_named(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, path: str, sentence: str
) -> None:
    configure(tmp_path, source="folder", path=path, validation_size=12)
    assert_refused(call_snakemake, tmp_path, sentence)


@pytest.mark.parametrize(
    ("validation_size", "sentence"),
    [
        (60, "config: data.validation_size 60 leaves nothing to train on: the training set has 60 images"),
        (52, "config: models.mlp.batch_sizes: 16 is larger than the training set, which has 8 images"),
    ],
)
def test_too_few_pictures_are_counted(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, pictures: Path, validation_size: int, sentence: str
) -> None:
    configure(tmp_path, source="folder", path=pictures.name, validation_size=validation_size)
    assert_refused(call_snakemake, tmp_path, sentence)


# ---- content: the job that reads it says what is wrong


def assert_failed_job(call_snakemake: Callable[..., Outcome], folder: Path) -> str:
    """Run the sweep; it fails at its data and leaves none. The job's log."""
    outcome = call_snakemake(folder)
    assert outcome.code == 1
    assert "results/tiny/logs/prepare_data.log" in outcome.output
    results = folder / "results" / "tiny"
    made = {file.relative_to(results).parts[0] for file in (folder / "results").rglob("*") if file.is_file()}
    assert made <= {"logs", "grids", "folder_index.json", "sweep.lock"}
    assert not (folder / "report").exists()
    log = (results / "logs" / "prepare_data.log").read_text()
    assert "Traceback" not in log
    return log


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def decompression_bomb() -> bytes:
    """20,000 × 20,000 white pixels of one bit in 50 kB."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * 2_500) * 20_000, 9)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


def photograph(suffix: str, folder: Path) -> bytes:
    """A whole picture of 64 × 64 pixels with some content."""
    file = folder / f"photograph{suffix}"
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(file)
    return file.read_bytes()


CONTENTS: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "empty": ("a.png", lambda _: b"", "(cannot identify image file "),
    "text": ("a.jpg", lambda _: b"not a picture", "(cannot identify image file "),
    "zeros": ("a.png", lambda _: bytes(5000), "(cannot identify image file "),
    "PNG cut in its header": ("a.png", lambda folder: photograph(".png", folder)[:20], "("),
    "PNG cut in its pixels": ("a.png", lambda folder: photograph(".png", folder)[:100], "("),
    "JPEG cut in half": ("a.jpeg", lambda folder: photograph(".jpg", folder)[:800], "(image file is truncated"),
    "a decompression bomb": ("a.png", lambda _: decompression_bomb(), "(Image size (400000000 pixels) exceeds limit"),
    "a program for Ghostscript": (
        "a.png",
        lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(pwned) (w) file closefile\n%%EOF\n",
        "(cannot identify image file ",
    ),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_picture_that_cannot_be_read_is_named(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, pictures: Path, content: str
) -> None:
    name, make, reason = CONTENTS[content]
    (pictures / CLASS / name).write_bytes(make(tmp_path))
    log = assert_failed_job(call_snakemake, tmp_path)
    assert f"Error: unreadable images, remove or replace them: pictures/{CLASS}/{name} {reason}" in log
    assert not list(tmp_path.rglob("pwned"))


class Malicious:
    """An object whose unpickling makes a folder."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


def plant_batches(data: Path, trace: Path) -> None:
    """The unpacked CIFAR-10, of which each file would make a folder."""
    batches = data / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta"]:
        (batches / name).write_bytes(pickle.dumps(Malicious(trace)))


def plant_archive(data: Path, trace: Path) -> None:
    """The same as an archive."""
    plant_batches(data, trace)
    with tarfile.open(data / "cifar-10-python.tar.gz", "w:gz") as tar:
        tar.add(data / "cifar-10-batches-py", "cifar-10-batches-py")
    shutil.rmtree(data / "cifar-10-batches-py")


NOT_THERE = "put cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz there, or set"
CIFAR10: dict[str, tuple[Callable[[Path, Path], Any], list[str]]] = {
    "nothing, and no network": (
        lambda _data, _trace: None,
        ["Error: CIFAR-10 is not in data and could not be downloaded (", NOT_THERE, "data.source to folder or digits"],
    ),
    "an archive that is another": (
        plant_archive,
        ["Error: data/cifar-10-python.tar.gz is not the CIFAR-10 archive (its checksum is wrong): remove it, or "],
    ),
    "malicious batches": (
        plant_batches,
        [
            "Missing or of another checksum in data/cifar-10-batches-py: data_batch_1, data_batch_2, data_batch_3, ",
            "Error: CIFAR-10 is not in data and could not be downloaded (",
            NOT_THERE,
        ],
    ),
    "a file in its place": (
        lambda data, _trace: data.write_text(""),
        ["Error: data/cifar-10-python.tar.gz cannot be written (data is not a folder): mend that"],
    ),
}


@pytest.mark.parametrize("case", CIFAR10)
def test_cifar10_that_is_not_cifar10_is_refused_and_never_executed(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, case: str
) -> None:
    make, sentences = CIFAR10[case]
    configure(tmp_path, source="cifar10", path="data", validation_size=12)
    make(tmp_path / "data", tmp_path / "pwned")
    before = {file for file in (tmp_path / "data").rglob("*") if file.is_file()}
    log = assert_failed_job(call_snakemake, tmp_path)
    for sentence in sentences:
        assert sentence in log
    assert not (tmp_path / "pwned").exists()
    assert {file for file in (tmp_path / "data").rglob("*") if file.is_file()} == before
