"""Batch normalisation against its formula, written out in float64."""

import pytest
import torch
from torch import Tensor

from sweep.models.layers import BatchNorm

SHAPES = [(6, 3), (4, 3, 5, 2)]


def by_channel(x: Tensor) -> Tensor:
    """(n, c) or (n, c, h, w) as (c, values)."""
    return x.transpose(0, 1).reshape(x.shape[1], -1)


def normalised(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    shape = (1, -1) + (1,) * (x.dim() - 2)
    mean, var, weight, bias = (values.view(shape) for values in (mean, var, weight, bias))
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def layer_with_random_weights() -> BatchNorm:
    layer = BatchNorm(3).double()
    for parameter in layer.parameters():
        torch.nn.init.uniform_(parameter, -1, 2)
    return layer


@pytest.mark.parametrize("shape", SHAPES)
def test_several_steps_follow_the_protocol(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = layer_with_random_weights()
    running_mean, running_var = torch.zeros(3).double(), torch.ones(3).double()
    for step in range(4):
        x = torch.randn(shape, dtype=torch.float64) * (step + 1) + 3
        values = by_channel(x)
        mean = values.mean(1)
        squares = ((values - mean[:, None]) ** 2).sum(1)
        layer.train()
        expected = normalised(x, mean, squares / values.shape[1], layer.weight, layer.bias)
        torch.testing.assert_close(layer(x), expected)
        # The mean has momentum 0.2; the variance 0.1, and the unbiased estimate.
        running_mean = 0.8 * running_mean + 0.2 * mean
        running_var = 0.9 * running_var + 0.1 * squares / (values.shape[1] - 1)
        layer.eval()
        torch.testing.assert_close(layer(x), normalised(x, running_mean, running_var, layer.weight, layer.bias))
    torch.testing.assert_close(layer.running_mean, running_mean)
    torch.testing.assert_close(layer.running_var, running_var)


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_go_through_the_batchs_own_statistics(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = layer_with_random_weights()
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    towards = torch.randn(shape, dtype=torch.float64)
    inputs = [x, layer.weight, layer.bias]
    values = by_channel(x)
    plain = normalised(x, values.mean(1), values.var(1, correction=0), layer.weight, layer.bias)
    expected = torch.autograd.grad((plain * towards).sum(), inputs)
    actual = torch.autograd.grad((layer(x) * towards).sum(), inputs)
    for ours, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_evaluation_changes_no_statistics_and_they_are_saved_with_the_weights() -> None:
    layer = BatchNorm(3)
    layer(torch.randn(8, 3))
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    assert set(before) == {"weight", "bias", "running_mean", "running_var"}
    layer.eval()(torch.randn(8, 3))
    torch.testing.assert_close(dict(layer.state_dict()), before, rtol=0, atol=0)
