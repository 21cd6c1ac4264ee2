"""The studies' variants of the models: what each lacks or changes, against torch's own layers."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sweep.models import build_model, training_mb_per_picture

VARIANTS = {
    "mlp_without_bn": (3072 * 100 + 100) + (100 * 10 + 10),
    # With biases, which batch normalisation would subtract again.
    "cnn_without_bn": (3 * 128 * 5 * 5 + 128) + (128 * 64 * 3 * 3 + 64) + (2304 * 10 + 10),
    "cnn_element_dropout": 3 * 128 * 5 * 5 + 2 * 128 + 128 * 64 * 3 * 3 + 2 * 64 + (2304 * 10 + 10),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_of_its_models_sizes(name: str) -> None:
    model = build_model(name, 10, 0.2)
    assert sum(parameter.numel() for parameter in model.parameters()) == VARIANTS[name]
    assert model(torch.zeros(2, 32, 32, 3)).shape == (2, 10)
    statistics = [key for key in model.state_dict() if "running" in key]
    assert len(statistics) == (4 if name == "cnn_element_dropout" else 0)
    assert training_mb_per_picture(name) >= training_mb_per_picture(name.split("_")[0])


def as_written(model: nn.Module, images: Tensor, dropout: nn.Module | None = None) -> Tensor:
    """The CNN in the protocol's order: convolution – BN, if there is any – ReLU – dropout – max pooling, twice."""
    weights = dict(model.named_parameters())
    kernels = [weights[name] for name in weights if weights[name].dim() == 4]
    biases = [weights.get(f"layers.{layer}.bias") for layer in (0, 4)] if "layers.0.bias" in weights else [None] * 2
    *_, head, head_bias = weights.values()
    x = images.permute(0, 3, 1, 2).contiguous()
    for kernel, bias in zip(kernels, biases, strict=True):
        x = functional.conv2d(x, kernel, bias)
        if bias is None:
            x = functional.batch_norm(x, None, None, training=True)
        x = functional.relu(x)
        x = functional.max_pool2d(dropout(x) if dropout else x, 2)
    return functional.linear(x.flatten(1), head, head_bias)


def test_the_cnn_without_bn_is_the_protocols_layers_without_it() -> None:
    torch.manual_seed(0)
    model, images = build_model("cnn_without_bn", 10, 0.4).double(), torch.randn(3, 32, 32, 3, dtype=torch.float64)
    torch.manual_seed(1)
    ours = model(images)
    torch.manual_seed(1)  # one mask for both
    torch.testing.assert_close(ours, as_written(model, images, nn.Dropout2d(0.4)))
    torch.testing.assert_close(model.eval()(images), as_written(model, images))


def test_the_mlp_without_bn_is_the_protocols_formula_without_it() -> None:
    model = build_model("mlp_without_bn", 10, 0.4).double().eval()
    w1, b1, w2, b2 = model.parameters()
    images = torch.randn(5, 32, 32, 3, dtype=torch.float64)
    torch.testing.assert_close(model(images), (images.reshape(5, 3072) @ w1.T + b1).clamp(min=0) @ w2.T + b2)


def test_without_dropout_both_cnns_are_one_function() -> None:
    torch.manual_seed(0)
    channels = build_model("cnn", 10, 0.0).double()
    torch.manual_seed(0)
    elements = build_model("cnn_element_dropout", 10, 0.0).double()
    images = torch.randn(4, 32, 32, 3, dtype=torch.float64)
    logits = elements(images)
    torch.testing.assert_close(logits, channels(images))
    torch.testing.assert_close(logits, as_written(elements, images))
    # The same running statistics, by the protocol's two momenta.
    torch.testing.assert_close(list(elements.buffers()), list(channels.buffers()))
    torch.testing.assert_close(elements.eval()(images), channels.eval()(images))


def test_element_dropout_drops_single_activations() -> None:
    model = build_model("cnn_element_dropout", 10, 0.5)
    dropped: list[Tensor] = []
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.register_forward_hook(lambda _layer, _given, result: dropped.append(result.detach()))
    model(torch.randn(8, 32, 32, 3))
    assert [tensor.shape[1:] for tensor in dropped] == [(128, 28, 28), (64, 12, 12)]
    for tensor in dropped:
        alive = (tensor != 0).flatten(2).any(2)
        assert alive.all()  # a channel mask would drop half of the channels as a whole
        assert (tensor == 0).float().mean() == pytest.approx(0.75, abs=0.1)  # ReLU's half, and half of the rest
