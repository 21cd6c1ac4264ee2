"""Configs and data that are refused, as a user meets it: faults of each kind, through `snakemake` itself.

Each call is a process of its own (see snakemake_server.py). A fault of the config or of the shape of an image folder is
said before any job: each case asserts the sentence, an exit code that is not 0, and that not one file was made or
changed. A fault in the content of the data is said by the job that reads it: then its log holds the sentence, and
nothing is there but the log and the notes of the plan. All faults of the config, by calls of the library, are in
tests/unit/test_config.py.
"""

import logging
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

from project import CONFIG, Outcome, changed, write_images
from sweep.data.sources import load_source
from sweep.data.sources.listing import list_folder
from sweep.errors import SweepError

DIGITS = CONFIG | {"data": {"source": "digits", "path": "data", "validation_size": 12}}
RIGHT = yaml.safe_dump(DIGITS).encode()


def files(folder: Path) -> dict[Path, bytes | None]:
    """All of a folder but Snakemake's own notes."""
    return {
        path: path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if ".snakemake" not in path.parts
    }


def assert_refused(call_snakemake: Callable[..., Outcome], folder: Path, sentence: str, *arguments: str) -> None:
    before = files(folder)
    outcome = call_snakemake(folder, *arguments)
    assert sentence in outcome.output
    assert "Traceback" not in outcome.output
    assert len(outcome.output.splitlines()) < 7
    assert outcome.code == 1
    assert files(folder) == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"report.top": [3]}, "config: report.top must be integer, not [3]"),
        ({"data.source": ...}, "config: data lacks source"),
        ({"pathvars": {}}, "config: unknown key pathvars at the top level"),
        ({"models.$(touch pwned)": None}, "config: models.$(touch pwned): there is no such model"),
        ({"models.mlp.learning_rates": ["1e-3"]}, "not '1e-3'; it is text to YAML, write 0.001 without quotes"),
        ({"models.mlp.epochs": 2.0}, "config: models.mlp.epochs is 2.0; it must be an integer"),
        (
            {"models.mlp.batch_sizes": [789]},
            "config: models.mlp: batch size 789 is larger than the training set",
        ),
        ({"experiment": "../../elsewhere"}, "that begins with a letter or digit, not '../../elsewhere'"),
        ({"studies": {"ablation": {"mlp": "best"}}}, "config: studies.ablation.mlp must be object or null, not 'best'"),
        (
            {"models.mlp.axes": {"weigth_decay": [0, 0.1]}},
            "models.mlp.axes: there is no hyper-parameter weigth_decay",
        ),
        # A lone surrogate cannot be printed as it is.
        ({"report.author": "\ud800"}, "config: report.author must be one line without control characters, not '\\ud8"),
    ],
)
def test_a_fault_of_the_config_is_one_sentence(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed(DIGITS, changes)))
    assert_refused(call_snakemake, tmp_path, sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"experiment: a\n\tdata: b\n", "config: config.yaml, line 2: found character '\\t' that cannot start any"),
        (RIGHT + b"seeds: [0, 1]\n", "the key seeds is there twice"),
        (b"experiment: caf\xe9\n", "config: config.yaml is not text in UTF-8 (invalid continuation byte); save it"),
        (b"", "config: config.yaml must hold keys at its top level, as in experiment: cifar10"),
        (None, "config: there is no config.yaml in "),
    ],
)
def test_a_file_that_is_not_a_config_is_named(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "config.yaml").write_bytes(content)
    assert_refused(call_snakemake, tmp_path, sentence)


def test_a_config_that_is_a_folder_is_named(call_snakemake: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()
    assert_refused(call_snakemake, tmp_path, "config: config.yaml cannot be read (Is a directory)")


def test_a_second_file_on_the_command_line_is_checked_as_strictly(
    call_snakemake: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_bytes(RIGHT)
    (tmp_path / "more.yaml").write_text("seeds: [0]\nreport:\n  top: 3\n  top: 4\n")
    assert_refused(
        call_snakemake, tmp_path, "more.yaml, line 4: the key top is there twice", "--configfile", "more.yaml"
    )


# ---- image folders of another shape

CLASS = "train/class 0"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A right folder of images, and the config that asks for it."""
    write_images(tmp_path / "images")
    configure(tmp_path, **CONFIG["data"])
    return tmp_path / "images"


def configure(folder: Path, **data: Any) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"data": data}))


def remove(*names: str) -> Callable[[Path], None]:
    def change(images: Path) -> None:
        for name in names:
            shutil.rmtree(images / name)

    return change


def link(name: str, target: str) -> Callable[[Path], None]:
    return lambda images: (images / name).symlink_to(target)


def replace_by_a_file(images: Path) -> None:
    shutil.rmtree(images)
    images.write_text("")


def replace_by_a_loop(images: Path) -> None:
    shutil.rmtree(images)
    images.symlink_to("images")


def empty(name: str) -> Callable[[Path], None]:
    def change(images: Path) -> None:
        for file in (images / name).rglob("*.png"):
            file.unlink()

    return change


def add_classes_to_the_test_set(images: Path) -> None:
    for name in (b"owl", b"ape $(touch pwned)", b"\xc4\xe3"):
        folder = os.fsencode(images / "test") + b"/" + name
        os.mkdir(folder)  # noqa: PTH102  a Path holds no bytes
        shutil.copy(os.fsencode(images / CLASS / "00.png"), folder + b"/0.png")


# No sentence is quoted up to the word for an image.
SHAPES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no folder": (remove("."), "data.path: images/train is not a folder; it must hold a folder of "),
    "a file": (replace_by_a_file, "data.path: images/train is not a folder"),
    "a link to itself": (replace_by_a_loop, "data.path: images/train "),
    "no test": (remove("test"), "data.path: images/test is not a folder"),
    "no classes": (remove("train/class 0", "train/class 1", "train/class 2"), "data.path: images/train holds no "),
    "empty test": (empty("test"), "data.path: images/test holds no "),
    "one class": (remove("train/class 0", "train/class 2"), " of one class only; a classifier needs two or more"),
    "classes without images": (
        lambda images: [empty(f"train/class {number}")(images) for number in (0, 1)],
        "images/train/class 0, images/train/class 1",
    ),
    "an image of a suffix that is not read": (
        lambda images: (images / CLASS / "00.png").rename(images / CLASS / "00.heic"),
        "data.path: a class folder must hold images (.jpg .jpeg .png .gif .webp .bmp) and nothing else, not even "
        f"folders; move, convert or remove images/{CLASS}/00.heic",
    ),
    "classes of the test set only": (
        add_classes_to_the_test_set,
        "data.path: images/test has classes that images/train has not: ape $(touch pwned), owl, \udcc4\udce3",
    ),
    "a class that links to itself": (
        link("train/loop", "loop"),
        "data.path: images/train/loop cannot be read (Too many levels of symbolic links)",
    ),
    "an image that links to itself": (
        link(f"{CLASS}/loop.png", "loop.png"),
        f"data.path: images/{CLASS}/loop.png cannot be read (Too many levels of symbolic links)",
    ),
    "an image that links to nothing": (
        link(f"{CLASS}/gone.png", "nowhere.png"),
        f"data.path: images/{CLASS}/gone.png is named as a",
    ),
    "a folder named as an image": (
        lambda images: (images / CLASS / "a.png").mkdir(),
        f"data.path: images/{CLASS}/a.png is named as a",
    ),
    "a folder above named as an image": (
        link("test/class 1/up.jpg", ".."),
        "data.path: images/test/class 1/up.jpg is named as a",
    ),
    "a pipe named as an image": (
        lambda images: os.mkfifo(images / CLASS / "a.png"),
        f"data.path: images/{CLASS}/a.png is named as a",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_folder_of_another_shape_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: Path, shape: str
) -> None:
    change, sentence = SHAPES[shape]
    change(images)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SweepError) as caught:
        list_folder(Path("images"))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("shape", ["no folder", "classes of the test set only", "a pipe named as an image"])
def test_snakemake_refuses_such_a_folder_before_any_job(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, images: Path, shape: str
) -> None:
    change, sentence = SHAPES[shape]
    change(images)
    # Bytes that are not UTF-8 are printed as escapes.
    assert_refused(call_snakemake, tmp_path, sentence.encode(errors="backslashreplace").decode())


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("$HOME/images", "data.path: $HOME/images is not replaced here as a shell would; write the path out"),
        ("./~/images", "data.path: ~/images/train is not a folder"),
        ("a" * 300, "aaa/train cannot be read (File name too long)"),
    ],
)
def test_a_path_to_no_images_is_named(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, path: str, sentence: str
) -> None:
    configure(tmp_path, source="folder", path=path, validation_size=12)
    assert_refused(call_snakemake, tmp_path, sentence)


@pytest.mark.parametrize(
    ("validation_size", "sentence"),
    [
        (60, "config: data.validation_size 60 leaves nothing to train on: the training set has 60 "),
        (52, "config: models.mlp: batch size 16 is larger than the training set, which has 8 "),
    ],
)
def test_too_few_images_are_counted(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, images: Path, validation_size: int, sentence: str
) -> None:
    configure(tmp_path, source="folder", path=images.name, validation_size=validation_size)
    assert_refused(call_snakemake, tmp_path, sentence)


# ---- content: the job that reads it says what is wrong


def assert_failed_job(call_snakemake: Callable[..., Outcome], folder: Path) -> str:
    """Run the sweep; it fails at its data and leaves none. The job's log."""
    outcome = call_snakemake(folder)
    assert outcome.code == 1
    assert "results/tiny/logs/prepare_data.log" in outcome.output
    results = folder / "results" / "tiny"
    made = {file.relative_to(results).parts[0] for file in results.rglob("*") if file.is_file()}
    assert made <= {"logs", "asked", "folder_index.json", "sweep.lock"}
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


def ghostscript() -> bytes:
    """A program for Ghostscript, which Pillow would start for a file of this format."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(pwned) (w) file closefile\n%%EOF\n"


def test_images_that_cannot_be_read_are_named_and_never_executed(
    call_snakemake: Callable[..., Outcome], tmp_path: Path, images: Path
) -> None:
    """Every kind of damage is in the unit tests of the source; here is what an attacker would plant."""
    contents = {"a.png": b"", "b.png": decompression_bomb(), "c.png": ghostscript()}
    for name, content in contents.items():
        (images / CLASS / name).write_bytes(content)
    log = assert_failed_job(call_snakemake, tmp_path)
    error = log.splitlines()[-1]
    assert error.startswith("Error: unreadable ")
    assert f"images/{CLASS}/a.png (cannot identify image file " in error
    assert f"images/{CLASS}/b.png (Image size (400000000 pixels) exceeds limit" in error
    assert f"images/{CLASS}/c.png (cannot identify image file " in error
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
        ["CIFAR-10 is not in data and could not be downloaded (", NOT_THERE, "data.source to folder or digits"],
    ),
    "an archive that is another": (
        plant_archive,
        ["data/cifar-10-python.tar.gz is not the CIFAR-10 archive (its checksum is wrong): remove it, or "],
    ),
    "malicious batches": (
        plant_batches,
        [
            "Missing or of another checksum in data/cifar-10-batches-py: data_batch_1, data_batch_2, data_batch_3, ",
            "CIFAR-10 is not in data and could not be downloaded (",
            NOT_THERE,
        ],
    ),
    "a file in its place": (
        lambda data, _trace: data.write_text(""),
        ["data/cifar-10-python.tar.gz cannot be written (data is not a folder): mend that"],
    ),
}


@pytest.mark.parametrize("case", CIFAR10)
def test_cifar10_that_is_not_cifar10_is_refused_and_never_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    caplog.set_level(logging.INFO)
    make, sentences = CIFAR10[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    make(tmp_path / "data", tmp_path / "pwned")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(SweepError) as caught:
        load_source("cifar10", Path("data"))
    for sentence in sentences:
        assert sentence in f"{caplog.text}{caught.value}"
    assert not (tmp_path / "pwned").exists()
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_job_says_that_cifar10_is_missing(call_snakemake: Callable[..., Outcome], tmp_path: Path) -> None:
    configure(tmp_path, source="cifar10", path="data", validation_size=12)
    plant_batches(tmp_path / "data", tmp_path / "pwned")
    log = assert_failed_job(call_snakemake, tmp_path)
    assert "Error: CIFAR-10 is not in data and could not be downloaded (" in log
    assert NOT_THERE in log
    assert not (tmp_path / "pwned").exists()
