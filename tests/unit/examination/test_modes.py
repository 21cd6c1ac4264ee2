"""The modes of `self.training` against torch's own layers, switched by hand."""

import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from examined_example import examination
from sweep.analysis.examined import Examination, Modes
from sweep.examination.modes import examine_modes
from sweep.models import build_model
from sweep.models.layers import BatchNorm
from sweep.training.loop import Split

torch.manual_seed(0)
DATA = Split(torch.randint(0, 256, (23, 32, 32, 3), dtype=torch.uint8), torch.randint(0, 5, (23,)))
# 23 images in batches of at most 8.
BATCHES = [slice(0, 8), slice(8, 16), slice(16, 23)]


def modes_of(model: nn.Module, validation: Split, batch_size: int) -> Modes:
    found = examine_modes(model, validation, batch_size)
    assert found is not None
    return found


class ToChannelsFirst(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.permute(0, 3, 1, 2)


def torch_form(name: str, dropout_rate: float) -> nn.Sequential:
    """A model of the protocol in torch's layers."""
    if name == "mlp":
        layers = [nn.Flatten(), nn.Linear(3072, 100), nn.BatchNorm1d(100), nn.ReLU(), nn.Dropout(dropout_rate)]
        return nn.Sequential(*layers, nn.Linear(100, 5))
    blocks: list[nn.Module] = []
    for channels_in, channels_out, kernel_size in ((3, 128, 5), (128, 64, 3)):
        blocks.append(nn.Conv2d(channels_in, channels_out, kernel_size, bias=False))
        blocks += [nn.BatchNorm2d(channels_out), nn.ReLU(), nn.Dropout2d(dropout_rate), nn.MaxPool2d(2)]
    return nn.Sequential(ToChannelsFirst(), *blocks, nn.Flatten(), nn.Linear(2304, 5))


def pair(name: str, dropout_rate: float) -> tuple[nn.Module, nn.Sequential]:
    """A model and its form in torch's layers, in evaluation mode, with the same random weights and statistics."""
    torch.manual_seed(1)
    ours, plain = build_model(name, 5, dropout_rate).eval(), torch_form(name, dropout_rate).eval()
    for parameter in ours.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 0.5)
    for part in ours.modules():
        if isinstance(part, BatchNorm):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    state = dict(plain.state_dict())
    names = [each for each in state if "num_batches" not in each]
    plain.load_state_dict({**state, **dict(zip(names, ours.state_dict().values(), strict=True))})
    return ours, plain


def by_hand(plain: nn.Sequential, norms_train: bool, dropouts_train: bool, passes: int) -> tuple[float, float]:
    plain = deepcopy(plain)  # in training mode its statistics move
    for part in plain:
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.train(norms_train)
        elif isinstance(part, nn.Dropout | nn.Dropout2d):
            part.train(dropouts_train)
    torch.manual_seed(0)
    correct, losses = 0, []
    with torch.no_grad():
        for _ in range(passes):
            logits = torch.cat([plain((DATA.images[batch].float() - 128) / 255) for batch in BATCHES])
            correct += int((logits.argmax(1) == DATA.labels).sum())
            losses.append(functional.cross_entropy(logits, DATA.labels).item())
    return correct / 23 / passes, math.fsum(losses) / passes


def kinds(modes: Modes) -> list[str]:
    return [row.kind for row in modes.rows]


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_each_mode_switches_the_parts_that_it_says_and_leaves_the_model_alone(name: str) -> None:
    ours, plain = pair(name, 0.5)
    before = {key: tensor.clone() for key, tensor in ours.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    found, found_of_torchs = modes_of(ours, DATA, 8), modes_of(plain, DATA, 8)
    assert torch.equal(torch.rand(1), expected), "the random numbers of others have changed"
    assert all(torch.equal(tensor, before[key]) for key, tensor in ours.state_dict().items())
    assert not any(part.training for part in ours.modules())
    for modes in (found, found_of_torchs):
        assert (modes.images, modes.batch_size, modes.passes) == (23, 8, 5)
        assert kinds(modes) == ["evaluation", "batch_norm", "dropout", "training"]
        of_parts = [(False, False, 1), (True, False, 1), (False, True, 5), (True, True, 5)]
        for row, (norms, dropouts, passes) in zip(modes.rows, of_parts, strict=True):
            assert (row.accuracy, row.loss) == pytest.approx(by_hand(plain, norms, dropouts, passes), rel=1e-4)
    assert len({row.loss for row in found.rows}) == 4


@pytest.mark.parametrize(
    ("name", "dropout_rate", "batch_norm", "passes"),
    [
        ("mlp", 0.0, True, 1),
        ("cnn", 0.0, True, 1),
        ("mlp", 0.5, False, 5),
        ("cnn", 0.5, False, 5),
        ("mlp", 0.0, False, 1),
    ],
)
def test_a_model_with_only_one_of_the_two_has_no_rows_in_between(
    name: str, dropout_rate: float, batch_norm: bool, passes: int
) -> None:
    torch.manual_seed(0)
    model = build_model(name, 5, dropout_rate, batch_norm=batch_norm).eval()
    found = modes_of(model, DATA, 8)
    assert kinds(found) == ["evaluation", "training"]
    assert found.passes == passes
    evaluated, trained = found.rows
    assert (evaluated.loss == trained.loss) == (dropout_rate == 0 and not batch_norm)


class Own(nn.Module):
    """Normalisation and dropout that are written anew, and not known as such."""

    def __init__(self, rate: float, normalises: bool = False) -> None:
        super().__init__()
        self.rate, self.normalises = rate, normalises

    def forward(self, x: Tensor) -> Tensor:
        if self.normalises and self.training:
            x = x - x.mean(0)
        return functional.dropout(x, self.rate, self.training)


@pytest.mark.parametrize(
    ("layers", "parts", "passes"),
    [
        ([Own(0.5)], [], [1, 5]),
        ([Own(0.0, normalises=True)], [], [1, 1]),
        ([nn.BatchNorm1d(5), Own(0.5)], ["batch_norm"], [1, 5]),
        ([Own(0.0, normalises=True), nn.Dropout(0.5)], ["dropout"], [1, 5]),
        ([nn.BatchNorm1d(5), nn.Dropout(0.5), Own(0.5)], ["batch_norm", "dropout"], [1, 1, 5, 5]),
    ],
)
def test_layers_of_a_models_own_count_though_they_are_not_known(
    layers: list[nn.Module], parts: list[str], passes: list[int]
) -> None:
    made: list[tuple[bool, ...]] = []

    class Witness(nn.Flatten):
        def forward(self, images: Tensor) -> Tensor:
            made.append(tuple(layer.training for layer in layers))
            return super().forward(images)

    model = nn.Sequential(Witness(), nn.Linear(3072, 5), *layers).eval()
    found = modes_of(model, DATA, 8)
    assert (found.parts, found.passes) == (parts, max(passes))
    assert len(made) == sum(passes) * len(BATCHES)
    assert len(found.rows) == len(passes)
    assert found.rows[0].loss != found.rows[-1].loss


def test_a_loss_that_is_not_finite_is_none(tmp_path: Path) -> None:
    class Overflows(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flatten(1)[:, :5] * (math.inf if self.training else 1)

    found = modes_of(Overflows().eval(), DATA, 8)
    assert [row.loss is None for row in found.rows] == [False, True]
    made = replace(examination(), modes=found)
    made.write(tmp_path / "mlp.json")
    assert Examination.read(tmp_path / "mlp.json") == made


def test_no_batch_is_of_one_image_unless_those_of_the_training_were() -> None:
    sizes: list[int] = []

    class Witness(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            sizes.append(len(images))
            return images.flatten(1)[:, :5]

    for batch_size, expected in ((8, [8, 8, 7]), (100, [23]), (2, [2] * 10 + [3]), (1, [1] * 23), (22, [12, 11])):
        sizes.clear()
        modes_of(Witness(), DATA, batch_size)
        assert sorted(sizes) == sorted(expected * 2)
    model = build_model("mlp", 5, 0.5).eval()
    assert examine_modes(model, Split(DATA.images[:1], DATA.labels[:1]), 8) is None
