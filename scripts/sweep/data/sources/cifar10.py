"""CIFAR-10, read and downloaded by torchvision."""

import logging
import socket
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity, download_url, extract_archive

from sweep.data.sources import Dataset, LabelledImages
from sweep.errors import SweepError
from sweep.files import replacing

logger = logging.getLogger(__name__)

DOWNLOAD_TIMEOUT_S = 20


def load(path: Path) -> Dataset:
    """Read CIFAR-10, in its own order, from the unpacked folder or the archive in `path`, or else download it to there.

    The archive is unpacked in `path` or, where nothing can be written, in a temporary folder. torchvision compares each
    file's checksum with its own list before it unpickles the file, so no foreign code runs.

    Raises:
        SweepError: a file cannot be read, the archive is another, or there is none in `path` and it cannot be
            downloaded.
    """
    damaged = damaged_files(path)
    if not damaged:
        return read_batches(path)
    logger.info(f"Missing or of another checksum in {path / CIFAR10.base_folder}: {', '.join(damaged)}")
    archive = path / CIFAR10.filename
    if not is_intact(archive, CIFAR10.tgz_md5):
        if archive.exists():
            raise SweepError(
                f"{archive} is not the CIFAR-10 archive (its checksum is wrong): "
                f"remove it, or replace it by {CIFAR10.url}"
            )
        logger.info(f"Downloading CIFAR-10 to {path}")
        download(archive)
    try:
        extract_archive(str(archive), str(path))
    except OSError as error:
        logger.info(f"{archive} cannot be unpacked in its folder ({error}): a temporary folder is used")
    else:
        return read_batches(path)
    try:
        with TemporaryDirectory() as folder:
            extract_archive(str(archive), folder)
            return read_batches(Path(folder))
    except OSError as error:
        raise SweepError(
            f"{archive} cannot be unpacked, neither in its folder nor in a temporary one ({error}): unpack it where "
            "you can write, and set data.path to that folder"
        ) from None


def read_batches(path: Path) -> Dataset:
    """Read the unpacked data set in `path`."""
    train, test = (CIFAR10(path, train=train) for train in (True, False))
    return Dataset(
        list(train.classes),
        LabelledImages(np.asarray(train.data), np.asarray(train.targets, np.int64)),
        LabelledImages(np.asarray(test.data), np.asarray(test.targets, np.int64)),
    )


def damaged_files(path: Path) -> list[str]:
    """The files of the unpacked data set that are missing in `path` or have another checksum than torchvision lists."""
    files = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    return [name for name, md5 in files if not is_intact(path / CIFAR10.base_folder / name, md5)]


def is_intact(file: Path, md5: str) -> bool:
    """Whether there is a file with this checksum. Raises SweepError if that cannot be found out."""
    try:
        file.stat()  # check_integrity takes a file in a folder that must not be read for one that is missing
        return bool(check_integrity(str(file), md5))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise SweepError(f"{file} cannot be read ({error.strerror}): make it readable for you") from None


def download(archive: Path) -> None:
    """Download the archive, atomically: an interrupted download leaves no file of its name.

    Raises:
        SweepError: the archive cannot be downloaded, or cannot be written.
    """
    # torchvision sets no time limit; without one, a network that drops packets would block the sweep for ever.
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    with replacing(archive) as temporary:
        try:
            download_url(CIFAR10.url, str(temporary.parent), temporary.name, CIFAR10.tgz_md5)
        except (OSError, RuntimeError, HTTPException) as error:
            raise SweepError(
                f"CIFAR-10 is not in {archive.parent} and could not be downloaded ({error}): put {archive.name} from "
                f"{CIFAR10.url} there, or set data.source to folder or digits (make demo needs no download)"
            ) from None
