"""Checkpoints: what an interrupted training resumes from. They lie beside the kept records; Snakemake ignores them."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from time import monotonic

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sweep.errors import SweepError
from sweep.files import replacing
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
        fault = ""
        try:
            with safe_open(self.file, framework="pt") as content:
                metadata = content.metadata()
                tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  not a dict
            facts = metadata["facts"]
            if digest(facts, tensors) != metadata["digest"]:
                fault = "is damaged"
        except FileNotFoundError:
            return None
        except PermissionError:
            fault = "is not readable for you"
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            fault = "is damaged"
        if fault:
            logger.info(f"The checkpoint {self.file} {fault}: it is not used, training starts anew")
            return None
        content = json.loads(facts)
        if content["made_with"] != self.made_with:
            logger.info(
                f"The checkpoint {self.file} is not used, training starts anew: made with {content['made_with']}"
            )
            return None
        if (stored := len(content["outcome"]["history"]["train_loss"])) > epochs:
            logger.info(f"The checkpoint {self.file} is not used, training starts anew: it has {stored} epochs already")
            self.is_of_longer_run = True
            return None
        logger.info(f"Going on from the checkpoint {self.file}")
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
        facts = json.dumps({"made_with": self.made_with, "outcome": snapshot.outcome}, allow_nan=False)
        metadata = {"facts": facts, "digest": digest(facts, snapshot.tensors)}
        self.written_at = monotonic()
        try:
            with replacing(self.file) as temporary:
                save_file(snapshot.tensors, temporary, metadata)
        except SweepError as error:
            logger.info(f"No checkpoint of this epoch, which is no fault of the training: {error}")
            return False
        return True

    def remove(self) -> None:
        """Remove the file after the training. It may stay if it is somebody else's."""
        if not self.is_of_longer_run:
            with suppress(OSError):
                self.file.unlink(missing_ok=True)


def digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over everything that a checkpoint holds: its facts, and each tensor's name, type, shape and bytes."""
    content = sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        content.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return content.hexdigest()
