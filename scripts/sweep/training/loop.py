"""One training by the write-up's protocol: epochs of Adam, validation after each, the test set once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import Any, NamedTuple

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
    `resumed_epochs` are those before which training was interrupted and taken up again.
    """

    history: dict[str, list[float]] = field(default_factory=lambda: {column: [] for column in COLUMNS})
    best: dict[str, float | None] | None = None
    last: dict[str, float] | None = None
    diverged_epoch: int | None = None
    resumed_epochs: list[int] = field(default_factory=list)


class Snapshot(NamedTuple):
    """All that training goes on from after an epoch: tensors on the CPU by name, and the outcome's fields so far."""

    tensors: dict[str, Tensor]
    outcome: dict[str, Any]


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


class Training:
    """A run's model with all that changes as it is trained, `outcome` included.

    On a CPU its course is bit-identical for the same torch, machine and number of threads, interrupted or not.
    """

    def __init__(self, run: Run, classes: int, device: torch.device) -> None:
        torch.manual_seed(run_seed(run))
        self.model = build_model(run.model, classes, run.dropout_rate).to(device)
        self.optimizer = Adam(self.model.parameters())
        # Another seed for the shuffles, or they would share their random numbers with weights and dropout.
        self.shuffles = torch.Generator(device).manual_seed(run_seed(run) ^ 1)
        self.dropout = torch.cuda.default_generators[device.index] if device.type == "cuda" else torch.default_generator
        self.best_weights: dict[str, Tensor] = {}
        self.outcome = Outcome()

    def moving(self) -> dict[str, Tensor]:
        """The tensors that an epoch changes; all parameters are in the optimiser's one vector."""
        return {**self.optimizer.state(), **dict(self.model.named_buffers(prefix="model"))}

    def snapshot(self) -> Snapshot:
        tensors = {name: tensor.to("cpu", copy=True) for name, tensor in self.moving().items()}
        # The best weights are replaced, never changed: a copy on the CPU is only made of those on a GPU.
        tensors |= {f"best.{name}": tensor.cpu() for name, tensor in self.best_weights.items()}
        tensors |= {"shuffles": self.shuffles.get_state(), "dropout": self.dropout.get_state()}
        return Snapshot(tensors, asdict(self.outcome))

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of the same run on the same kind of device."""
        tensors = snapshot.tensors
        for name, tensor in self.moving().items():
            tensor.copy_(tensors[name])
        device = self.optimizer.weights.device
        self.best_weights = {
            name.removeprefix("best."): tensor.to(device)
            for name, tensor in tensors.items()
            if name.startswith("best.")
        }
        self.shuffles.set_state(tensors["shuffles"])
        self.dropout.set_state(tensors["dropout"])
        self.outcome = Outcome(**snapshot.outcome)
        self.outcome.resumed_epochs.append(len(self.outcome.history["train_loss"]))


def train(
    run: Run,
    splits: Mapping[str, Split],
    classes: int,
    precision: str,
    log: Callable[[str], None],
    keep: Callable[[Snapshot], None],
    snapshot: Snapshot | None = None,
) -> Outcome:
    """Train `run` on the device that `splits` (train, validation, test) lie on, from the start or from a `snapshot`.

    `precision` is "fp32", or "bf16" for autocast with float32 weights. After each epoch `log` gets a line, and `keep`
    what training could go on from.
    """
    training = Training(run, classes, splits["train"].labels.device)
    if snapshot is not None:
        training.resume(snapshot)
    model, outcome = training.model, training.outcome
    history = outcome.history
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]

    for epoch in range(len(history["train_loss"]), run.epochs):
        start = perf_counter()
        learning_rate = (
            next_learning_rate(history["learning_rate"][-1], history["train_loss"]) if epoch else run.learning_rate
        )
        train_loss, train_acc = train_epoch(
            model, training.optimizer, splits["train"], run.batch_size, learning_rate, training.shuffles, dtype
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
            history[column].append(value)
        if val_acc == max(history["val_acc"]):
            outcome.best = {"epoch": epoch, "val_loss": val_loss, "val_acc": val_acc}
            training.best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        keep(training.snapshot())
        log(
            f"epoch {epoch}: training loss {train_loss:.4f}, accuracy {train_acc:.4f}; "
            f"validation loss {val_loss:.4f}, accuracy {val_acc:.4f}; {seconds:.2f} s"
        )

    if outcome.best is not None:
        # The write-up's code evaluates the test set at every epoch that is the best so far; the last of them counts.
        model.load_state_dict(training.best_weights)
        test_loss, test_acc = evaluate(model, splits["test"], dtype)
        if not math.isfinite(test_loss):
            log(f"The test loss is {test_loss} at epoch {outcome.best['epoch']}: it is left out")
        outcome.best |= {"test_loss": test_loss if math.isfinite(test_loss) else None, "test_acc": test_acc}
    return outcome
