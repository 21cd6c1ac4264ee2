"""The digits: none is lost, the split is even, and each image keeps its label."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sweep.data.sources import digits, source_sizes


def test_digits_are_split_evenly_over_their_classes_and_none_is_lost() -> None:
    dataset = digits.load(Path("nowhere"))
    assert dataset.class_names == [str(digit) for digit in range(10)]
    originals = load_digits()
    assert (len(dataset.train.labels), len(dataset.test.labels), 10) == source_sizes("digits", Path("nowhere"))
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert np.bincount(labels).tolist() == np.bincount(originals.target).tolist()
    shares = np.bincount(dataset.train.labels) / np.bincount(originals.target)
    assert np.abs(shares - 800 / 1797).max() < 0.01
    # The order is mixed: a validation set cut off the end must hold all classes too.
    assert np.bincount(dataset.train.labels[-100:], minlength=10).min() > 0


def test_digits_are_grey_images_of_the_full_range() -> None:
    dataset = digits.load(Path("nowhere"))
    for part in (dataset.train, dataset.test):
        assert part.images.shape == (len(part.labels), 32, 32, 3)
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        assert (part.images[..., :1] == part.images).all()
        assert part.images.min() == 0
        assert part.images.max() > 240
    # A digit's mean brightness survives the enlargement: so an image and its label belong together as in scikit-learn.
    originals = load_digits()
    for digit in range(10):
        expected = originals.images[originals.target == digit].mean() / 16 * 255
        both = [part.images[part.labels == digit] for part in (dataset.train, dataset.test)]
        assert np.concatenate(both).mean() == pytest.approx(expected, abs=1.5)
