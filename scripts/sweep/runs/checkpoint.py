"""What an interrupted training goes on from: a file beside the kept records that Snakemake does not know."""

import json
from collections.abc import Callable, Mapping
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
    """The file <key>.safetensors of a run in training. Loading one executes nothing from it.

    `made_with` is what a snapshot must agree in with the training that goes on from it, beside the key.
    """

    def __init__(self, file: Path, made_with: Mapping[str, str], interval_s: float, log: Callable[[str], None]) -> None:
        self.file = file
        self.made_with = {"key": file.stem, **made_with}
        self.interval_s = interval_s
        self.log = log
        self.latest: Snapshot | None = None
        self.written_at = monotonic()

    def read(self) -> Snapshot | None:
        """The snapshot that is there and fits; None, said aloud where there is one that is damaged or does not fit."""
        if not self.file.exists():
            return None
        try:
            with safe_open(self.file, framework="pt") as content:
                facts = content.metadata()
                tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118  it is no dict
            damaged = digest(facts["facts"], tensors) != facts["digest"]
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            damaged = True
        if damaged:
            self.log(f"The checkpoint {self.file} is damaged: it is not used, training starts anew")
            return None
        known = json.loads(facts["facts"])
        if known["made_with"] != self.made_with:
            self.log(f"The checkpoint {self.file} is not used, training starts anew: made with {known['made_with']}")
            return None
        self.log(f"Going on from the checkpoint {self.file}")
        self.latest = Snapshot(tensors, known["outcome"])
        # Lists of its own: training appends to them before it has the tensors that belong to the new epoch.
        return Snapshot(tensors, json.loads(facts["facts"])["outcome"])

    def keep(self, snapshot: Snapshot) -> None:
        """Hold `snapshot` ready, and write it where the last one was written `interval_s` ago or earlier."""
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
    """SHA-256 over all that a checkpoint holds."""
    content = sha256(facts.encode())
    for name, tensor in sorted(tensors.items()):
        content.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return content.hexdigest()
