"""CIFAR-10, read and downloaded by torchvision."""

import socket
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity, download_url, extract_archive

from sweep.data.sources import Dataset, LabelledImages
from sweep.errors import SweepError

DOWNLOAD_TIMEOUT_S = 20


def load(path: Path, log: Callable[[str], None]) -> Dataset:
    """Read CIFAR-10, in its own order, from the archive or the unpacked folder in `path`, or else download it to there.

    torchvision compares each file's checksum with its own list before it unpickles the file, so no foreign code runs.

    Raises:
        SweepError: the archive is damaged, or CIFAR-10 is not in `path` and cannot be downloaded.
    """
    archive = path / CIFAR10.filename
    try:
        if damaged := damaged_files(path):
            log(f"Missing or of another checksum in {path / CIFAR10.base_folder}: {', '.join(damaged)}")
            if not archive.exists():
                log(f"Downloading CIFAR-10 to {path}")
                download(archive)
            elif not check_integrity(str(archive), CIFAR10.tgz_md5):
                raise SweepError(
                    f"{archive} is not the CIFAR-10 archive (its checksum is wrong): "
                    f"remove it, or replace it by {CIFAR10.url}"
                )
            extract_archive(str(archive), str(path))
        train, test = (CIFAR10(path, train=train) for train in (True, False))
    except (OSError, RuntimeError, HTTPException) as error:
        raise SweepError(
            f"CIFAR-10 is not in {path} and could not be downloaded ({error}): put {CIFAR10.filename} from "
            f"{CIFAR10.url} there, or set data.source to folder or digits (make demo needs no download)"
        ) from None
    return Dataset(
        list(train.classes),
        LabelledImages(np.asarray(train.data), np.asarray(train.targets, np.int64)),
        LabelledImages(np.asarray(test.data), np.asarray(test.targets, np.int64)),
    )


def damaged_files(path: Path) -> list[str]:
    """The files of the unpacked data set that are missing in `path` or have another checksum than torchvision lists."""
    files = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    return [name for name, md5 in files if not check_integrity(str(path / CIFAR10.base_folder / name), md5)]


def download(archive: Path) -> None:
    """Download the archive, atomically: an interrupted download leaves no file of its name."""
    # torchvision sets no time limit; without one, a network that drops packets would block the sweep for ever.
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=archive.parent) as folder:
        download_url(CIFAR10.url, folder, archive.name, CIFAR10.tgz_md5)
        Path(folder, archive.name).replace(archive)
