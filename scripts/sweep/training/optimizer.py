"""Adam, and the write-up's rule for the learning rate."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with torch's defaults, on all parameters as one flat vector.

    It is here since constructing `torch.optim.Adam` imports the compiler stack, which takes longer than a short run's
    training, and since one vector takes a handful of kernels a step however many parameters there are.
    The parameters become views of the vector: build the optimiser after moving the model to its device.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        parameters = list(parameters)
        self.weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.gradients = torch.zeros_like(self.weights)
        self.mean = torch.zeros_like(self.weights)
        self.mean_square = torch.zeros_like(self.weights)
        self.steps = 0
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, weights, gradients in zip(
            parameters, self.weights.split(sizes), self.gradients.split(sizes), strict=True
        ):
            parameter.data = weights.view_as(parameter)
            parameter.grad = gradients.view_as(parameter)

    def step(self, learning_rate: float) -> None:
        """Move the parameters by their gradients, then clear these."""
        self.steps += 1
        self.mean.lerp_(self.gradients, 1 - BETA1)
        self.mean_square.mul_(BETA2).addcmul_(self.gradients, self.gradients, value=1 - BETA2)
        # The two bias corrections: 1/(1 − β₂ᵗ) under the root, 1/(1 − β₁ᵗ) in the step's size.
        denominator = self.mean_square.sqrt().mul_((1 - BETA2**self.steps) ** -0.5).add_(EPS)
        # A rate that float32 cannot hold diverges like the largest one that it can.
        step_size = min(learning_rate / (1 - BETA1**self.steps), torch.finfo(torch.float32).max)
        self.weights.addcdiv_(self.mean, denominator, value=-step_size)
        self.gradients.zero_()


def next_learning_rate(learning_rate: float, train_losses: Sequence[float]) -> float:
    """The rate after an epoch: times 0.9995 if its mean training loss, the last of `train_losses`, is above the largest
    of the three before it; never within the first three epochs (the write-up's code)."""
    *_, a, b, c, last = [float("inf")] * 3 + list(train_losses)
    return learning_rate * 0.9995 if last > max(a, b, c) else learning_rate
