"""The training core against computations of its own kind: plain formulas, torch's Adam, hand-counted numbers."""

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweep.grid import Run
from sweep.models import build_model, model_names, training_mb_per_picture
from sweep.training import loop
from sweep.training.layers import BatchNorm
from sweep.training.loop import Split, evaluate, run_seed, scale, train, train_epoch
from sweep.training.optimizer import Adam, next_learning_rate

FP32 = torch.autocast("cpu", torch.bfloat16, enabled=False)


def pictures(count: int, seed: int = 0) -> Split:
    """Pictures that a model can tell apart: those of class k are brighter than those of class k − 1."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (count,), generator=generator)
    noise = torch.randint(0, 56, (count, 32, 32, 3), generator=generator)
    return Split((noise + 60 * labels[:, None, None, None]).to(torch.uint8), labels)


def splits() -> dict[str, Split]:
    return {"train": pictures(50), "validation": pictures(30, 1), "test": pictures(31, 2)}


@pytest.mark.parametrize("shape", [(6, 5), (4, 5, 3, 2)])
def test_batch_norm_is_the_plain_formula(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = BatchNorm(5)
    with torch.no_grad():
        layer.weight.uniform_(0.5, 2)
        layer.bias.uniform_(-1, 1)
    dims = [0] if len(shape) == 2 else [0, 2, 3]
    view = (1, 5) if len(shape) == 2 else (1, 5, 1, 1)
    n = math.prod(shape) // 5
    running_mean, running_var = torch.zeros(5), torch.ones(5)
    weight = layer.weight.detach().clone().requires_grad_()
    bias = layer.bias.detach().clone().requires_grad_()
    for _ in range(3):
        x = (torch.randn(shape) * 3 + 1).requires_grad_()
        plain_x = x.detach().clone().requires_grad_()
        direction = torch.randn(shape)
        (layer(x) * direction).sum().backward()

        mean = plain_x.sum(dims) / n
        squares = ((plain_x - mean.view(view)) ** 2).sum(dims)
        normalised = (plain_x - mean.view(view)) / (squares / n + 1e-5).sqrt().view(view)
        ((normalised * weight.view(view) + bias.view(view)) * direction).sum().backward()
        running_mean = 0.8 * running_mean + 0.2 * mean.detach()
        running_var = 0.9 * running_var + 0.1 * squares.detach() / (n - 1)

        torch.testing.assert_close(x.grad, plain_x.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(layer.weight.grad, weight.grad, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(layer.bias.grad, bias.grad, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(layer.running_mean, running_mean)
        torch.testing.assert_close(layer.running_var, running_var)

    x = torch.randn(shape)
    plain = (x - running_mean.view(view)) / (running_var + 1e-5).sqrt().view(view)
    torch.testing.assert_close(layer.eval()(x), plain * weight.view(view) + bias.view(view))


def test_models_have_the_write_ups_layers() -> None:
    assert model_names() == ["cnn", "mlp"]
    mlp = 3072 * 100 + 100 + 2 * 100 + 100 * 10 + 10
    cnn = (3 * 25 * 128 + 128) + 2 * 128 + (128 * 9 * 64 + 64) + 2 * 64 + 2304 * 10 + 10
    for name, parameters in (("mlp", mlp), ("cnn", cnn)):
        model = build_model(name, 10, 0.5)
        assert sum(parameter.numel() for parameter in model.parameters()) == parameters
        assert model(torch.rand(2, 32, 32, 3)).shape == (2, 10)
        assert training_mb_per_picture(name) > 0


def test_the_cnns_order_of_layers_is_the_write_ups() -> None:
    """Convolution – BN – ReLU – dropout – pooling, written out, with the same masks: values and gradients are equal."""
    torch.manual_seed(0)
    model = build_model("cnn", 10, 0.4)
    images, labels = torch.rand(4, 32, 32, 3) - 0.5, torch.tensor([0, 1, 2, 3])

    torch.manual_seed(1)
    F.cross_entropy(model(images), labels).backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()

    torch.manual_seed(1)
    x = images.permute(0, 3, 1, 2).contiguous()
    for conv, norm, *_ in model.blocks:
        x = F.relu(F.batch_norm(conv(x), None, None, norm.weight, norm.bias, training=True))
        channels = torch.empty(*x.shape[:2], 1, 1).bernoulli_(0.6)
        x = F.max_pool2d(x * channels / 0.6, 2)
    F.cross_entropy(model.head(x.flatten(1)), labels).backward()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "layer"), [("mlp", nn.Dropout), ("cnn", nn.Dropout2d)])
def test_dropout_is_of_activations_in_the_mlp_and_of_channels_in_the_cnn(name: str, layer: type[nn.Module]) -> None:
    seen: list[tuple[Tensor, Tensor]] = []
    model = build_model(name, 10, 0.4)
    dropouts = [module for module in model.modules() if isinstance(module, nn.Dropout | nn.Dropout2d)]
    assert {type(module) for module in dropouts} == {layer}
    assert len(dropouts) == (1 if name == "mlp" else 2)
    dropouts[0].register_forward_hook(lambda _module, inputs, output: seen.append((inputs[0], output)))
    torch.manual_seed(0)
    images = torch.rand(64, 32, 32, 3)
    model.train()(images)
    before, after = seen.pop()
    positive = before > 0
    factor = (after[positive] / before[positive]).round(decimals=3)
    assert sorted(set(factor.tolist())) == pytest.approx([0, 1 / 0.6], abs=1e-3)
    assert 0.55 < (factor > 0).float().mean() < 0.65
    if name == "cnn":
        kept = after.flatten(2).amax(2) > 0
        assert torch.equal(after > 0, positive & kept[:, :, None, None])
    model.eval()(images)
    before, after = seen.pop()
    assert torch.equal(before, after)


def test_adam_is_torchs() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    theirs = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    theirs.load_state_dict(ours.state_dict())
    optimizer = Adam(ours.parameters())
    reference = torch.optim.Adam(theirs.parameters())
    for step in range(200):
        learning_rate = 0.01 * 0.99**step
        x = torch.randn(7, 5)
        ours(x).square().sum().backward()
        optimizer.step(learning_rate)
        reference.zero_grad()
        theirs(x).square().sum().backward()
        reference.param_groups[0]["lr"] = learning_rate
        reference.step()
    for parameter, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("losses", "factor"),
    [
        ([9.0], 1),
        ([1.0, 2.0], 1),
        ([1.0, 2.0, 3.0], 1),
        ([1.0, 2.0, 3.0, 4.0], 0.9995),
        ([1.0, 2.0, 3.0, 3.0], 1),
        ([9.0, 1.0, 1.0, 1.0, 2.0], 0.9995),
        ([1.0, 9.0, 1.0, 1.0, 2.0], 1),
    ],
)
def test_the_learning_rate_falls_after_a_loss_above_the_three_before(losses: list[float], factor: float) -> None:
    assert next_learning_rate(0.1, losses) == 0.1 * factor


def test_seeds_are_of_the_run_and_not_of_its_seed_alone() -> None:
    run = Run("mlp", 8, 0.001, 0.5, 2, 0)
    others = [Run("cnn", 8, 0.001, 0.5, 2, 0), Run("mlp", 8, 0.001, 0.5, 2, 1), Run("mlp", 8, 0.01, 0.5, 2, 0)]
    assert len({run_seed(run), *map(run_seed, others)}) == 4


def test_pixels_are_scaled_as_in_the_write_up() -> None:
    pixels = torch.tensor([0, 128, 255], dtype=torch.uint8)
    torch.testing.assert_close(scale(pixels), torch.tensor([-128 / 255, 0.0, 127 / 255]))


def test_an_epoch_drops_the_incomplete_batch_and_averages_in_training_mode() -> None:
    """A model that keeps its inputs: 50 pictures in batches of 8 are 6 batches of different pictures."""
    data = Split(torch.arange(50, dtype=torch.uint8).view(50, 1, 1, 1).expand(50, 32, 32, 3), torch.arange(50) % 3)

    class Keeper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))
            self.batches: list[Tensor] = []
            self.modes: set[bool] = set()

        def forward(self, images: Tensor) -> Tensor:
            self.batches.append((images[:, 0, 0, 0] * 255 + 128).round().long())
            self.modes.add(self.training)
            return self.weight.expand(len(images), 3) + 0

    model = Keeper()
    optimizer = Adam(model.parameters())
    loss, accuracy = train_epoch(model, optimizer, data, 8, 0.0, torch.Generator().manual_seed(0), FP32)
    assert [len(batch) for batch in model.batches] == [8] * 6
    seen = torch.cat(model.batches)
    assert len(set(seen.tolist())) == 48
    assert seen.tolist() != sorted(seen.tolist())
    assert model.modes == {True}
    assert loss == pytest.approx(math.log(3))
    assert accuracy == pytest.approx((seen % 3 == 0).sum().item() / 48)


def test_evaluation_uses_every_picture() -> None:
    data = pictures(loop.EVALUATION_BATCH * 2 + 7)
    torch.manual_seed(0)
    model = build_model("mlp", 3, 0.5)
    loss, accuracy = evaluate(model, data, FP32)
    logits = model.eval()(scale(data.images))
    assert loss == pytest.approx(F.cross_entropy(logits, data.labels).item(), rel=1e-5)
    assert accuracy == (logits.argmax(1) == data.labels).sum().item() / len(data.labels)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_trainings_learn_and_repeat_bit_for_bit(name: str) -> None:
    run = Run(name, 8, 0.003, 0.2, 3, 0)
    lines: list[str] = []
    first, second = (train(run, splits(), 3, "fp32", lines.append) for _ in range(2))
    for outcome in (first, second):
        del outcome.history["seconds"]
        assert outcome.last is not None
        del outcome.last["seconds"]
    assert first == second
    assert first.history["train_loss"][-1] < first.history["train_loss"][0]
    assert first.history["learning_rate"] == [0.003] * 3
    assert len(lines) == 6
    other_seed = train(Run(name, 8, 0.003, 0.2, 1, 1), splits(), 3, "fp32", lines.append)
    assert other_seed.history["train_loss"][0] != first.history["train_loss"][0]


def test_bf16_is_close_to_fp32() -> None:
    run = Run("mlp", 8, 0.001, 0.0, 2, 0)
    fp32, bf16 = (train(run, splits(), 3, precision, lambda _: None) for precision in ("fp32", "bf16"))
    assert bf16.history["train_loss"] != fp32.history["train_loss"]
    assert bf16.history["train_loss"] == pytest.approx(fp32.history["train_loss"], rel=0.05)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Validation accuracies 0.5, 0.7, 0.7, 0.6; an epoch sets the weights to its number, which any loss then is."""
    accuracies = iter([0.5, 0.7, 0.7, 0.6])
    epochs = iter(range(4))

    def train_epoch(model: nn.Module, *_: object) -> tuple[float, float]:
        with torch.no_grad():
            next(model.parameters()).fill_(next(epochs))
        return 1.0, 0.5

    def evaluate(model: nn.Module, data: Split, _: object) -> tuple[float, float]:
        weight = next(model.parameters()).flatten()[0].item()
        return weight, next(accuracies) if len(data.labels) == 30 else 0.25

    monkeypatch.setattr(loop, "train_epoch", train_epoch)
    monkeypatch.setattr(loop, "evaluate", evaluate)
    return


@pytest.mark.usefixtures("scripted")
def test_the_test_set_is_evaluated_at_the_latest_of_the_best_epochs() -> None:
    outcome = train(Run("mlp", 8, 0.001, 0.0, 4, 0), splits(), 3, "fp32", lambda _: None)
    assert outcome.best == {"epoch": 2, "val_loss": 2.0, "val_acc": 0.7, "test_loss": 2.0, "test_acc": 0.25}
    assert outcome.last is not None
    assert outcome.last["val_acc"] == 0.6


def test_a_loss_that_is_not_finite_ends_the_run_before_that_epoch() -> None:
    outcome = train(Run("mlp", 8, 1e36, 0.0, 5, 0), splits(), 3, "fp32", lambda _: None)
    assert outcome.diverged_epoch is not None
    assert {len(column) for column in outcome.history.values()} == {outcome.diverged_epoch}
    assert all(math.isfinite(value) for column in outcome.history.values() for value in column)
