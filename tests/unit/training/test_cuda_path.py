"""What can be shown of the CUDA path without a GPU: a training step on torch's `meta` device.

Meta tensors have no values, so anything that would make a GPU wait (`.item()`, a branch on a value) raises there; and a
dispatch mode sees a tensor of another device that slips in. What `meta` lacks is replaced here, so no test covers it:
autocast, generators, and the fused kernels of Adam and of batch statistics.
"""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sweep.models import build_model
from sweep.training import loop
from sweep.training.loop import Split, evaluate, train_step
from sweep.training.optimizer import Adam


class OneDevice(TorchDispatchMode):
    """Refuses every operation on a tensor that is not on `meta`, and counts the others."""

    operations = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for leaf in tree_leaves((args, kwargs, result)):
            assert not isinstance(leaf, Tensor) or leaf.device.type == "meta", f"{function}: {leaf.device}"
        self.operations += 1
        return result


@pytest.fixture
def on_meta(monkeypatch: pytest.MonkeyPatch) -> None:
    def update_stats(x: Tensor, mean: Tensor, var: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
        mean.lerp_(x.mean((0, 2, 3)), momentum)
        var.lerp_(x.var((0, 2, 3)), momentum)
        return mean, var

    def fused_adam(weights: Any, gradients: Any, means: Any, squares: Any, _: Any, steps: Any, **options: Any) -> None:
        for weight, gradient, mean, square, step in zip(weights, gradients, means, squares, steps, strict=True):
            mean.lerp_(gradient, 1 - options["beta1"])
            square.lerp_(gradient**2, 1 - options["beta2"])
            rate = options["lr"] / (1 - options["beta1"] ** step)
            weight.sub_(rate * mean / ((square / (1 - options["beta2"] ** step)).sqrt() + options["eps"]))

    monkeypatch.setattr(torch, "batch_norm_update_stats", update_stats)
    monkeypatch.setattr(torch, "_fused_adam_", fused_adam)
    monkeypatch.setattr(loop, "autocast", lambda *_: nullcontext())
    monkeypatch.setitem(loop.EVALUATION_BATCHES, "meta", 20)


def data_on_meta() -> Split:
    """50 images."""
    return Split(
        torch.empty(50, 32, 32, 3, dtype=torch.uint8, device="meta"), torch.empty(50, dtype=torch.int64, device="meta")
    )


CASES: list[tuple[str, dict[str, Any]]] = [
    ("mlp", {}),
    ("mlp", {"batch_norm": False}),
    ("cnn", {}),
    ("cnn", {"batch_norm": False}),
    ("cnn", {"dropout_kind": "element"}),
]


@pytest.mark.usefixtures("on_meta")
@pytest.mark.parametrize(("name", "axes"), CASES)
def test_a_training_step_stays_on_its_device_and_never_waits_for_it(name: str, axes: dict[str, Any]) -> None:
    data = data_on_meta()
    model = build_model(name, 10, 0.2, **axes).to("meta").train()
    optimizer = Adam(model.parameters(), 0.1)
    indices = torch.empty(8, dtype=torch.int64, device="meta")
    with OneDevice() as mode:  # type: ignore[no-untyped-call]
        for _ in range(2):
            loss, correct = train_step(model, optimizer, data, indices, 0.001, torch.float32, 0.1)
    assert (loss.shape, correct.shape) == ((), ())
    assert mode.operations > 50
    # The check itself: indices that stayed on the CPU, and a value that is read.
    with pytest.raises(AssertionError, match="cpu"), OneDevice():  # type: ignore[no-untyped-call]
        train_step(model, optimizer, data, torch.arange(8), 0.001, torch.float32)
    with pytest.raises(RuntimeError, match="meta"):
        loss.item()


@pytest.mark.usefixtures("on_meta")
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_an_evaluation_waits_for_its_device_only_at_the_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a value is read, which `meta` refuses: by then all batches are through and their answers joined."""
    joined: list[tuple[Tensor, ...]] = []

    def collect(*fields: Tensor) -> tuple[Tensor, ...]:
        joined.append(fields)
        return fields

    monkeypatch.setattr(loop, "Answers", collect)
    model = build_model(name, 10, 0.2).to("meta")
    with pytest.raises(RuntimeError, match="meta"), OneDevice():  # type: ignore[no-untyped-call]
        evaluate(model, data_on_meta(), torch.float32)
    assert [tuple(field.shape) for field in joined[-1]] == [(50,)] * 3
    assert [len(fields[0]) for fields in joined] == [20, 20, 10, 50]
