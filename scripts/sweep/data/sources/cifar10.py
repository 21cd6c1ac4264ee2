"""CIFAR-10 as torchvision has it."""

import socket
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import check_integrity, download_url, extract_archive

from sweep.data.sources import Labelled, Pictures
from sweep.errors import SweepError

DOWNLOAD_TIMEOUT_S = 20


def load(path: Path, log: Callable[[str], None]) -> Pictures:
    """CIFAR-10 in its own order, from `path` (the archive or the unpacked folder) or else downloaded to there.

    torchvision compares the checksum of every file with its own list before it unpickles anything.
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
    return Pictures(
        list(train.classes),
        Labelled(np.asarray(train.data), np.asarray(train.targets, np.int64)),
        Labelled(np.asarray(test.data), np.asarray(test.targets, np.int64)),
    )


def damaged_files(path: Path) -> list[str]:
    """Which files of the unpacked data set are not in `path` with the checksums that torchvision lists."""
    files = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
    return [name for name, md5 in files if not check_integrity(str(path / CIFAR10.base_folder / name), md5)]


def download(archive: Path) -> None:
    """Fetch the archive; an interrupted download leaves nothing behind under its name."""
    # torchvision sets no time limit, and a network that swallows packets would hold the sweep for ever.
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    archive.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=archive.parent) as folder:
        download_url(CIFAR10.url, folder, archive.name, CIFAR10.tgz_md5)
        Path(folder, archive.name).replace(archive)
