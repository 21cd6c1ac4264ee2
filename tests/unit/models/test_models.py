"""The two models and their variants against the protocol's layers, and the folder of models as their registry."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sweep import models
from sweep.errors import SweepError
from sweep.models import build_model, model_names, training_mb_per_picture
from sweep.models.layers import BatchNorm

# By hand from the protocol: a layer's weights and biases; batch normalisation has a factor and a bias for each channel.
# Convolutions have biases only without it, since it would subtract them again.
KERNELS = 3 * 128 * 5 * 5 + 128 * 64 * 3 * 3
SIZES: list[tuple[str, dict[str, Any], int]] = [
    ("mlp", {}, (3072 * 100 + 100) + 2 * 100 + (100 * 10 + 10)),
    ("mlp", {"batch_norm": False}, (3072 * 100 + 100) + (100 * 10 + 10)),
    ("mlp", {"hidden": 7}, (3072 * 7 + 7) + 2 * 7 + (7 * 10 + 10)),
    ("cnn", {}, KERNELS + 2 * (128 + 64) + (2304 * 10 + 10)),
    ("cnn", {"batch_norm": False}, KERNELS + (128 + 64) + (2304 * 10 + 10)),
    ("cnn", {"dropout_kind": "element"}, KERNELS + 2 * (128 + 64) + (2304 * 10 + 10)),
    ("cnn", {"dropout_kind": "element", "batch_norm": False}, KERNELS + (128 + 64) + (2304 * 10 + 10)),
]


@pytest.mark.parametrize(("name", "axes", "parameters"), SIZES)
def test_layers_are_of_the_protocols_sizes(name: str, axes: dict[str, Any], parameters: int) -> None:
    model = build_model(name, 10, 0.2, **axes)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert model(torch.zeros(2, 32, 32, 3)).shape == (2, 10)
    assert build_model(name, 3, 0.2, **axes)(torch.zeros(2, 32, 32, 3)).shape == (2, 3)
    statistics = [key for key in model.state_dict() if "running" in key]
    assert len(statistics) == (0 if "batch_norm" in axes else {"mlp": 2, "cnn": 4}[name])


def ones_before_the_last_dropout(name: str, features: int, dropout_rate: float) -> nn.Module:
    """A model whose last dropout gets only ones, and whose head passes on what comes out of it."""
    model = build_model(name, features, dropout_rate)
    *_, bn_weight, bn_bias, head_weight, head_bias = model.parameters()
    nn.init.zeros_(bn_weight)
    nn.init.ones_(bn_bias)
    nn.init.eye_(head_weight)
    nn.init.zeros_(head_bias)
    return model


@pytest.mark.parametrize(
    ("name", "channels", "positions", "count"),
    [("mlp", 100, 1, 64), ("cnn", 64, 36, 32)],  # the CNN drops a channel's 6×6 positions together
)
def test_dropout_is_inverted_of_the_right_grain_and_off_in_evaluation(
    name: str, channels: int, positions: int, count: int
) -> None:
    torch.manual_seed(0)
    model = ones_before_the_last_dropout(name, channels * positions, 0.2)
    with torch.no_grad():
        dropped = model(torch.randn(count, 32, 32, 3)).view(count, channels, positions)
        whole = model.eval()(torch.randn(2, 32, 32, 3))
    survivors = dropped != 0
    torch.testing.assert_close(dropped, survivors * 1.25)  # 1 / (1 − 0.2)
    assert (survivors == survivors[:, :, :1]).all()
    # Each image and channel is drawn on its own: the means spread as those of independent draws.
    kept = survivors[:, :, 0].double()
    assert kept.mean() == pytest.approx(0.8, abs=5 * (0.16 / kept.numel()) ** 0.5)
    assert kept.mean(1).var() == pytest.approx(0.16 / channels, rel=0.75)
    assert kept.mean(0).var() == pytest.approx(0.16 / count, rel=0.75)
    torch.testing.assert_close(whole, torch.ones_like(whole), rtol=0, atol=0)


class PlainCNN(nn.Module):
    """The CNN in the protocol's order: convolution – BN – ReLU – Dropout2d – MaxPool, twice."""

    def __init__(self, dropout_rate: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 128, 5),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Dropout2d(dropout_rate),
            nn.MaxPool2d(2),
            nn.Conv2d(128, 64, 3),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Dropout2d(dropout_rate),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2304, 10),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images.permute(0, 3, 1, 2).contiguous())
        return logits


def with_the_same_weights(dropout_rate: float) -> tuple[nn.Module, PlainCNN, list[nn.Parameter], list[nn.Parameter]]:
    """Our CNN and the plain one in float64; the plain one's parameters that ours has, and those that it lacks."""
    torch.manual_seed(0)
    ours, plain = build_model("cnn", 10, dropout_rate).double(), PlainCNN(dropout_rate).double()
    # Factors of both signs: a negative one makes the smallest activation the largest.
    for parameter in ours.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter)
    biases = [conv.bias for conv in plain.layers if isinstance(conv, nn.Conv2d)]
    shared = [parameter for parameter in plain.parameters() if all(parameter is not bias for bias in biases)]
    with torch.no_grad():
        for theirs, parameter in zip(shared, ours.parameters(), strict=True):
            theirs.copy_(parameter)
    return ours, plain, shared, biases


@pytest.mark.parametrize("dropout_rate", [0.0, 0.4])
def test_the_cnns_shortcuts_change_neither_output_nor_gradients_nor_statistics(dropout_rate: float) -> None:
    ours, plain, shared, biases = with_the_same_weights(dropout_rate)
    images = torch.randn(3, 32, 32, 3, dtype=torch.float64)
    towards = torch.randn(3, 10, dtype=torch.float64)
    logits, gradients = [], []
    for model, parameters in ((ours, list(ours.parameters())), (plain, shared + biases)):
        torch.manual_seed(1)  # one channel mask for both
        logits.append(model(images))
        gradients.append(torch.autograd.grad((logits[-1] * towards).sum(), parameters))
    torch.testing.assert_close(logits[0], logits[1])
    torch.testing.assert_close(gradients[0], gradients[1][: len(shared)], rtol=1e-7, atol=1e-9)
    for gradient in gradients[1][len(shared) :]:
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-9)

    norms = [norm for norm in plain.layers if isinstance(norm, nn.BatchNorm2d)]
    for block, norm, bias in zip(ours.blocks, norms, biases, strict=True):
        # One step from 0 with momentum 0.2, and torch's with 0.1; a bias, which ours lacks, moves the mean.
        torch.testing.assert_close(block.norm.running_mean / 0.2 + bias, norm.running_mean / 0.1)
        torch.testing.assert_close(block.norm.running_var, norm.running_var)
        norm.running_mean.copy_(block.norm.running_mean + bias.detach())
    torch.testing.assert_close(ours.eval()(images), plain.eval()(images))


@pytest.mark.parametrize(("norms_train", "dropouts_train"), [(True, False), (False, True), (False, False)])
def test_each_part_of_the_cnn_is_in_a_mode_of_its_own(norms_train: bool, dropouts_train: bool) -> None:
    ours, plain, _, biases = with_the_same_weights(0.4)
    images = torch.randn(3, 32, 32, 3, dtype=torch.float64)
    norms = [module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for block, norm, bias in zip(ours.blocks, norms, biases, strict=True):
            bias.zero_()  # ours lacks it
            norm.running_mean.copy_(block.norm.running_mean.normal_())
            norm.running_var.copy_(block.norm.running_var.uniform_(0.5, 2))
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    for model in (ours.train(), plain.eval()):  # the whole model's mode decides nothing
        for module in model.modules():
            if isinstance(module, BatchNorm | nn.BatchNorm2d):
                module.train(norms_train)
            elif isinstance(module, nn.Dropout | nn.Dropout2d):
                module.train(dropouts_train)
    torch.manual_seed(1)  # one channel mask for both
    found = ours(images)
    torch.manual_seed(1)
    torch.testing.assert_close(found, plain(images))
    moved = {name for name, tensor in ours.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if "running" in name and norms_train}


def test_the_cnns_shortcuts_lose_no_more_in_bf16_than_torchs_layers() -> None:
    ours, plain, shared, _ = with_the_same_weights(0.0)
    images = torch.randint(0, 256, (16, 32, 32, 3)).double().sub(128).div(255)
    labels = torch.arange(16) % 10
    exact = torch.autograd.grad(functional.cross_entropy(plain(images), labels), shared)
    errors = []
    for model, parameters in ((ours, list(ours.parameters())), (plain, shared)):
        model.float()
        with torch.autocast("cpu", torch.bfloat16):
            loss = functional.cross_entropy(model(images.bfloat16()), labels)
        gradients = torch.autograd.grad(loss, parameters)
        pairs = zip(gradients, exact, strict=True)
        errors.append([((gradient - right).norm() / right.norm()).item() for gradient, right in pairs])
    for own, torchs in zip(*errors, strict=True):
        assert 0 < own < 2 * torchs + 0.01


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_mlp_is_the_protocols_formula(batch_norm: bool) -> None:
    torch.manual_seed(0)
    model = build_model("mlp", 10, 0.0, hidden=20, batch_norm=batch_norm).double()
    w1, b1, *norm, w2, b2 = model.parameters()
    images = torch.randn(5, 32, 32, 3, dtype=torch.float64)
    hidden = images.reshape(5, 3072) @ w1.T + b1
    if batch_norm:
        factor, bias = norm
        hidden = (hidden - hidden.mean(0)) / (hidden.var(0, correction=0) + 1e-5).sqrt() * factor + bias
    torch.testing.assert_close(model(images), hidden.clamp(min=0) @ w2.T + b2)


def as_written(model: nn.Module, images: Tensor, dropout: nn.Module) -> Tensor:
    """A plain form of the CNN in the protocol's order: convolution – BN – ReLU – dropout – max pooling, twice."""
    *layers, head, head_bias = model.parameters()
    per_block = len(layers) // 2
    x = images.permute(0, 3, 1, 2)
    for kernel, *others in (layers[:per_block], layers[per_block:]):
        if len(others) == 2:
            x = functional.batch_norm(functional.conv2d(x, kernel), None, None, *others, training=True)
        else:
            x = functional.conv2d(x, kernel, *others)
        x = functional.max_pool2d(dropout(functional.relu(x)), 2)
    return functional.linear(x.flatten(1), head, head_bias)


@pytest.mark.parametrize(
    ("axes", "dropout"),
    [
        ({"batch_norm": False}, nn.Dropout2d(0.4)),
        ({"dropout_kind": "element"}, nn.Dropout(0.4)),
        ({"dropout_kind": "element", "batch_norm": False}, nn.Dropout(0.4)),
    ],
)
def test_a_variant_of_the_cnn_is_the_protocols_layers(axes: dict[str, Any], dropout: nn.Module) -> None:
    torch.manual_seed(0)
    model, images = build_model("cnn", 10, 0.4, **axes).double(), torch.randn(3, 32, 32, 3, dtype=torch.float64)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter)
    torch.manual_seed(1)
    ours = model(images)
    torch.manual_seed(1)  # one mask for both
    torch.testing.assert_close(ours, as_written(model, images, dropout))
    if "batch_norm" in axes:
        torch.testing.assert_close(model.eval()(images), as_written(model, images, nn.Identity()))


def test_without_dropout_both_kinds_are_one_function() -> None:
    torch.manual_seed(0)
    channels = build_model("cnn", 10, 0.0).double()
    torch.manual_seed(0)
    elements = build_model("cnn", 10, 0.0, dropout_kind="element").double()
    images = torch.randn(4, 32, 32, 3, dtype=torch.float64)
    torch.testing.assert_close(elements(images), channels(images))
    # The same running statistics, by the protocol's two momenta.
    torch.testing.assert_close(list(elements.buffers()), list(channels.buffers()))
    torch.testing.assert_close(elements.eval()(images), channels.eval()(images))


def test_a_file_in_the_folder_is_a_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert model_names() == ["cnn", "mlp"]
    (tmp_path / "__init__.py").touch()
    (tmp_path / "zz.py").write_text("raise AssertionError('it was imported')\nTRAINING_MB_PER_PICTURE = 7\n")
    (tmp_path / "yy.py").write_text('TRAINING_MB_PER_PICTURE = {"": 2, "a": 5, "b": 1.5}\n')
    for wrong in ("MB = 7", 'TRAINING_MB_PER_PICTURE = {"a": 5}', 'TRAINING_MB_PER_PICTURE = "much"'):
        (tmp_path / "aa.py").write_text(f"{wrong}\n")
        monkeypatch.setattr(models, "__file__", str(tmp_path / "__init__.py"))
        with pytest.raises(SweepError, match=r"models/aa\.py does not say TRAINING_MB_PER_PICTURE"):
            training_mb_per_picture("aa")
    assert model_names() == ["aa", "yy", "zz"]
    assert training_mb_per_picture("zz") == training_mb_per_picture("zz", ["a"]) == 7.0
    # What takes the most memory counts.
    needs = {(): 2.0, ("b",): 2.0, ("a",): 5.0, ("a", "b"): 5.0, ("c",): 2.0}
    assert {axes: training_mb_per_picture("yy", axes) for axes in needs} == needs


@pytest.mark.parametrize(("name", "activations"), [("mlp", 4 * 100), ("cnn", 128 * 28 * 28 + 64 * 12 * 12)])
def test_memory_for_an_image_covers_what_a_step_must_keep(name: str, activations: int) -> None:
    """At least the image and each layer's output as float32; with less, a scheduler would kill the job."""
    assert training_mb_per_picture(name) >= 4 * (3072 + activations) / 1e6
