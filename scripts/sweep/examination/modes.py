"""What `self.training` does: the same weights with batch normalisation and dropout in the one mode or the other."""

import math
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from sweep.analysis.examined import Mode, Modes
from sweep.models.layers import BatchNorm
from sweep.training.loop import Split, scale

Kind = Literal["evaluation", "batch_norm", "dropout", "training"]
# How often the validation set is answered where dropout makes each answer another one.
PASSES = 5


def is_norm(part: nn.Module) -> bool:
    return isinstance(part, BatchNorm | _BatchNorm)


def is_dropout(part: nn.Module) -> bool:
    """Whether a part of a model is dropout, and of a rate at which it does something."""
    return isinstance(part, _DropoutNd) and part.p > 0


def examine_modes(model: nn.Module, validation: Split, batch_size: int) -> Modes | None:
    """Evaluate the model in float32 on the validation set in each mode. `model` itself stays as it is.

    The images are in as few batches of at most `batch_size` as possible, of nearly the same size, so that each image
    is used and no batch is much smaller than those of the training. Dropout draws from a seeded generator.

    It is None if the validation set is one image alone, which batch normalisation cannot normalise.
    """
    has_norm, has_dropout = (any(map(test, model.modules())) for test in (is_norm, is_dropout))
    if has_norm and len(validation.labels) == 1:
        return None
    kinds: list[Kind] = ["evaluation", "batch_norm", "dropout", "training"]
    if not (has_norm and has_dropout):
        kinds = ["evaluation", "training"]
    rows = []
    for kind in kinds:
        switched = switch(model, kind)
        passes = PASSES if has_dropout and kind in ("dropout", "training") else 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            results = [answer(switched, validation, batch_size) for _ in range(passes)]
        accuracies, losses = zip(*results, strict=True)
        rows.append(Mode(kind, math.fsum(accuracies) / passes, math.fsum(losses) / passes))
    return Modes(len(validation.labels), batch_size, PASSES if has_dropout else 1, rows)


def switch(model: nn.Module, kind: Kind) -> nn.Module:
    """A copy of the model in which the parts that `kind` names, as in `Mode`, are in training mode. Running statistics,
    which move in that mode, are the copy's own."""
    copy = deepcopy(model).train(kind == "training")
    for part in copy.modules():
        if (kind == "batch_norm" and is_norm(part)) or (kind == "dropout" and is_dropout(part)):
            part.train()
    return copy


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
