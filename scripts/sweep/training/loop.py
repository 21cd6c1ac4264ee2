"""One training by the write-up's protocol: epochs of Adam, validation after each, the test set once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweep.grid import Run
from sweep.models import build_model
from sweep.training.optimizer import Adam, next_learning_rate

# What an epoch's row of the history holds.
COLUMNS = ("train_loss", "train_acc", "val_loss", "val_acc", "learning_rate", "seconds")
# Pictures per evaluation step. On a CPU few, since large activations do not fit its cache; on a GPU many, since
# starting a step takes longer than a hundred pictures.
EVALUATION_BATCHES = {"cpu": 100, "cuda": 2000}


class Split(NamedTuple):
    """Pictures (n, 32, 32, 3) uint8 and labels (n,) int64, on one device."""

    images: Tensor
    labels: Tensor


@dataclass
class Outcome:
    """What a training gives: per-epoch columns, and the epoch of the best validation accuracy (the latest of equals).

    `diverged_epoch` is the epoch whose training or validation loss was not finite, or None; the columns end before it.
    `best` and `last` hold one epoch's figures, `best` the test set's too; both are None if the first epoch diverged.
    """

    history: dict[str, list[float]] = field(default_factory=lambda: {column: [] for column in COLUMNS})
    best: dict[str, float] | None = None
    last: dict[str, float] | None = None
    diverged_epoch: int | None = None


def run_seed(run: Run) -> int:
    """The seed of a run's generators, from its seed *and* its configuration, so that no two runs share their noise."""
    digest = sha256(f"{run.model}/{run.name}/seed{run.seed}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def scale(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 pixels v to (v − 128) / 255 in `dtype`; v − 128 is exact in bfloat16 too."""
    return images.to(dtype).sub_(128).div_(255)


def compute(dtype: torch.dtype, device: torch.device) -> torch.autocast:
    """The context of forward passes: bfloat16 is autocast with float32 weights, and float32 is plain."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)


def train_step(
    model: nn.Module, optimizer: Adam, data: Split, indices: Tensor, learning_rate: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """One step on the pictures `indices`, (batch size,) int64, of `data`; its mean loss and its number of right
    answers, still on the device."""
    labels = data.labels.index_select(0, indices)
    with compute(dtype, labels.device):
        logits = model(scale(data.images.index_select(0, indices), dtype))
        loss = F.cross_entropy(logits, labels)
    loss.backward()
    optimizer.step(learning_rate)
    return loss.detach(), (logits.detach().argmax(1) == labels).sum()


def train_epoch(
    model: nn.Module,
    optimizer: Adam,
    data: Split,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
    dtype: torch.dtype,
) -> tuple[float, float]:
    """One pass over the shuffled training set without its incomplete last batch; mean loss and accuracy of its batches,
    in training mode, as the weights move. `dtype` as in `compute`."""
    model.train()
    size = len(data.labels)
    order = torch.randperm(size, generator=generator, device=data.labels.device)
    batches = order[: size // batch_size * batch_size].view(-1, batch_size)
    loss_sum = torch.zeros((), dtype=torch.float64, device=order.device)
    correct = torch.zeros((), dtype=torch.int64, device=order.device)
    for indices in batches:
        loss, hits = train_step(model, optimizer, data, indices, learning_rate, dtype)
        # Summed where they are: reading a value here would make a GPU wait at every step.
        loss_sum += loss
        correct += hits
    return loss_sum.item() / len(batches), correct.item() / batches.numel()


@torch.no_grad()
def evaluate(model: nn.Module, data: Split, dtype: torch.dtype) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over every picture of `data`, in evaluation mode."""
    model.eval()
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.labels.device)
    correct = torch.zeros((), dtype=torch.int64, device=data.labels.device)
    size = EVALUATION_BATCHES[data.labels.device.type]
    for images, labels in zip(data.images.split(size), data.labels.split(size), strict=True):
        with compute(dtype, labels.device):
            logits = model(scale(images, dtype))
            loss_sum += F.cross_entropy(logits, labels, reduction="sum")
        correct += (logits.argmax(1) == labels).sum()
    return loss_sum.item() / len(data.labels), correct.item() / len(data.labels)


def train(run: Run, splits: Mapping[str, Split], classes: int, precision: str, log: Callable[[str], None]) -> Outcome:
    """Train `run` on the device that `splits` (train, validation, test) lie on.

    `precision` is "fp32", or "bf16" for autocast with float32 weights. `log` gets a line an epoch.
    On a CPU the outcome, seconds aside, is bit-identical for the same torch, machine and number of threads.
    """
    device = splits["train"].labels.device
    torch.manual_seed(run_seed(run))
    # Another seed for the shuffles, or they would share their random numbers with weights and dropout.
    generator = torch.Generator(device).manual_seed(run_seed(run) ^ 1)
    model = build_model(run.model, classes, run.dropout_rate).to(device)
    optimizer = Adam(model.parameters())
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    learning_rate = run.learning_rate
    outcome = Outcome()
    best_weights: dict[str, Tensor] = {}

    for epoch in range(run.epochs):
        start = perf_counter()
        train_loss, train_acc = train_epoch(
            model, optimizer, splits["train"], run.batch_size, learning_rate, generator, dtype
        )
        val_loss, val_acc = evaluate(model, splits["validation"], dtype)
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            outcome.diverged_epoch = epoch
            log(f"epoch {epoch}: diverged: training loss {train_loss}, validation loss {val_loss}")
            break
        seconds = perf_counter() - start
        row = (train_loss, train_acc, val_loss, val_acc, learning_rate, seconds)
        outcome.last = dict(zip(COLUMNS, row, strict=True))
        for column, value in outcome.last.items():
            outcome.history[column].append(value)
        log(
            f"epoch {epoch}: training loss {train_loss:.4f}, accuracy {train_acc:.4f}; "
            f"validation loss {val_loss:.4f}, accuracy {val_acc:.4f}; {seconds:.2f} s"
        )
        if outcome.best is None or val_acc >= outcome.best["val_acc"]:
            outcome.best = {"epoch": epoch, "val_loss": val_loss, "val_acc": val_acc}
            best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        learning_rate = next_learning_rate(learning_rate, outcome.history["train_loss"])

    if outcome.best is not None:
        # The write-up's code evaluates the test set at every epoch that is the best so far; the last of them counts.
        model.load_state_dict(best_weights)
        outcome.best["test_loss"], outcome.best["test_acc"] = evaluate(model, splits["test"], dtype)
    return outcome
