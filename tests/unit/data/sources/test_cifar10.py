"""CIFAR-10: what is read from its files, and that damaged or tampered files are neither read nor executed."""

import hashlib
import logging
import os
import pickle
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torchvision.datasets import CIFAR10

from sweep.data.prepared import map_prepared, save_prepared
from sweep.data.sources import cifar10, split_validation
from sweep.errors import SweepError


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: Any, **_keywords: Any) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A tiny archive of CIFAR-10's layout, five batches of 2 images and one of 3, its checksums set."""
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
    file: Path = tmp_path / "data" / CIFAR10.filename
    file.parent.mkdir()
    with tarfile.open(file, "w:gz") as tar:
        tar.add(batches, CIFAR10.base_folder)
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(batches / name)] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [[names[5], md5(batches / names[5])]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(batches / "batches.meta")})
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(file))
    return file


def expected_images(tmp_path: Path, names: list[str]) -> NDArray[np.uint8]:
    """The images of the packed batches, put together channel by channel."""
    found = []
    for name in names:
        for row in pickle.loads((tmp_path / "packing" / CIFAR10.base_folder / name).read_bytes())["data"]:  # noqa: S301
            red, green, blue = (row[start : start + 1024].reshape(32, 32) for start in (0, 1024, 2048))
            found.append(np.dstack([red, green, blue]))
    return np.array(found)


def test_cifar10_is_read_in_its_own_order(archive: Path, tmp_path: Path) -> None:
    dataset = cifar10.load(archive.parent)
    assert dataset.class_names == ["cat", "dog"]
    names = [f"data_batch_{number}" for number in range(1, 6)]
    np.testing.assert_array_equal(dataset.train.images, expected_images(tmp_path, names))
    np.testing.assert_array_equal(dataset.test.images, expected_images(tmp_path, ["test_batch"]))
    assert dataset.train.labels.tolist() == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]
    assert dataset.test.labels.tolist() == [1, 0, 1]
    # Once unpacked, the archive is not needed.
    archive.unlink()
    np.testing.assert_array_equal(cifar10.load(archive.parent).train.images, dataset.train.images)


def test_cifar10_comes_out_of_the_prepared_file_as_it_was(archive: Path, tmp_path: Path) -> None:
    """The array that torchvision gives is a view whose bytes are not in the order of its indices."""
    dataset = cifar10.load(archive.parent)
    manifest = save_prepared(tmp_path / "prepared", "cifar10", dataset.class_names, split_validation(dataset, 4))
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
    cifar10.load(archive.parent)
    archive.unlink()
    trace = tmp_path / "executed"
    (archive.parent / CIFAR10.base_folder / name).write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(SweepError, match="CIFAR-10 is not in"):
        cifar10.load(archive.parent)
    assert not trace.exists()


def test_a_damaged_batch_is_unpacked_anew_from_the_archive(archive: Path, tmp_path: Path) -> None:
    cifar10.load(archive.parent)
    (archive.parent / CIFAR10.base_folder / "data_batch_1").write_bytes(b"")
    dataset = cifar10.load(archive.parent)
    np.testing.assert_array_equal(dataset.train.images[:2], expected_images(tmp_path, ["data_batch_1"]))


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], None]]:
    """Call it to lose the rights of root, who may read and write everything."""
    root = os.geteuid() == 0
    yield lambda: os.seteuid(65534) if root else None
    if root:
        os.seteuid(0)


def test_a_folder_that_must_not_be_written_is_no_reason_to_download(
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    as_nobody: Callable[[], None],
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.chdir(archive.parent)  # the folders above are closed to other users
    archive.parent.chmod(0o555)
    (tmp_path / "space").mkdir()
    (tmp_path / "space").chmod(0o777)
    tmp_path.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", "../space")
    as_nobody()
    dataset = cifar10.load(Path())
    np.testing.assert_array_equal(dataset.test.labels, [1, 0, 1])
    assert "cannot be unpacked in its folder ([Errno 13] Permission denied" in caplog.messages[-1]
    assert list(Path("../space").iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", "..")
    with pytest.raises(SweepError, match=r"neither in its folder nor in a temporary one .*Permission denied"):
        cifar10.load(Path())


@pytest.mark.parametrize("closed", [CIFAR10.base_folder, f"{CIFAR10.base_folder}/data_batch_2", CIFAR10.filename])
def test_a_file_that_must_not_be_read_is_named(
    archive: Path, monkeypatch: pytest.MonkeyPatch, as_nobody: Callable[[], None], closed: str
) -> None:
    monkeypatch.chdir(archive.parent)
    if closed != CIFAR10.filename:
        cifar10.load(Path())
    Path(closed).chmod(0)
    as_nobody()
    with pytest.raises(SweepError, match=rf"{closed}.* cannot be read \(Permission denied\): make it readable for you"):
        cifar10.load(Path())


def test_a_download_into_a_folder_that_must_not_be_written_says_so(
    archive: Path, monkeypatch: pytest.MonkeyPatch, as_nobody: Callable[[], None]
) -> None:
    monkeypatch.chdir(archive.parent)
    archive.unlink()
    archive.parent.chmod(0o555)
    as_nobody()
    with pytest.raises(SweepError, match=rf"^{CIFAR10.filename} cannot be written \(Permission denied\): mend that"):
        cifar10.load(Path())


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
        cifar10.load(archive.parent)
        (archive.parent / CIFAR10.base_folder / "data_batch_1").write_bytes(b"")
    archive.unlink()
    before = sorted(archive.parent.iterdir())
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_args, **_keywords: HalfAResponse())
    with pytest.raises(SweepError, match=r"could not be downloaded .*reset by peer"):
        cifar10.load(archive.parent)
    assert sorted(archive.parent.iterdir()) == before


def test_a_finished_download_is_kept_under_its_name(
    monkeypatch: pytest.MonkeyPatch, archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    content = archive.read_bytes()
    archive.unlink()

    def deliver(_url: str, root: str, filename: str, md5: str) -> None:
        assert md5 == CIFAR10.tgz_md5
        Path(root, filename).write_bytes(content)

    monkeypatch.setattr(cifar10, "download_url", deliver)
    assert len(cifar10.load(archive.parent).train.labels) == 10
    assert caplog.messages[-1] == f"Downloading CIFAR-10 to {archive.parent}"
    assert archive.read_bytes() == content
    assert {path.name for path in archive.parent.iterdir()} == {CIFAR10.filename, CIFAR10.base_folder}
