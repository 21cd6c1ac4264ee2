"""One training by the write-up's protocol: epochs of Adam, validation after each, the test set once."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn
from torch.nn import functional as F

from sweep.grid import Run, Value
from sweep.models import build_model
from sweep.training.optimizer import Adam, next_learning_rate

logger = logging.getLogger(__name__)

# What an epoch's row of the history holds.
COLUMNS = ("train_loss", "train_acc", "val_loss", "val_acc", "learning_rate", "seconds")
# Images per evaluation step. On a CPU few, since large activations do not fit its cache; on a GPU many, since
# starting a step takes longer than computing a hundred images.
EVALUATION_BATCHES = {"cpu": 100, "cuda": 2000}


class Split(NamedTuple):
    """Images (n, 32, 32, 3) uint8 and labels (n,) int64, on one device."""

    images: Tensor
    labels: Tensor


class Answers(NamedTuple):
    """What a model says of each of n images, in their order."""

    classes: Tensor  # (n,) the most likely class; uint8, or int16 if there are more than 256 classes
    probabilities: Tensor  # (n,) float32, that of this class
    losses: Tensor  # (n,) float32, the cross-entropy: −log of the right class's probability


class Evaluation(NamedTuple):
    """Mean cross-entropy and accuracy over the images of a split, and the answers that they are the means of."""

    loss: float
    accuracy: float
    answers: Answers


@dataclass
class Outcome:
    """What a training gives: per-epoch columns, and the epoch of the best validation accuracy (the latest of equals).

    `diverged_epoch` is the epoch whose training or validation loss was not finite, or None; the columns end before it.
    `best` and `last` hold one epoch's metrics, `best` the test set's too; both are None if the first epoch diverged.
    `resumed_epochs` are those before which training was interrupted and resumed.
    """

    history: dict[str, list[float]] = field(default_factory=lambda: {column: [] for column in COLUMNS})
    best: dict[str, float | None] | None = None
    last: dict[str, float] | None = None
    diverged_epoch: int | None = None
    resumed_epochs: list[int] = field(default_factory=list)


class Snapshot(NamedTuple):
    """All that a training resumes from after an epoch: tensors on the CPU by name, and the outcome's fields so far.

    The tensors are those of `Training.changing_tensors`; "best.<name>", the state of the model at its best epoch;
    "shuffles" and "dropout", the states of the two generators; and "validation.<field>", the last epoch's Answers. The
    final snapshot of `train` also has "test.<field>", the Answers at the best epoch. Resuming needs no answers.
    """

    tensors: dict[str, Tensor]
    outcome: dict[str, Any]


def run_seed(run: Run) -> int:
    """The seed of a run's generators, from its seed *and* its configuration, so that no two runs share their noise."""
    digest = sha256(f"{run.model}/{run.name}/seed{run.seed}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def scale(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 pixels v to (v − 128) / 255 in `dtype`; v − 128 is exact in bfloat16 too."""
    return images.to(dtype).sub_(128).div_(255)


def autocast(dtype: torch.dtype, device: torch.device) -> torch.autocast:
    """The context of forward passes: bfloat16 is autocast with float32 weights, and float32 is plain."""
    return torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16)


def train_step(
    model: nn.Module,
    optimizer: Adam,
    data: Split,
    indices: Tensor,
    learning_rate: float,
    dtype: torch.dtype,
    label_smoothing: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """One step on the images `indices`, (batch size,) int64, of `data`; its mean loss and its number of right answers,
    still on the device. `label_smoothing` as in torch's cross_entropy."""
    labels = data.labels.index_select(0, indices)
    with autocast(dtype, labels.device):
        logits = model(scale(data.images.index_select(0, indices), dtype))
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
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
    label_smoothing: float = 0.0,
) -> tuple[float, float]:
    """One pass over the shuffled training set without its incomplete last batch; mean loss and accuracy of its batches,
    in training mode, as the weights change. `dtype` as in `autocast`, `label_smoothing` as in `train_step`."""
    model.train()
    size = len(data.labels)
    order = torch.randperm(size, generator=generator, device=data.labels.device)
    batches = order[: size // batch_size * batch_size].view(-1, batch_size)
    loss_sum = torch.zeros((), dtype=torch.float64, device=order.device)
    correct = torch.zeros((), dtype=torch.int64, device=order.device)
    for indices in batches:
        loss, hits = train_step(model, optimizer, data, indices, learning_rate, dtype, label_smoothing)
        # Summed on the device: reading a value here would make a GPU wait at every step.
        loss_sum += loss
        correct += hits
    return loss_sum.item() / len(batches), correct.item() / batches.numel()


@torch.no_grad()
def evaluate(model: nn.Module, data: Split, dtype: torch.dtype) -> Evaluation:
    """Evaluate `model` on every image of `data`, in evaluation mode. The answers stay on the device of `data`."""
    model.eval()
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.labels.device)
    correct = torch.zeros((), dtype=torch.int64, device=data.labels.device)
    answers = []
    size = EVALUATION_BATCHES[data.labels.device.type]
    for images, labels in zip(data.images.split(size), data.labels.split(size), strict=True):
        with autocast(dtype, labels.device):
            logits = model(scale(images, dtype))
            loss_sum += F.cross_entropy(logits, labels, reduction="sum")
        classes = logits.argmax(1)
        correct += (classes == labels).sum()
        answers.append(collect_answers(logits, classes, labels))
    joined = Answers(*map(torch.cat, zip(*answers, strict=True)))
    return Evaluation(loss_sum.item() / len(data.labels), correct.item() / len(data.labels), joined)


def collect_answers(logits: Tensor, classes: Tensor, labels: Tensor) -> Answers:
    """The answers of a batch: `logits` (n, classes), and the most likely and the right classes, both (n,) int64."""
    logarithms = logits.float().log_softmax(1)
    of_classes, of_labels = (logarithms.gather(1, each[:, None]).squeeze(1) for each in (classes, labels))
    small = torch.uint8 if logits.shape[1] <= 256 else torch.int16
    return Answers(classes.to(small), of_classes.exp(), -of_labels)


class Training:
    """A run's model with all that changes as it is trained, `outcome` included.

    The keyword-only arguments that have a default are hyper-parameters that any run may have as axes: `weight_decay` as
    in `Adam`, and `label_smoothing`, the share of each label that is spread evenly over all classes, in the training
    loss alone. All others are for the model.
    On a CPU the course of a training is bit-identical for the same torch, machine and number of threads, interrupted or
    not.
    """

    def __init__(
        self,
        run: Run,
        classes: int,
        device: torch.device,
        /,
        *,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
        label_smoothing: Annotated[float, Interval(ge=0, lt=1)] = 0.0,
        **of_model: Value,
    ) -> None:
        torch.manual_seed(run_seed(run))
        self.model = build_model(run.model, classes, run.dropout_rate, **of_model).to(device)
        self.optimizer = Adam(self.model.parameters(), weight_decay)
        self.label_smoothing = label_smoothing
        # Another seed for the shuffles, or they would share their random numbers with weights and dropout.
        self.shuffles = torch.Generator(device).manual_seed(run_seed(run) ^ 1)
        self.dropout = torch.cuda.default_generators[device.index] if device.type == "cuda" else torch.default_generator
        self.best_weights: dict[str, Tensor] = {}
        self.answers: dict[str, Tensor] = {}
        self.outcome = Outcome()

    def changing_tensors(self) -> dict[str, Tensor]:
        """The tensors that an epoch changes; all parameters are in the optimiser's one vector."""
        return {**self.optimizer.changing_tensors(), **dict(self.model.named_buffers(prefix="model"))}

    def take_snapshot(self) -> Snapshot:
        tensors = {name: tensor.to("cpu", copy=True) for name, tensor in self.changing_tensors().items()}
        # Best weights and answers are replaced, never changed: a copy on the CPU is only made of those on a GPU.
        tensors |= {f"best.{name}": tensor.cpu() for name, tensor in self.best_weights.items()}
        tensors |= {name: tensor.cpu() for name, tensor in self.answers.items()}
        tensors |= {"shuffles": self.shuffles.get_state(), "dropout": self.dropout.get_state()}
        return Snapshot(tensors, asdict(self.outcome))

    def resume(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot of the same run, with any number of epochs, on the same kind of device."""
        tensors = snapshot.tensors
        for name, tensor in self.changing_tensors().items():
            tensor.copy_(tensors[name])
        device = self.optimizer.weights.device
        self.best_weights = {
            name.removeprefix("best."): tensor.to(device)
            for name, tensor in tensors.items()
            if name.startswith("best.")
        }
        self.answers = {name: tensor for name, tensor in tensors.items() if name.startswith("validation.")}
        self.shuffles.set_state(tensors["shuffles"])
        self.dropout.set_state(tensors["dropout"])
        self.outcome = Outcome(**snapshot.outcome)
        self.outcome.resumed_epochs.append(len(self.outcome.history["train_loss"]))


def train(
    run: Run,
    splits: Mapping[str, Split],
    classes: int,
    precision: str,
    keep: Callable[[Snapshot], None],
    snapshot: Snapshot | None = None,
) -> tuple[Outcome, Snapshot | None]:
    """Train `run` on the device that `splits` (train, validation, test) lie on, from the start or from a `snapshot`;
    return the outcome and the final snapshot.

    The `snapshot` has no more epochs than the run; if it has as many, only the test set is evaluated. `precision` is
    "fp32", or "bf16" for autocast with float32 weights. After each epoch `keep` gets what training could resume from.
    The final snapshot is that of the last epoch, or of the one before a diverged epoch, with the answers to the test
    set as well; it is None if no epoch was finished.
    """
    axes: dict[str, Any] = dict(run.axes)
    training = Training(run, classes, splits["train"].labels.device, **axes)
    final = None
    if snapshot is not None:
        training.resume(snapshot)
        final = training.take_snapshot()
    model, outcome = training.model, training.outcome
    history = outcome.history
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]

    for epoch in range(len(history["train_loss"]), run.epochs):
        start = perf_counter()
        learning_rate = (
            next_learning_rate(history["learning_rate"][-1], history["train_loss"]) if epoch else run.learning_rate
        )
        train_loss, train_acc = train_epoch(
            model,
            training.optimizer,
            splits["train"],
            run.batch_size,
            learning_rate,
            training.shuffles,
            dtype,
            training.label_smoothing,
        )
        val_loss, val_acc, answers = evaluate(model, splits["validation"], dtype)
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            outcome.diverged_epoch = epoch
            logger.info(f"epoch {epoch}: diverged: training loss {train_loss}, validation loss {val_loss}")
            break
        seconds = perf_counter() - start
        row = (train_loss, train_acc, val_loss, val_acc, learning_rate, seconds)
        outcome.last = dict(zip(COLUMNS, row, strict=True))
        for column, value in outcome.last.items():
            history[column].append(value)
        if val_acc == max(history["val_acc"]):
            outcome.best = {"epoch": epoch, "val_loss": val_loss, "val_acc": val_acc}
            training.best_weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        training.answers = {f"validation.{name}": tensor for name, tensor in answers._asdict().items()}
        final = training.take_snapshot()
        keep(final)
        logger.info(
            f"epoch {epoch}: training loss {train_loss:.4f}, accuracy {train_acc:.4f}; "
            f"validation loss {val_loss:.4f}, accuracy {val_acc:.4f}; {seconds:.2f} s"
        )

    if final is None or outcome.best is None:
        return outcome, None
    # The write-up's code evaluates the test set at every epoch that is the best so far; the last of them counts.
    model.load_state_dict(training.best_weights)
    test_loss, test_acc, answers = evaluate(model, splits["test"], dtype)
    if not math.isfinite(test_loss):
        logger.info(f"The test loss is {test_loss} at epoch {outcome.best['epoch']}: it is left out")
    outcome.best |= {"test_loss": test_loss if math.isfinite(test_loss) else None, "test_acc": test_acc}
    tested = {f"test.{name}": tensor.cpu() for name, tensor in answers._asdict().items()}
    return outcome, final._replace(tensors=final.tensors | tested)
