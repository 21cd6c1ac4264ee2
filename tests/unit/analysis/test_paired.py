"""Two runs on the same images, compared with statsmodels and scipy."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from sweep.analysis.examined import Paired
from sweep.analysis.paired import compare_losses, compare_rights


def answers(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The answers of two runs to 300 images of ten classes, as they are kept, and the right classes: images that are
    hard for the one are hard for the other."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, 300)
    difficulty = generator.random(300)
    chances = [difficulty + 0.1 * generator.standard_normal(300) - gain for gain in (0.05, 0.0)]
    first, second = (np.where(chance < 0.5, labels, (labels + 1) % 10).astype(np.uint8) for chance in chances)
    return first, second, labels


def compare(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Paired:
    right, other = first == labels, second == labels
    return compare_rights(int((right > other).sum()), int((other > right).sum()), len(labels))


@pytest.mark.parametrize("seed", range(4))
def test_accuracies_are_compared_by_mcnemar(seed: int) -> None:
    first, second, labels = answers(seed)
    found = compare(first, second, labels)
    table = [[np.sum((first == labels) == a) and np.sum(((first == labels) == a) & ((second == labels) == b))
              for b in (True, False)] for a in (True, False)]  # fmt: skip
    assert found.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    rights = (first == labels).astype(float) - (second == labels)
    assert found.difference == pytest.approx(rights.mean())
    assert found.error == pytest.approx(rights.std() / np.sqrt(300))
    # Far below that of two accuracies on different images.
    assert found.error < 0.7 * np.sqrt(2 * 0.25 / 300)
    # The other way round it is the same.
    swapped = compare(second, first, labels)
    assert (swapped.difference, swapped.p) == (-found.difference, found.p)


def test_losses_are_compared_image_by_image() -> None:
    generator = np.random.default_rng(3)
    hard = generator.exponential(1, 500)
    first, second = ((hard * generator.uniform(0.9, 1.1, 500) + gain).astype(np.float32) for gain in (0.0, 0.02))
    found, expected = compare_losses(first, second), stats.ttest_rel(first.astype(float), second.astype(float))
    assert (found.difference / found.error, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert found.difference == pytest.approx(-0.02, abs=0.02)
    # As two samples they could not be told apart at all.
    assert stats.ttest_ind(first, second).pvalue > 0.3
    assert found.p < 0.05


def test_runs_that_are_the_same_differ_by_nothing() -> None:
    first, _, labels = answers(0)
    assert compare(first, first, labels).p == compare_losses(first * 1.0, first * 1.0).p == 1
    assert compare_losses(first * 1.0, first * 1.0).error == 0
    # And such as differ by the same on each image, by more than chance.
    assert compare_losses(np.full(9, 2.0), np.ones(9)).p == 0


def test_the_error_is_the_noise_that_other_images_would_make() -> None:
    """Many validation sets of the same kind: the differences vary as each one's error says."""
    found = [compare(*answers(seed)) for seed in range(400)]
    assert np.std([each.difference for each in found]) == pytest.approx(
        np.mean([each.error for each in found]), rel=0.1
    )
