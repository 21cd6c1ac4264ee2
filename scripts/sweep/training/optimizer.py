"""Adam, and the write-up's rule for the learning rate."""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1) with torch's defaults, on all parameters as one flat vector.

    It is torch's own fused kernel, one a step however many parameters there are. `torch.optim.Adam` would call the same
    kernel, but constructing it imports the compiler stack, which takes longer than a short run's training.
    The parameters become views of the vector: build the optimiser after moving the model to its device.

    `weight_decay` is that of torch.optim.Adam, an L2 penalty: `weight_decay` times a parameter is added to its
    gradient, for all parameters, those of batch normalisation and biases included. It is not AdamW's, which shrinks the
    parameters themselves.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], weight_decay: float = 0.0) -> None:
        parameters = list(parameters)
        self.weight_decay = weight_decay
        self.weights = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self.gradients = torch.zeros_like(self.weights)
        self.mean = torch.zeros_like(self.weights)
        self.mean_square = torch.zeros_like(self.weights)
        self.steps = torch.zeros((), device=self.weights.device)
        sizes = [parameter.numel() for parameter in parameters]
        for parameter, weights, gradients in zip(
            parameters, self.weights.split(sizes), self.gradients.split(sizes), strict=True
        ):
            parameter.data = weights.view_as(parameter)
            parameter.grad = gradients.view_as(parameter)

    def changing_tensors(self) -> dict[str, torch.Tensor]:
        """The tensors that a step changes, by name; `weights` are the parameters themselves."""
        return {"weights": self.weights, "mean": self.mean, "mean_square": self.mean_square, "steps": self.steps}

    def step(self, learning_rate: float) -> None:
        """Move the parameters by their gradients, then clear these."""
        self.steps += 1
        torch._fused_adam_(
            [self.weights],
            [self.gradients],
            [self.mean],
            [self.mean_square],
            [],
            [self.steps],
            lr=learning_rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=self.weight_decay,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )
        self.gradients.zero_()


def next_learning_rate(learning_rate: float, train_losses: Sequence[float]) -> float:
    """The rate after an epoch: times 0.9995 if its mean training loss, the last of `train_losses`, is above the largest
    of the three before it; never within the first three epochs (the write-up's code)."""
    *_, a, b, c, last = [float("inf")] * 3 + list(train_losses)
    return learning_rate * 0.9995 if last > max(a, b, c) else learning_rate
