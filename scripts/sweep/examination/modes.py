"""What `self.training` does: the same weights with batch normalisation and dropout in the one mode or the other."""

import math
from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from sweep.analysis.examined import Kind, Mode, Modes, Part
from sweep.models.layers import BatchNorm
from sweep.training.loop import Split, scale

# How often the validation set is answered where random numbers, as those of dropout, make each answer another one.
PASSES = 5


def is_norm(part: nn.Module) -> bool:
    """Whether a part of a model is known as batch normalisation."""
    return isinstance(part, BatchNorm | _BatchNorm)


def is_dropout(part: nn.Module) -> bool:
    """Whether a part of a model is known as dropout, and of a rate at which it does something."""
    return isinstance(part, _DropoutNd) and part.p > 0


def examine_modes(model: nn.Module, validation: Split, batch_size: int) -> Modes | None:
    """Evaluate the model in float32 on the validation set in each mode. `model` itself stays as it is.

    The images are in as few batches of at most `batch_size` as possible, of nearly the same size, so that each image
    is used and no batch is much smaller than those of the training. Random numbers are drawn from a seeded generator.

    It is None if the validation set is one image alone, which batch normalisation cannot normalise.
    """
    tests: dict[Part, Callable[[nn.Module], bool]] = {"batch_norm": is_norm, "dropout": is_dropout}
    parts = [part for part, test in tests.items() if any(map(test, model.modules()))]
    if "batch_norm" in parts and len(validation.labels) == 1:
        return None
    kinds: list[Kind] = ["evaluation", *(parts if len(parts) == 2 else []), "training"]
    rows, most = [], 1
    for kind in kinds:
        results = answer_all(switch(model, kind), validation, batch_size)
        accuracies, losses = ([each[place] for each in results] for place in (0, 1))
        loss = math.fsum(losses) / len(results)
        rows.append(Mode(kind, math.fsum(accuracies) / len(results), loss if math.isfinite(loss) else None))
        most = max(most, len(results))
    return Modes(len(validation.labels), batch_size, most, parts, rows)


def switch(model: nn.Module, kind: Kind) -> nn.Module:
    """A copy of the model in which the parts that `kind` names, as in `Mode`, are in training mode. Running statistics,
    which move in that mode, are the copy's own."""
    copy = deepcopy(model).train(kind == "training")
    for part in copy.modules():
        if (kind == "batch_norm" and is_norm(part)) or (kind == "dropout" and is_dropout(part)):
            part.train()
    return copy


def answer_all(model: nn.Module, data: Split, batch_size: int) -> list[tuple[float, float]]:
    """The results of `answer`: of one pass, or of PASSES if random numbers are drawn in it, by whichever part."""
    with torch.random.fork_rng(devices=[]):
        seeded = torch.manual_seed(0).get_state()
        results = [answer(model, data, batch_size)]
        if not torch.equal(torch.get_rng_state(), seeded):
            results += [answer(model, data, batch_size) for _ in range(PASSES - 1)]
    return results


@torch.no_grad()
def answer(model: nn.Module, data: Split, batch_size: int) -> tuple[float, float]:
    """Accuracy and mean loss on all images, with the model in the mode that it is in."""
    correct, loss = 0, 0.0
    parts = math.ceil(len(data.labels) / batch_size)
    if batch_size > 1:
        # At batch size 2 an odd number of images would leave one alone, which has no variance.
        parts = min(parts, max(len(data.labels) // 2, 1))
    for images, labels in zip(data.images.tensor_split(parts), data.labels.tensor_split(parts), strict=True):
        logits: Tensor = model(scale(images, torch.float32))
        correct += int((logits.argmax(1) == labels).sum())
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
    return correct / len(data.labels), loss / len(data.labels)
