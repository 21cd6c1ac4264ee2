"""Checkpoints: what an interrupted training resumes from. They lie beside the kept records; Snakemake ignores them."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from time import monotonic

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sweep.files import replacing
from sweep.training.loop import Snapshot


class Checkpoint:
    """The checkpoint <key>.safetensors of a run in training. Reading one never executes code from it.

    A checkpoint is used only by a training with the same key and the same `made_with`. `latest` is the newest snapshot,
    which may not be written yet; `interval_s` is the time in seconds between two writes.
    """

    def __init__(self, file: Path, made_with: Mapping[str, str], interval_s: float, log: Callable[[str], None]) -> None:
        self.file = file
        self.made_with = {"key": file.stem, **made_with}
        self.interval_s = interval_s
        self.log = log
        self.latest: Snapshot | None = None
        self.written_at = monotonic()

    def read(self) -> Snapshot | None:
        """Read the stored snapshot; return None if there is none. If it is damaged or does not fit, the log says so and
        None is returned."""
        if not self.file.exists():
            return None
        try:
            with safe_open(self.file, framework="pt") as content:
                metadata = content.metadata()
                tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  not a dict
            facts = metadata["facts"]
            damaged = digest(facts, tensors) != metadata["digest"]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            damaged = True
        if damaged:
            self.log(f"The checkpoint {self.file} is damaged: it is not used, training starts anew")
            return None
        content = json.loads(facts)
        if content["made_with"] != self.made_with:
            self.log(f"The checkpoint {self.file} is not used, training starts anew: made with {content['made_with']}")
            return None
        self.log(f"Going on from the checkpoint {self.file}")
        self.latest = Snapshot(tensors, content["outcome"])
        # A separate copy: training appends to its lists before `latest` may see the new epoch.
        return Snapshot(tensors, deepcopy(content["outcome"]))

    def keep(self, snapshot: Snapshot) -> None:
        """Remember `snapshot` as the latest, and write it if the last write was at least `interval_s` ago."""
        self.latest = snapshot
        if monotonic() - self.written_at >= self.interval_s:
            self.write(snapshot)

    def write(self, snapshot: Snapshot) -> None:
        """Write `snapshot`, atomically."""
        facts = json.dumps({"made_with": self.made_with, "outcome": snapshot.outcome}, allow_nan=False)
        metadata = {"facts": facts, "digest": digest(facts, snapshot.tensors)}
        with replacing(self.file) as temporary:
            save_file(snapshot.tensors, temporary, metadata)
        self.written_at = monotonic()


def digest(facts: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over everything that a checkpoint holds: its facts, and each tensor's name, type, shape and bytes."""
    content = sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        content.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return content.hexdigest()
