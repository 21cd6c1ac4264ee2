"""Answers to the test set, counted and shown, against scikit-learn and statsmodels."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import proportion_confint

from sweep.analysis.examined import Answered
from sweep.examination.answers import examine_answers


def drawn(size: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Answered]:
    """Answers that are right in about 7 of 10 cases; the last class has no image. Probabilities are rounded, so that
    some are equal."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes - 1, size)
    given = np.where(generator.random(size) < 0.7, labels, generator.integers(0, classes, size)).astype(np.uint8)
    probabilities = generator.random(size).round(1).astype(np.float32)
    images = generator.integers(0, 256, (size, 32, 32, 3), np.uint8)
    return given, probabilities, labels, images, examine_answers(given, probabilities, labels, images, classes)


# Many classes: a count by both labels needs more than the byte that a class is stored in.
@pytest.mark.parametrize("classes", [3, 40])
def test_counts_and_intervals_are_those_of_other_libraries(classes: int) -> None:
    given, _, labels, _, found = drawn(300, classes)
    assert found.images == 300
    assert found.accuracy == (given == labels).sum() / 300
    matrix = confusion_matrix(labels, given, labels=range(classes))
    assert found.confusion == matrix.tolist()
    assert found.classes[-1] is None
    for label, each in enumerate(found.classes[:-1]):
        assert each is not None
        right, images = matrix[label, label], matrix[label].sum()
        assert (each.right, each.images, each.accuracy) == (right, images, right / images)
        low, high = proportion_confint(right, images, 0.05, method="wilson")
        assert (each.low, each.high) == pytest.approx((low, high), abs=1e-12)


def test_the_most_confident_mistakes_come_first_and_are_shown_as_they_are() -> None:
    given, probabilities, labels, images, found = drawn(300, 3)
    wrong = [place for place in range(300) if given[place] != labels[place]]
    expected = sorted(wrong, key=lambda place: (-probabilities[place], place))[:25]
    assert [each.image for each in found.mistakes] == expected
    for each in found.mistakes:
        assert (each.right, each.given) == (labels[each.image], given[each.image])
        assert each.probability == probabilities[each.image]
        with Image.open(io.BytesIO(base64.b64decode(each.png))) as png:
            assert png.format == "PNG"
            np.testing.assert_array_equal(np.asarray(png), images[each.image])


def test_fewer_mistakes_are_all_and_one_without_a_probability_is_left_out() -> None:
    labels, images = np.array([0, 1, 2, 0]), np.zeros((4, 32, 32, 3), np.uint8)
    given = np.array([0, 2, 1, 1], np.uint8)
    probabilities = np.array([0.9, 0.4, np.nan, 0.6], np.float32)
    found = examine_answers(given, probabilities, labels, images, 3)
    assert [each.image for each in found.mistakes] == [3, 1]
    assert found.accuracy == 0.25
