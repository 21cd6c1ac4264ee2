"""How many right answers a model loses when the images are moved by a few pixels."""

from itertools import product

import torch
from torch import Tensor, nn

from sweep.analysis.examined import LOST_DISTANCE, WRONG, Shift
from sweep.training.loop import Split, evaluate

# Right and down are positive.
DIRECTIONS = [step for step in product((-1, 0, 1), repeat=2) if step != (0, 0)]
LARGEST_DISTANCE = 4


def examine_shift(model: nn.Module, test: Split) -> Shift:
    """Evaluate the model, in evaluation mode and float32, with the test set moved by each distance in each of the 8
    directions: along a diagonal by so many pixels both across and down."""
    unmoved = answer_rightly(model, test)
    accuracies, lost = [[accuracy(unmoved)]], torch.zeros(len(unmoved), dtype=torch.int64)
    for distance in range(1, LARGEST_DISTANCE + 1):
        moves = [(distance * right, distance * down) for right, down in DIRECTIONS]
        answers = [answer_rightly(model, Split(move(test.images, *each), test.labels)) for each in moves]
        accuracies.append([accuracy(each) for each in answers])
        if distance == LOST_DISTANCE:
            lost = (~torch.stack(answers)).sum(0)
    marks = [str(count) if right else WRONG for count, right in zip(lost.tolist(), unmoved.tolist(), strict=True)]
    return Shift(accuracies, "".join(marks))


def answer_rightly(model: nn.Module, data: Split) -> Tensor:
    """Which images, (n,) bool, the model has right."""
    return evaluate(model, data, torch.float32).answers.classes == data.labels


def accuracy(right: Tensor) -> float:
    return int(right.sum()) / len(right)


def move(images: Tensor, right: int, down: int) -> Tensor:
    """Images, (n, h, w, c), moved by so many pixels to the right and down. The edges that they leave are repeated."""
    height, width = images.shape[1:3]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return images.index_select(1, rows).index_select(2, columns)
