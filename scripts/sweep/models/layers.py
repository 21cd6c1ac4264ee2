"""What models share: the one layer that torch does not have, batch normalisation with two momenta."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPS = 1e-5
MEAN_MOMENTUM = 0.2
VAR_MOMENTUM = 0.1


class BatchNorm(nn.Module):
    """The write-up's batch normalisation, for (n, c) or (n, c, h, w).

    running mean ← 0.8·old + 0.2·new and running variance ← 0.9·old + 0.1·new, where torch's own has one momentum for
    both. As in torch, a batch is normalised by its biased variance and the running variance takes the unbiased one.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=EPS)
        # With momentum 1 the fused kernel leaves this batch's own statistics in the buffers it is given.
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        normalised = F.batch_norm(x, mean, var, self.weight, self.bias, training=True, momentum=1.0, eps=EPS)
        self.update(mean, var)
        return normalised

    def update(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards a batch's mean and unbiased variance, each (c,)."""
        self.running_mean.lerp_(mean, MEAN_MOMENTUM)
        self.running_var.lerp_(var, VAR_MOMENTUM)
