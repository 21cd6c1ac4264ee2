"""GPUs: whether this machine has any, and which job takes which; without torch, which takes seconds to load."""

import logging
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from sweep.errors import SweepError
from sweep.runs.locks import take_lock

logger = logging.getLogger(__name__)

POLL_S = 0.5


def listed_gpus() -> list[str] | None:
    """The GPUs in CUDA_VISIBLE_DEVICES, by number or UUID; None if it is not set, so that all are visible.

    As CUDA reads it, the list ends before the first entry that is neither, such as -1, none, void or NoDevFiles.
    """
    text = os.environ.get("CUDA_VISIBLE_DEVICES")
    if text is None:
        return None
    entries = (entry.strip() for entry in text.split(","))
    return list(takewhile(re.compile(r"\+?[0-9]|GPU-|MIG-").match, entries))


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU that jobs may see."""
    if listed_gpus() == []:
        return False
    seen_from_wsl = Path("/dev/dxg").exists() and shutil.which("nvidia-smi") is not None
    return seen_from_wsl or any(Path("/dev").glob("nvidia[0-9]*"))


def slots_folder() -> Path:
    """The folder of this user's GPU slots, made if it is missing. Slots belong to the machine: two sweeps on it share
    its cards, two machines share nothing.

    Raises:
        SweepError: the folder cannot be made or, as anybody may make one there, could be changed by somebody else.
    """
    try:
        folder = Path(tempfile.gettempdir(), f"sweep-gpu-slots-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise SweepError(
            f"no folder for locks on GPUs can be made ({error}): set TMPDIR to a folder on this machine that you can "
            "write to, the same for all jobs"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise SweepError(
            f"{folder} is not a folder that is yours alone (user {found.st_uid}, mode {stat.filemode(found.st_mode)}), "
            "so locks on GPUs in it cannot be trusted: remove it while nothing trains, or set TMPDIR to another folder "
            "on this machine, the same for all jobs"
        )
    folder.chmod(0o700)  # it may be older, and readable for others
    return folder


@contextmanager
def gpu_slot(cards: Sequence[str], jobs_per_gpu: int, folder: Path | None = None) -> Iterator[int]:
    """Hold one of the `jobs_per_gpu` slots of one of the `cards`, and yield the card's position in `cards`. Empty cards
    are taken before shared ones; if all slots are taken, wait for one.

    All jobs of the machine must use the same names for its cards. A slot is a file in `folder`, by default that of
    `slots_folder`, which its holder has locked: the operating system frees it when the process ends, even if it is
    killed.

    Raises:
        SweepError: the slots cannot be locked.
    """
    folder = folder or slots_folder()
    slots = [
        (folder / f"{card}.{slot}.lock", position)
        for slot in range(jobs_per_gpu)
        for position, card in enumerate(cards)
    ]
    waiting = False
    while True:
        for file, position in slots:
            lock = take_lock(file)
            if lock is None:
                continue
            try:
                yield position
            finally:
                lock.release()
            return
        if not waiting:
            logger.info(f"All {len(slots)} GPU slots are taken: waiting for one")
            waiting = True
        time.sleep(POLL_S)
