"""Where pictures come from: digits, folders and CIFAR-10's files, and what is said when they are not right."""

import hashlib
import os
import pickle
import re
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from torchvision.datasets import CIFAR10

from sweep.data.prepared import map_prepared, save_prepared
from sweep.data.sources import Labelled, Pictures, cifar10, load_source, split_validation, train_size
from sweep.data.sources.listing import folder_fingerprint
from sweep.errors import SweepError


def quiet(_line: str) -> None:
    """A log that nobody reads."""


def test_validation_is_the_end_of_the_training_set() -> None:
    def numbered(size: int) -> Labelled:
        return Labelled(np.arange(size, dtype=np.uint8).repeat(3072).reshape(size, 32, 32, 3), np.arange(size) + 100)

    arrays = split_validation(Pictures(["a"], numbered(7), numbered(2)), 3)
    for split, expected in {"train": [0, 1, 2, 3], "validation": [4, 5, 6], "test": [0, 1]}.items():
        assert arrays[f"{split}_images"][:, 0, 0, 0].tolist() == expected
        assert (arrays[f"{split}_labels"] - 100).tolist() == expected


# ---- digits


def test_digits_are_split_evenly_over_their_classes_and_none_is_lost() -> None:
    pictures = load_source("digits", Path("nowhere"), quiet)
    assert pictures.class_names == [str(digit) for digit in range(10)]
    originals = load_digits()
    assert len(pictures.train.labels) == train_size("digits", Path("nowhere")) == 800
    labels = np.concatenate([pictures.train.labels, pictures.test.labels])
    assert np.bincount(labels).tolist() == np.bincount(originals.target).tolist()
    shares = np.bincount(pictures.train.labels) / np.bincount(originals.target)
    assert np.abs(shares - 800 / 1797).max() < 0.01
    # The order is mixed: a validation set cut off the end must hold all classes too.
    assert np.bincount(pictures.train.labels[-100:], minlength=10).min() > 0


def test_digits_are_grey_pictures_of_the_full_range() -> None:
    pictures = load_source("digits", Path("nowhere"), quiet)
    for part in (pictures.train, pictures.test):
        assert part.images.shape == (len(part.labels), 32, 32, 3)
        assert (part.images.dtype, part.labels.dtype) == (np.uint8, np.int64)
        assert (part.images[..., :1] == part.images).all()
        assert part.images.min() == 0
        assert part.images.max() > 240
    # A digit's mean brightness survives the enlargement: so picture and label belong together as in scikit-learn.
    originals = load_digits()
    for digit in range(10):
        expected = originals.images[originals.target == digit].mean() / 16 * 255
        both = [part.images[part.labels == digit] for part in (pictures.train, pictures.test)]
        assert np.concatenate(both).mean() == pytest.approx(expected, abs=1.5)


# ---- folder


def save(file: Path, pixels: NDArray[np.uint8]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)
    return file


def flat(value: int) -> NDArray[np.uint8]:
    return np.full((32, 32, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """12 pictures of two classes to train, 4 to test; the red of each says which it is."""
    for split, count in (("train", 6), ("test", 2)):
        for start, name in ((0, "cat"), (100, "dog")):
            for number in range(count):
                save(tmp_path / "pictures" / split / name / f"{number}.png", flat(start + number))
    return tmp_path / "pictures"


def test_a_folders_training_set_is_shuffled_once_and_for_all_and_its_test_set_is_not(folder: Path) -> None:
    first, again = (load_source("folder", folder, quiet) for _ in range(2))
    assert first.class_names == ["cat", "dog"]
    for part, start in ((first.train, 6), (first.test, 2)):
        reds = part.images[:, 0, 0, 0].tolist()
        assert sorted(reds) == [*range(start), *range(100, 100 + start)]
        assert part.labels.tolist() == [int(red >= 100) for red in reds]
    assert first.test.labels.tolist() == [0, 0, 1, 1]
    assert first.train.labels.tolist() != sorted(first.train.labels.tolist())
    np.testing.assert_array_equal(first.train.images, again.train.images)
    assert train_size("folder", folder) == 12


def test_hidden_files_and_other_files_are_not_read(folder: Path) -> None:
    test = folder / "test" / "dog"
    save(test / "2.PNG", flat(102))
    (test / ".hidden.png").write_text("not a picture")
    (test / "notes.txt").write_text("not a picture")
    (folder / "test" / ".cache").mkdir()
    save(folder / "test" / ".cache" / "x.png", flat(0))
    (folder / "test" / "parent").symlink_to("..")  # leads round, but holds no pictures of its own
    part = load_source("folder", folder, quiet).test
    assert part.images[:, 0, 0, 0].tolist() == [0, 1, 100, 101, 102]
    assert part.labels.tolist() == [0, 0, 1, 1, 1]


def test_unreadable_pictures_are_all_named(folder: Path) -> None:
    (folder / "train" / "cat" / "text.png").write_text("not a picture")
    cut = folder / "test" / "dog" / "1.png"
    cut.write_bytes(cut.read_bytes()[:60])
    with pytest.raises(SweepError, match="unreadable pictures") as caught:
        load_source("folder", folder, quiet)
    assert "text.png" in str(caught.value)
    assert str(cut) in str(caught.value)
    assert str(folder / "train" / "cat" / "0.png") not in str(caught.value)


def test_of_many_unreadable_pictures_ten_are_named_and_the_rest_counted(folder: Path) -> None:
    for number in range(13):
        (folder / "train" / "cat" / f"bad{number}.png").touch()
    with pytest.raises(SweepError, match=r" and 3 more$") as caught:
        load_source("folder", folder, quiet)
    assert str(caught.value).count(".png (") == 10


@pytest.mark.parametrize("closed", ["train", "train/cat", "test/dog", "train/cat/3.png"])
@pytest.mark.parametrize("planned", [True, False])
def test_what_must_not_be_read_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, closed: str, planned: bool
) -> None:
    (folder / closed).chmod(0)
    # From inside, as the folders above are closed to others; root may read all, so it goes on as nobody.
    monkeypatch.chdir(folder)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(SweepError) as caught:
            if planned:
                folder_fingerprint(Path(), Path("cache.json"))
            else:
                load_source("folder", Path(), quiet)
    finally:
        if root:
            os.seteuid(0)
        (folder / closed).chmod(0o700)
    assert re.search(rf"{closed} (cannot be read )?\(.*Permission denied", str(caught.value))


# ---- the fingerprint of a folder


def later(file: Path) -> None:
    """Give a file another time, as an edit or a touch does."""
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def flip_a_byte(folder: Path) -> None:
    file = folder / "test" / "dog" / "1.png"
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    later(file)


CHANGES: dict[str, Callable[[Path], Any]] = {
    "an edit that keeps the size": flip_a_byte,
    "another name": lambda folder: (folder / "train" / "cat" / "0.png").rename(folder / "train" / "cat" / "00.png"),
    "another class": lambda folder: (folder / "train" / "cat" / "5.png").rename(folder / "train" / "dog" / "6.png"),
    "a picture more": lambda folder: save(folder / "train" / "cat" / "9.png", flat(9)),
    "a picture less": lambda folder: (folder / "test" / "cat" / "1.png").unlink(),
    "two pictures swapped": lambda folder: [
        (folder / "train" / old).rename(folder / "train" / new)
        for old, new in [("cat/0.png", "x"), ("dog/0.png", "cat/0.png"), ("x", "dog/0.png")]
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_sees(folder: Path, tmp_path: Path, change: str) -> None:
    before = folder_fingerprint(folder, tmp_path / "cache.json")
    CHANGES[change](folder)
    after = folder_fingerprint(folder, tmp_path / "cache.json")
    assert after != before
    assert after == folder_fingerprint(folder, tmp_path / "new cache.json")


def test_the_fingerprint_does_not_see_what_changes_no_picture(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "new" / "cache.json"
    before = folder_fingerprint(folder, cache)
    for file in folder.rglob("*.png"):
        later(file)
    (folder / "train" / "cat" / "notes.txt").write_text("x")
    (folder / "train" / "cat" / ".hidden.png").write_text("x")
    assert folder_fingerprint(folder, cache) == before
    cache.write_text('{"half a ')
    assert folder_fingerprint(folder, cache) == before
    folder.rename(tmp_path / "moved")
    assert folder_fingerprint(tmp_path / "moved", cache) == before


def test_names_in_another_encoding_do_no_harm(folder: Path, tmp_path: Path) -> None:
    """Archives packed on another system leave names that are not UTF-8."""
    name = os.fsencode(folder / "train" / "cat") + b"/\xc4\xe3.png"
    try:
        with open(name, "wb") as file:  # noqa: PTH123  a Path holds no bytes
            file.write((folder / "train" / "cat" / "0.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert len(load_source("folder", folder, quiet).train.labels) == 13
    with_it = folder_fingerprint(folder, tmp_path / "cache.json")
    assert with_it == folder_fingerprint(folder, tmp_path / "cache.json")
    os.remove(name)  # noqa: PTH107
    assert folder_fingerprint(folder, tmp_path / "cache.json") != with_it


# ---- CIFAR-10


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_keywords: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A tiny archive of CIFAR-10's layout (five batches of 2, one of 3), whose checksums torchvision is told."""
    rng = np.random.default_rng(0)
    batches = tmp_path / "packing" / CIFAR10.base_folder
    batches.mkdir(parents=True)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for position, name in enumerate(names):
        size = 3 if name == "test_batch" else 2
        # As in CIFAR-10: a row is 1024 reds, 1024 greens, 1024 blues, each by lines from the top left.
        rows = rng.integers(0, 256, (size, 3072), dtype=np.uint8)
        batch = {"data": rows, "labels": [(position + offset) % 2 for offset in range(size)]}
        (batches / name).write_bytes(pickle.dumps(batch))
    (batches / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat", "dog"]}))
    file = tmp_path / "data" / CIFAR10.filename
    file.parent.mkdir()
    with tarfile.open(file, "w:gz") as tar:
        tar.add(batches, CIFAR10.base_folder)
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(batches / name)] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [[names[5], md5(batches / names[5])]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(batches / "batches.meta")})
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(file))
    return file


def expected_images(tmp_path: Path, names: list[str]) -> NDArray[np.uint8]:
    """The pictures of the packed batches, channel by channel."""
    pictures = []
    for name in names:
        for row in pickle.loads((tmp_path / "packing" / CIFAR10.base_folder / name).read_bytes())["data"]:  # noqa: S301
            red, green, blue = (row[start : start + 1024].reshape(32, 32) for start in (0, 1024, 2048))
            pictures.append(np.dstack([red, green, blue]))
    return np.array(pictures)


def test_cifar10_is_read_in_its_own_order(archive: Path, tmp_path: Path) -> None:
    pictures = load_source("cifar10", archive.parent, quiet)
    assert pictures.class_names == ["cat", "dog"]
    names = [f"data_batch_{number}" for number in range(1, 6)]
    np.testing.assert_array_equal(pictures.train.images, expected_images(tmp_path, names))
    np.testing.assert_array_equal(pictures.test.images, expected_images(tmp_path, ["test_batch"]))
    assert pictures.train.labels.tolist() == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]
    assert pictures.test.labels.tolist() == [1, 0, 1]
    # Once unpacked, the archive is not needed.
    archive.unlink()
    np.testing.assert_array_equal(load_source("cifar10", archive.parent, quiet).train.images, pictures.train.images)


def test_cifar10_comes_out_of_the_prepared_file_as_it_was(archive: Path, tmp_path: Path) -> None:
    """The array that torchvision gives is a view whose bytes are not in the order of its indices."""
    pictures = load_source("cifar10", archive.parent, quiet)
    manifest = save_prepared(tmp_path / "prepared", "cifar10", pictures.class_names, split_validation(pictures, 4))
    tensors = map_prepared(tmp_path / "prepared", manifest)
    names = [f"data_batch_{number}" for number in range(1, 6)]
    np.testing.assert_array_equal(tensors["train_images"].numpy(), expected_images(tmp_path, names)[:6])
    np.testing.assert_array_equal(tensors["validation_images"].numpy(), expected_images(tmp_path, names)[6:])


class Malicious:
    """An object whose unpickling makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_tampered_batch_is_never_unpickled(archive: Path, tmp_path: Path, name: str) -> None:
    load_source("cifar10", archive.parent, quiet)
    archive.unlink()
    trace = tmp_path / "executed"
    (archive.parent / CIFAR10.base_folder / name).write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(SweepError, match="CIFAR-10 is not in"):
        load_source("cifar10", archive.parent, quiet)
    assert not trace.exists()


def test_a_damaged_batch_is_unpacked_anew_from_the_archive(archive: Path, tmp_path: Path) -> None:
    load_source("cifar10", archive.parent, quiet)
    (archive.parent / CIFAR10.base_folder / "data_batch_1").write_bytes(b"")
    pictures = load_source("cifar10", archive.parent, quiet)
    np.testing.assert_array_equal(pictures.train.images[:2], expected_images(tmp_path, ["data_batch_1"]))


class HalfAResponse:
    """A server's answer that breaks off."""

    url = CIFAR10.url
    length = 100

    def __init__(self) -> None:
        self.chunks = [b"half"]

    def __enter__(self) -> "HalfAResponse":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, _size: int) -> bytes:
        if self.chunks:
            return self.chunks.pop()
        raise ConnectionResetError("reset by peer")


@pytest.mark.parametrize("unpacked", [False, True])
def test_an_interrupted_download_leaves_no_archive(
    monkeypatch: pytest.MonkeyPatch, archive: Path, unpacked: bool
) -> None:
    if unpacked:  # and damaged, so that it must be fetched again
        load_source("cifar10", archive.parent, quiet)
        (archive.parent / CIFAR10.base_folder / "data_batch_1").write_bytes(b"")
    archive.unlink()
    before = sorted(archive.parent.iterdir())
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_args, **_keywords: HalfAResponse())
    with pytest.raises(SweepError, match=r"could not be downloaded .*reset by peer"):
        load_source("cifar10", archive.parent, quiet)
    assert sorted(archive.parent.iterdir()) == before


def test_a_finished_download_is_kept_under_its_name(monkeypatch: pytest.MonkeyPatch, archive: Path) -> None:
    content = archive.read_bytes()
    archive.unlink()

    def deliver(_url: str, root: str, filename: str, md5: str) -> None:
        assert md5 == CIFAR10.tgz_md5
        Path(root, filename).write_bytes(content)

    monkeypatch.setattr(cifar10, "download_url", deliver)
    lines: list[str] = []
    assert len(load_source("cifar10", archive.parent, lines.append).train.labels) == 10
    assert lines[-1] == f"Downloading CIFAR-10 to {archive.parent}"
    assert archive.read_bytes() == content
    assert {path.name for path in archive.parent.iterdir()} == {CIFAR10.filename, CIFAR10.base_folder}
