"""The scattered digits: none is lost, each whole and unchanged at a place of its own, and every set has every class."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sweep.data.sources import scattered_digits, source_sizes, split_validation


def test_each_digit_is_there_once_whole_and_enlarged_and_the_places_are_spread() -> None:
    dataset = scattered_digits.load(Path("nowhere"))
    assert (len(dataset.train.labels), len(dataset.test.labels), 10) == source_sizes("scattered_digits", Path())
    images = np.concatenate([dataset.train.images, dataset.test.images])
    labels = np.concatenate([dataset.train.labels, dataset.test.labels])
    assert images.dtype == np.uint8
    assert images.shape[1:] == (32, 32, 3)
    assert (images[..., :1] == images).all()
    originals = load_digits()
    # A digit's outer rows and columns may be empty, so its place is that of its ink.
    known = {
        (ink(np.kron(np.round(digit / 16 * 255), np.ones((3, 3))))[0].tobytes(), label)
        for digit, label in zip(originals.images, originals.target, strict=True)
    }
    found = [ink(image[..., 0].astype(float)) for image in images]
    assert {(content.tobytes(), label) for (content, _, _), label in zip(found, labels, strict=True)} == known
    assert np.bincount(labels).tolist() == np.bincount(originals.target).tolist()
    for places in ([top for _, top, _ in found], [left for _, _, left in found]):
        assert max(places) - min(places) >= 8


def ink(image: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The smallest rectangle with all that is not black, and its top and left."""
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], rows[0], columns[0]


def test_all_three_sets_are_stratified_and_always_the_same() -> None:
    first, again = (split_validation(scattered_digits.load(Path()), scattered_digits.VALIDATION) for _ in range(2))
    shares = np.bincount(load_digits().target) / 1797
    for split, size in (("train", 900), ("validation", 400), ("test", 497)):
        counts = np.bincount(first[f"{split}_labels"], minlength=10)
        assert counts.sum() == size
        assert np.abs(counts - shares * size).max() < 1.5
        np.testing.assert_array_equal(first[f"{split}_images"], again[f"{split}_images"])
