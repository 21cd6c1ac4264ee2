"""Moved images: each pixel against the one that it comes from, and answers that are known beforehand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sweep.analysis.examined import WRONG
from sweep.examination.shift import examine_shift, move
from sweep.training.loop import Split

STEPS = [(right, down) for right in (-1, 0, 1) for down in (-1, 0, 1) if (right, down) != (0, 0)]


def moved_by_hand(image: np.ndarray, right: int, down: int) -> np.ndarray:
    """Pixel by pixel: what is now at (y, x) was `down` above and `right` to the left, or is the nearest edge."""
    found = np.empty_like(image)
    for y in range(32):
        for x in range(32):
            found[y, x] = image[min(max(y - down, 0), 31), min(max(x - right, 0), 31)]
    return found


@pytest.mark.parametrize(("right", "down"), [(0, 0), (1, 0), (0, 3), (-2, 2), (4, -4)])
def test_images_are_moved_and_their_edges_repeated(right: int, down: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    expected = np.stack([moved_by_hand(image, right, down) for image in images])
    found = move(torch.tensor(images), right, down)
    assert found.dtype == torch.uint8
    np.testing.assert_array_equal(found.numpy(), expected)


class Colour(nn.Module):
    """Names the channel with the brightest pixel anywhere, or at (16, 16) alone."""

    def __init__(self, anywhere: bool) -> None:
        super().__init__()
        self.anywhere = anywhere

    def forward(self, images: Tensor) -> Tensor:
        return images.amax((1, 2)) if self.anywhere else images[:, 16, 16]


def squares(size: int, radius: int) -> Split:
    """Black images with a square in the middle, whose colour is the class; every fifth label is wrong."""
    labels = torch.arange(size) % 3
    images = torch.zeros(size, 32, 32, 3, dtype=torch.uint8)
    for image, label in zip(images, labels, strict=True):
        image[16 - radius : 17 + radius, 16 - radius : 17 + radius, label] = 255
    return Split(images, torch.where(torch.arange(size) % 5 == 0, (labels + 1) % 3, labels))


def test_a_model_that_looks_everywhere_loses_nothing() -> None:
    found = examine_shift(Colour(anywhere=True), squares(15, 2))
    assert found.accuracies == [[0.8], *[[0.8] * 8] * 4]
    assert found.lost == "-0000" * 3
    assert WRONG == "-"


# A square of this radius is left by moves that are longer; then every channel is black, and class 0 is named.
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_a_model_that_looks_at_one_place_loses_what_leaves_it(radius: int) -> None:
    data = squares(15, radius)
    found = examine_shift(Colour(anywhere=False), data)
    black = (data.labels == 0).double().mean().item()
    assert found.accuracies == [[0.8], *[[0.8 if distance <= radius else black] * 8 for distance in range(1, 5)]]
    lost = "0" if radius >= 2 else "8"
    unmoved = [WRONG if place % 5 == 0 else "0" if place % 3 == 0 else lost for place in range(15)]
    assert found.lost == "".join(unmoved)


def test_lost_answers_are_counted_direction_by_direction() -> None:
    """Against moves by hand, with a model that answers at random but always the same to the same image."""
    torch.manual_seed(0)
    data = Split(torch.randint(0, 256, (40, 32, 32, 3), dtype=torch.uint8), torch.randint(0, 3, (40,)))
    model: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 3)).eval()

    def is_right(right: int, down: int) -> Tensor:
        images = np.stack([moved_by_hand(image, right, down) for image in data.images.numpy()])
        with torch.no_grad():
            logits: Tensor = model((torch.tensor(images).float() - 128) / 255)
        return logits.argmax(1) == data.labels

    unmoved = is_right(0, 0)
    answers = [is_right(2 * right, 2 * down) for right, down in STEPS]
    found = examine_shift(model, data)
    assert found.accuracies[2] == [each.double().mean().item() for each in answers]
    counts = [sum(not each[place] for each in answers) for place in range(40)]
    assert found.lost == "".join(str(n) if ok else WRONG for n, ok in zip(counts, unmoved.tolist(), strict=True))
    assert len(set(found.lost)) > 4
