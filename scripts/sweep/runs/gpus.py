"""GPUs: whether there are any (torch takes seconds to say so, the operating system none), and who takes which."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

# A slot is this machine's, not the sweep's: two sweeps share its cards, and two machines do not share their slots.
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
    """Hold one of the `jobs_per_gpu` slots of one of the `cards`, and yield its position in `cards`; wait for one where
    all are taken. Empty cards are taken before shared ones.

    `cards` are names that are the same for all jobs of the machine. A slot is a file that its holder has locked: the
    operating system frees it when the process ends, however it ends.
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
