"""The write-up's CNN: twice (convolution – BN – ReLU – channel dropout – max pooling), then Linear(2304→classes)."""

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sweep.models.layers import EPS, BatchNorm

# Measured from the peak resident memory at batches of 128 and 1024 in float32 on a CPU: 1.5 by default, 1.8 without
# batch normalisation, 2.7 with dropout of elements; the rest is a margin.
TRAINING_MB_PER_PICTURE = {"": 2.0, "batch_norm": 2.3, "dropout_kind": 3.5}

# 8 × 128 channels × 28 × 28 values in float32 are 3.2 MB, for the first block.
IMAGES_IN_CACHE = 8


class MaximaAndMoments(torch.autograd.Function):
    """From x, (n, c, h, w): its 2×2 maxima, and the mean and the unbiased variance of each channel, (c,).

    The moments are float32, or float64 for an x of that. The backward pass writes the gradient into x itself: x must be
    the output of an operation that does not need it for its own gradient, such as a convolution.
    One function for the three, since each pass over x, the largest tensor of a step, takes as long as a fifth of the
    convolution that made it. The gradients: with m values a channel, ∂mean/∂x = 1/m and ∂var/∂x = 2(x − mean)/(m − 1),
    so x gets a constant and a slope a channel, and on top of it each maximum's gradient at the place it came from.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean = torch.zeros(x.shape[1], device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
        var = torch.zeros_like(mean)
        torch.batch_norm_update_stats(x, mean, var, momentum=1.0)
        maxima, places = F.max_pool2d_with_indices(x, [2, 2])
        ctx.save_for_backward(x, places, mean)
        return maxima, mean, var

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        of_maxima, of_mean, of_var = gradients
        x: Tensor
        x, places, mean = ctx.saved_tensors
        values = x.numel() // x.shape[1]
        slope = 2 / (values - 1) * of_var
        constant = of_mean / values - slope * mean
        constant, slope = by_channel(constant, x), by_channel(slope, x)
        # On a CPU a few images at a time, so that they stay in its cache.
        size = IMAGES_IN_CACHE if x.device.type == "cpu" else len(x)
        for part, gradient, place in zip(*(t.split(size) for t in (x, of_maxima, places)), strict=True):
            torch.addcmul(constant, part, slope, out=part)
            part += torch.ops.aten.max_pool2d_with_indices_backward(
                gradient, part, [2, 2], [2, 2], [0, 0], [1, 1], False, place
            )
        return x


def by_channel(values: Tensor, x: Tensor) -> Tensor:
    """`values`, (c,) or (n, c), in the dtype of `x`, (n, c, h, w), and in a shape that broadcasts with it."""
    return values.to(x.dtype)[..., None, None]


class ConvBlock(nn.Module):
    """Convolution without padding – BN – ReLU – channel dropout – 2×2 max pooling: (n, c, h, w) to (n, c', h', w').

    The same function in less work, as most of it runs on the maxima, a quarter of the data:

    - A maximum commutes with whatever rises: ReLU, dropout's factor ≥ 0 for a channel, and batch normalisation if its
      weight γ ≥ 0. For γ < 0, γ·(x − μ)/σ = |γ|·(−x − (−μ))/σ: the convolution's weights take γ's sign.
    - Dropout's factor d ≥ 0 goes into the normalisation: d·relu(a·x + b) = relu(d·a·x + d·b).
    - The convolution has no bias, since batch normalisation subtracts it again with the mean.

    Normalisation and dropout are parts with a `training` of their own, so that one of them alone can be switched.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int, dropout_rate: float) -> None:
        super().__init__()
        # The weights alone, with torch's initialisation.
        self.weight = nn.Conv2d(channels_in, channels_out, kernel_size, bias=False).weight
        self.norm = BatchNorm(channels_out)
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        norm = self.norm
        sign = torch.where(norm.weight < 0, -1.0, 1.0)
        x = F.conv2d(x, self.weight * sign[:, None, None, None])
        if norm.training:
            maxima, mean, unbiased_var = MaximaAndMoments.apply(x)
            norm.update(sign * mean.detach(), unbiased_var.detach())
            values = x.numel() // x.shape[1]
            var = unbiased_var * ((values - 1) / values)
        else:
            maxima, mean, var = F.max_pool2d(x, 2), sign * norm.running_mean, norm.running_var
        slope = norm.weight * sign * torch.rsqrt(var + EPS)
        factor = self.dropout(torch.ones(len(x), len(slope), device=x.device))
        shift = factor * (norm.bias - slope * mean)
        return torch.addcmul(by_channel(shift, x), maxima, by_channel(factor * slope, x)).relu_()


def plain_block(
    channels_in: int, channels_out: int, kernel_size: int, dropout_rate: float, *, batch_norm: bool, dropout_kind: str
) -> nn.Sequential:
    """The layers of a ConvBlock in plain form, with or without batch normalisation and with either kind of dropout:
    (n, c, h, w) to (n, c', h', w')."""
    # The bias would be subtracted again by batch normalisation.
    convolution = nn.Conv2d(channels_in, channels_out, kernel_size, bias=not batch_norm)
    norm = [BatchNorm(channels_out)] if batch_norm else []
    if dropout_kind == "channel":
        # A maximum commutes with ReLU and with a factor ≥ 0 for a channel: both get the maxima, a quarter of the data.
        return nn.Sequential(convolution, *norm, nn.MaxPool2d(2), nn.ReLU(), nn.Dropout2d(dropout_rate))
    # It does not commute with a factor for each of its values, so here the layers are in the protocol's order.
    return nn.Sequential(convolution, *norm, nn.ReLU(inplace=True), nn.Dropout(dropout_rate), nn.MaxPool2d(2))


class Model(nn.Module):
    """Scaled images (n, 32, 32, 3) to logits (n, classes).

    `batch_norm` is whether the convolutions' outputs are normalised. Dropout is of whole channels of an image or, if
    `dropout_kind` is "element", of single activations.
    """

    def __init__(
        self,
        classes: int,
        dropout_rate: float,
        *,
        batch_norm: bool = True,
        dropout_kind: Literal["channel", "element"] = "channel",
    ) -> None:
        super().__init__()
        is_default = batch_norm and dropout_kind == "channel"
        block = ConvBlock if is_default else partial(plain_block, batch_norm=batch_norm, dropout_kind=dropout_kind)
        self.blocks = nn.Sequential(block(3, 128, 5, dropout_rate), block(128, 64, 3, dropout_rate))
        self.head = nn.Linear(64 * 6 * 6, classes)

    def forward(self, images: Tensor) -> Tensor:
        # NHWC seen as NCHW is PyTorch's channels_last format, the fast one for convolutions, without a copy.
        logits: Tensor = self.head(self.blocks(images.permute(0, 3, 1, 2)).flatten(1))
        return logits
