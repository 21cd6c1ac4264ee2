"""GPUs: whether this machine has any, and which job takes which; without torch, which takes seconds to load."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

# Slots belong to the machine: two sweeps on it share its cards, two machines share nothing.
SLOTS = Path(tempfile.gettempdir(), f"sweep-gpu-slots-{os.getuid()}")
POLL_S = 0.5


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU that jobs may see."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    seen_from_wsl = Path("/dev/dxg").exists() and shutil.which("nvidia-smi") is not None
    return seen_from_wsl or any(Path("/dev").glob("nvidia[0-9]*"))


@contextmanager
def gpu_slot(
    cards: Sequence[str], jobs_per_gpu: int, log: Callable[[str], None], folder: Path = SLOTS
) -> Iterator[int]:
    """Hold one of the `jobs_per_gpu` slots of one of the `cards`, and yield the card's position in `cards`. Empty cards
    are taken before shared ones; if all slots are taken, wait for one.

    All jobs of the machine must use the same names for its cards. A slot is a file that its holder has locked: the
    operating system frees it when the process ends, even if it is killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    slots = [
        (FileLock(folder / f"{card}.{slot}.lock"), position)
        for slot in range(jobs_per_gpu)
        for position, card in enumerate(cards)
    ]
    waiting = False
    while True:
        for lock, position in slots:
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
            try:
                yield position
            finally:
                lock.release()
            return
        if not waiting:
            log(f"All {len(slots)} GPU slots are taken: waiting for one")
            waiting = True
        time.sleep(POLL_S)
