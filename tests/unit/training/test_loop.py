"""One training by the protocol: which images it sees, what its metrics mean, which epoch is tested."""

import logging
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sweep.grid import Run
from sweep.models import build_model
from sweep.training import loop
from sweep.training.loop import (
    Answers,
    Evaluation,
    Outcome,
    Snapshot,
    Split,
    Training,
    evaluate,
    run_seed,
    scale,
    train,
    train_epoch,
)
from sweep.training.optimizer import Adam

FP32 = torch.float32
RUN = Run("mlp", 8, 0.001, 0.2, 2, 0)


def outcome_of(run: Run, splits: dict[str, Split] | None = None, precision: str = "fp32") -> Outcome:
    """The outcome of a training without checkpoints, by default on `noise`."""
    return train(run, splits or noise(), 3, precision, lambda _: None)[0]


def numbered(count: int) -> Split:
    """Images whose pixels all say their number (below 256), with labels 0, 1, 2, 0, …"""
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 32, 32, 3)
    return Split(images.contiguous(), torch.arange(count) % 3)


def noise() -> dict[str, Split]:
    generator = torch.Generator().manual_seed(0)
    return {
        split: Split(
            torch.randint(0, 256, (size, 32, 32, 3), generator=generator, dtype=torch.uint8),
            torch.randint(0, 3, (size,), generator=generator),
        )
        for split, size in {"train": 20, "validation": 11, "test": 7}.items()
    }


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


class Witness(nn.Module):
    """A linear model of an image's number that remembers the numbers, logits and mode of each call."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 3)
        self.numbers: list[list[int]] = []
        self.logits: list[Tensor] = []
        self.modes: list[bool] = []

    def forward(self, images: Tensor) -> Tensor:
        value = images[:, 0, 0, :1]
        logits: Tensor = self.linear(value)
        self.numbers.append((value * 255 + 128).round().int().flatten().tolist())
        self.logits.append(logits.detach())
        self.modes.append(self.training)
        return logits

    def metrics(self, call: int) -> tuple[list[float], list[bool]]:
        """The loss of each image of a call and whether it was right, from what the model answered."""
        labels = np.array(self.numbers[call]) % 3
        exponentials = np.exp(self.logits[call].double().numpy())
        likelihood = exponentials[np.arange(len(labels)), labels] / exponentials.sum(1)
        return (-np.log(likelihood)).tolist(), (exponentials.argmax(1) == labels).tolist()


def test_pixels_are_scaled_as_the_protocol_says() -> None:
    scaled = scale(torch.arange(256, dtype=torch.uint8), FP32)
    torch.testing.assert_close(scaled, torch.from_numpy((np.arange(256) - 128) / 255).float())
    assert scaled[128] == 0


def test_epochs_are_shuffled_and_drop_the_incomplete_last_batch() -> None:
    torch.manual_seed(0)
    model, generator = Witness(), torch.Generator().manual_seed(0)
    optimizer = Adam(model.parameters())
    for _ in range(2):
        train_epoch(model, optimizer, numbered(23), 5, 0.001, generator, FP32)
    assert [len(numbers) for numbers in model.numbers] == [5] * 8
    first, second = sum(model.numbers[:4], []), sum(model.numbers[4:], [])  # noqa: RUF017
    for epoch in (first, second):
        assert len(set(epoch)) == 20
        assert epoch != sorted(epoch)
    assert first != second
    assert set(first) != set(second)  # other images are left out in each epoch


def test_training_metrics_are_means_over_the_batches_in_training_mode_as_the_weights_move() -> None:
    torch.manual_seed(0)
    model = Witness()
    weights = model.linear.weight.detach().clone()
    loss, accuracy = train_epoch(
        model, Adam(model.parameters()), numbered(23), 5, 0.5, torch.Generator().manual_seed(0), FP32
    )
    losses, successes = zip(*map(model.metrics, range(4)), strict=True)
    assert loss == pytest.approx(np.mean(losses), rel=1e-6)
    assert accuracy == pytest.approx(np.mean(successes))
    assert model.modes == [True] * 4
    assert not torch.allclose(model.linear.weight, weights, atol=0.4)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_evaluation_is_one_plain_forward_pass_over_every_image(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    count = loop.EVALUATION_BATCHES["cpu"] + 7
    images = torch.randint(0, 256, (count, 32, 32, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 3, (count,), generator=generator)
    torch.manual_seed(0)
    model = build_model(name, 3, 0.5)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    loss, accuracy, answers = evaluate(model, Split(images, labels), FP32)
    with torch.no_grad():
        logits = model.eval()((images.float() - 128) / 255)
    likelihoods = logits.double().softmax(1)
    losses = -likelihoods[torch.arange(count), labels].log()
    assert loss == pytest.approx(losses.mean().item(), rel=1e-5)
    assert accuracy == (logits.argmax(1) == labels).sum().item() / count
    # The answers are those that the two metrics are the means of.
    assert [field.dtype for field in answers] == [torch.uint8, torch.float32, torch.float32]
    torch.testing.assert_close(answers.probabilities.double(), likelihoods.max(1).values, rtol=1e-5, atol=0)
    torch.testing.assert_close(answers.losses.double(), losses, rtol=1e-5, atol=1e-7)
    assert accuracy == (answers.classes == labels).sum().item() / count
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


def test_evaluation_turns_training_mode_off() -> None:
    model = Witness().train()
    evaluate(model, numbered(250), FP32)
    assert set(model.modes) == {False}
    assert sorted(sum(model.numbers, [])) == list(range(250))  # noqa: RUF017


def test_answers_name_more_classes_than_a_byte_can() -> None:
    linear = nn.Linear(3072, 300)
    nn.init.zeros_(linear.weight)
    nn.init.constant_(linear.bias[299:], 9.0)
    answers = evaluate(nn.Sequential(nn.Flatten(), linear), numbered(3), FP32).answers
    assert answers.classes.tolist() == [299] * 3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_hyper_parameters_of_the_training_are_those_of_torch(precision: str) -> None:
    """Weight decay as torch.optim.Adam's, label smoothing as cross_entropy's, in the training loss alone."""
    run = replace(RUN, epochs=1, axes=(("label_smoothing", 0.2), ("weight_decay", 0.05)))
    splits = noise()
    outcome, final = train(run, splits, 3, precision, lambda _: None)
    training = Training(run, 3, torch.device("cpu"))  # the same weights and shuffles
    model = training.model.train()
    adam = torch.optim.Adam(model.parameters(), lr=run.learning_rate, weight_decay=0.05)
    images, labels = splits["train"]
    losses = []
    for indices in torch.randperm(20, generator=training.shuffles)[:16].view(-1, 8):
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits = model(scale(images[indices], dtype))
            loss = functional.cross_entropy(logits, labels[indices], label_smoothing=0.2)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert outcome.history["train_loss"] == [pytest.approx(np.mean(losses), rel=1e-6)]
    assert final is not None
    weights = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    torch.testing.assert_close(final.tensors["weights"], weights, rtol=1e-5, atol=1e-7)
    assert outcome.history["val_loss"] == [pytest.approx(final.tensors["validation.losses"].mean().item(), rel=1e-5)]
    plain = outcome_of(replace(run, axes=()))
    assert plain.history["train_loss"] != outcome.history["train_loss"]


def test_the_final_snapshot_is_of_the_last_epoch_and_has_the_answers() -> None:
    kept: list[Snapshot] = []
    splits = noise()
    outcome, final = train(replace(RUN, epochs=3), splits, 3, "fp32", kept.append)
    assert final is not None
    assert final.outcome == kept[-1].outcome
    tested = {f"test.{field}": final.tensors[f"test.{field}"] for field in Answers._fields}
    torch.testing.assert_close(final.tensors, kept[-1].tensors | tested, rtol=0, atol=0)
    assert outcome.last is not None
    assert outcome.best is not None
    for split, metrics, prefix in (("validation", outcome.last, "val"), ("test", outcome.best, "test")):
        right = final.tensors[f"{split}.classes"] == splits[split].labels
        assert right.sum().item() / len(right) == metrics[f"{prefix}_acc"]
        assert final.tensors[f"{split}.losses"].mean().item() == pytest.approx(metrics[f"{prefix}_loss"], rel=1e-5)


def test_every_run_has_noise_of_its_own() -> None:
    changes: list[dict[str, Any]] = [
        {"model": "cnn"},
        {"batch_size": 16},
        {"learning_rate": 0.01},
        {"dropout_rate": 0.0},
        {"seed": 1},
        {"axes": (("hidden", 50),)},
    ]
    seeds = {run_seed(RUN)} | {run_seed(replace(RUN, **change)) for change in changes}
    assert len(seeds) == 7
    assert all(0 <= seed < 2**63 for seed in seeds)


def without_times(outcome: Outcome) -> dict[str, Any]:
    fields = asdict(outcome)
    del fields["history"]["seconds"], fields["last"]["seconds"]
    return fields


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_run_repeats_bit_for_bit_and_another_seed_does_not(name: str) -> None:
    run = replace(RUN, model=name)
    first, again, other = (without_times(outcome_of(r)) for r in (run, run, replace(run, seed=1)))
    assert first == again
    assert first["history"]["train_loss"] != other["history"]["train_loss"]


def test_a_run_learns_what_can_be_learnt() -> None:
    """The classes differ in brightness: within a few epochs the model is far better than guessing."""
    labels = torch.arange(60) % 3
    images = (labels * 100).to(torch.uint8).view(-1, 1, 1, 1).expand(60, 32, 32, 3).contiguous()
    splits = dict.fromkeys(("train", "validation", "test"), Split(images, labels))
    run = replace(RUN, batch_size=20, learning_rate=0.01, epochs=12)
    outcome = outcome_of(run, splits)
    assert outcome.last is not None
    assert outcome.last["val_acc"] > 0.9
    assert outcome.history["train_loss"][-1] < outcome.history["train_loss"][0] / 2


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_bf16_is_another_arithmetic_with_nearly_the_same_result(name: str) -> None:
    run = replace(RUN, model=name, epochs=1)
    fp32, bf16 = (outcome_of(run, precision=precision).history for precision in ("fp32", "bf16"))
    for metric in ("train_loss", "val_loss"):
        assert fp32[metric] != bf16[metric]
        assert fp32[metric] == pytest.approx(bf16[metric], rel=0.05)


class Script:
    """Stands for training and evaluation: an epoch sets all weights to its number and has the given metrics."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, metrics: list[tuple[float, float, float]]) -> None:
        self.epoch = -1
        self.tested = 0
        self.test_loss: float | None = None  # by default the epoch's number
        self.metrics = metrics
        monkeypatch.setattr(loop, "train_epoch", self.train_epoch)
        monkeypatch.setattr(loop, "evaluate", self.evaluate)

    def train_epoch(self, model: nn.Module, *_: Any) -> tuple[float, float]:
        self.epoch += 1
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.fill_(self.epoch)
        return self.metrics[self.epoch][0], 0.5

    def evaluate(self, model: nn.Module, data: Split, *_: Any) -> Evaluation:
        answers = Answers(*[torch.full((len(data.labels),), self.epoch)] * 3)
        if len(data.labels) == 11:
            return Evaluation(*self.metrics[self.epoch][1:], answers)
        self.tested += 1
        values = {value for tensor in model.state_dict().values() for value in tensor.unique().tolist()}
        assert len(values) == 1  # of one epoch: weights and running statistics alike
        return Evaluation(values.pop() if self.test_loss is None else self.test_loss, 0.25, answers)


def test_the_test_set_is_for_the_latest_epoch_of_the_best_validation_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, [(1.0, 0.9, 0.5), (1.0, 0.1, 0.7), (1.0, 0.8, 0.7), (1.0, 0.2, 0.6)])
    outcome = outcome_of(replace(RUN, epochs=4))
    assert outcome.best == {"epoch": 2, "val_loss": 0.8, "val_acc": 0.7, "test_loss": 2.0, "test_acc": 0.25}
    assert outcome.last is not None
    assert (outcome.last["val_loss"], outcome.last["val_acc"]) == (0.2, 0.6)
    assert outcome.diverged_epoch is None
    assert script.tested == 1


def test_the_history_has_the_learning_rate_that_an_epoch_was_trained_with(monkeypatch: pytest.MonkeyPatch) -> None:
    Script(monkeypatch, [(loss, 1.0, 0.5) for loss in (1.0, 2.0, 3.0, 4.0, 3.5, 5.0)])
    history = outcome_of(replace(RUN, epochs=6)).history
    # Lowered after the epochs 3 and 5, so from epoch 4 on.
    assert history["learning_rate"] == pytest.approx([0.001] * 4 + [0.0009995] * 2, rel=1e-12)
    assert history["train_loss"] == [1.0, 2.0, 3.0, 4.0, 3.5, 5.0]


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (1.0, math.nan), (math.inf, 1.0), (1.0, math.inf)])
def test_a_run_ends_at_a_loss_that_is_not_finite(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture, bad: tuple[float, float]
) -> None:
    Script(monkeypatch, [(1.0, 1.0, 0.6), (1.0, 1.0, 0.5), (*bad, 0.9), (1.0, 1.0, 0.9)])
    outcome, final = train(replace(RUN, epochs=4), noise(), 3, "fp32", lambda _: None)
    assert outcome.diverged_epoch == 2
    # The final snapshot is of the epoch before.
    assert final is not None
    assert set(final.tensors["weights"].tolist()) == {1.0}
    assert outcome.best is not None
    assert (outcome.best["epoch"], outcome.best["test_loss"]) == (0, 0.0)
    assert {len(column) for column in outcome.history.values()} == {2}
    assert "epoch 2: diverged" in log.messages[-1]


def test_a_test_loss_that_is_not_finite_is_left_out_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    script = Script(monkeypatch, [(1.0, 1.0, 0.6)])
    script.test_loss = math.inf
    outcome = outcome_of(replace(RUN, epochs=1))
    assert outcome.best == {"epoch": 0, "val_loss": 1.0, "val_acc": 0.6, "test_loss": None, "test_acc": 0.25}
    assert outcome.diverged_epoch is None
    assert log.messages[-1] == "The test loss is inf at epoch 0: it is left out"


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    elif value is not None:
        yield value


@pytest.mark.parametrize("learning_rate", [1e36, 1e38])  # float32 ends at 3.4e38
def test_a_huge_learning_rate_diverges_and_leaves_only_finite_numbers(learning_rate: float) -> None:
    outcome, final = train(replace(RUN, learning_rate=learning_rate, epochs=3), noise(), 3, "fp32", lambda _: None)
    assert outcome.diverged_epoch is not None
    assert {len(column) for column in outcome.history.values()} == {outcome.diverged_epoch}
    assert (outcome.best is None) == (outcome.last is None) == (final is None) == (outcome.diverged_epoch == 0)
    assert all(map(math.isfinite, numbers(asdict(outcome))))
