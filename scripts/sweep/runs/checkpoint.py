"""Checkpoints: what an interrupted training resumes from. They lie beside the kept records; Snakemake ignores them."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from numpy.typing import NDArray

from sweep.errors import SweepError
from sweep.runs.tensors import read_tensors, write_tensors
from sweep.training.loop import Snapshot

logger = logging.getLogger(__name__)


class Checkpoint:
    """The checkpoint <series>.safetensors of a run in training. Reading one never executes code from it.

    A checkpoint is used only by a training of the same series with the same `made_with`. `latest` is the newest
    snapshot, which may not be written yet; `interval_s` is the time in seconds between two writes. One of a longer run
    that was interrupted stays as it is; the shorter one then has none.
    """

    def __init__(self, file: Path, made_with: Mapping[str, str], interval_s: float) -> None:
        self.file = file
        self.made_with = {"series": file.stem, **made_with}
        self.interval_s = interval_s
        self.latest: Snapshot | None = None
        self.is_of_longer_run = False
        self.written_at = monotonic()

    def read(self, epochs: int) -> Snapshot | None:
        """Read the stored snapshot for a run of so many epochs; return None if there is none. If it cannot be read, is
        damaged, does not fit or has more epochs, the log says so and None is returned."""
        try:
            content, arrays, _ = read_tensors(self.file)
        except FileNotFoundError:
            return None
        except SweepError as error:
            logger.info(f"The checkpoint {error}: it is not used")
            return None
        if content["made_with"] != self.made_with:
            logger.info(f"The checkpoint {self.file} is not used: made with {content['made_with']}")
            return None
        if (stored := len(content["outcome"]["history"]["train_loss"])) > epochs:
            logger.info(f"The checkpoint {self.file} is not used: it has {stored} epochs already")
            self.is_of_longer_run = True
            return None
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.latest = Snapshot(tensors, content["outcome"])
        # A separate copy: training appends to its lists before `latest` may see the new epoch.
        return Snapshot(tensors, deepcopy(content["outcome"]))

    def keep(self, snapshot: Snapshot) -> None:
        """Remember `snapshot` as the latest, and write it if the last write was at least `interval_s` ago."""
        self.latest = snapshot
        if monotonic() - self.written_at >= self.interval_s:
            self.write(snapshot)

    def write(self, snapshot: Snapshot) -> bool:
        """Write `snapshot`, atomically, and return whether that succeeded. If not, the log says so: it is no reason to
        end a training, and the next snapshot may find space again."""
        if self.is_of_longer_run:
            return False
        facts = {"made_with": self.made_with, "outcome": snapshot.outcome}
        self.written_at = monotonic()
        try:
            write_tensors(self.file, facts, as_arrays(snapshot.tensors))
        except SweepError as error:
            logger.info(f"No checkpoint of this epoch, which is no fault of the training: {error}")
            return False
        return True

    def remove(self) -> None:
        """Remove the file after the training. It may stay if it is somebody else's."""
        if not self.is_of_longer_run:
            with suppress(OSError):
                self.file.unlink(missing_ok=True)


def as_arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    """Tensors on the CPU as arrays. NumPy has no bfloat16, of which a model's buffer may be; float32 holds its
    values."""
    return {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy() for name, tensor in tensors.items()
    }
