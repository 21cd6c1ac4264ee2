"""Adam against torch's own, and the write-up's rule for the learning rate."""

import pytest
import torch
from torch import nn

from sweep.training.optimizer import Adam, next_learning_rate


@pytest.mark.parametrize("weight_decay", [0.0, 0.03])
def test_many_steps_with_a_changing_learning_rate_are_those_of_torchs_adam(weight_decay: float) -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)).double() for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    adam = Adam(ours.parameters(), weight_decay)
    reference = torch.optim.Adam(theirs.parameters(), weight_decay=weight_decay)
    for step in range(60):
        # Gradients of very different sizes, and some of zero, where ε and the decaying means matter.
        x = torch.randn(8, 5, dtype=torch.float64) * (0 if step % 7 == 3 else 10 ** (step % 5 - 3))
        learning_rate = 0.05 / (1 + step % 11)
        ours(x).square().mean().backward()
        adam.step(learning_rate)
        reference.zero_grad()
        theirs(x).square().mean().backward()
        reference.param_groups[0]["lr"] = learning_rate
        reference.step()
        torch.testing.assert_close(list(ours.parameters()), list(theirs.parameters()), rtol=1e-9, atol=1e-12)


def test_the_first_step_is_the_learning_rate_against_the_gradients_sign() -> None:
    """Adam's well-known property, whatever the gradient's size."""
    weights = nn.Parameter(torch.zeros(3))
    adam = Adam([weights])
    (weights * torch.tensor([1e-3, -5.0, 700.0])).sum().backward()
    adam.step(0.25)
    torch.testing.assert_close(weights.detach(), torch.tensor([-0.25, 0.25, -0.25]))


@pytest.mark.parametrize(
    ("losses", "lowered"),
    [
        ([1.0], False),
        ([1.0, 2.0], False),
        ([1.0, 2.0, 3.0], False),  # never after the first three
        ([1.0, 2.0, 3.0, 3.1], True),
        ([3.0, 2.0, 1.0, 2.9], False),  # above two of three is not enough
        ([3.0, 2.0, 1.0, 3.0], False),  # nor is the same as the largest
        ([9.0, 3.0, 2.0, 1.0, 3.1], True),  # what is four epochs ago does not count
        ([1.0, 1.0, 1.0, 2.0, 1.5], False),  # and only the last epoch is asked
    ],
)
def test_the_learning_rate_falls_after_a_loss_above_the_three_before(losses: list[float], lowered: bool) -> None:
    assert next_learning_rate(0.001, losses) == pytest.approx(0.0009995 if lowered else 0.001, rel=1e-12, abs=0)
