"""What a model answered to the test set: confusion, accuracy by class, and the most confident mistakes."""

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from sweep.analysis.examined import Answered, ClassAccuracy, Mistake

# How many mistakes are shown.
MISTAKES = 25


def examine_answers(
    given: NDArray[Any],
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    images: NDArray[np.uint8],
    classes: int,
) -> Answered:
    """Count and show answers: for n images, (n, 32, 32, 3), the `given` classes, their probabilities and the right
    classes `labels`, each (n,), where there are so many `classes`."""
    given = given.astype(np.int64)
    confusion = np.bincount(labels * classes + given, minlength=classes**2).reshape(classes, classes)
    return Answered(
        images=len(labels),
        accuracy=int((given == labels).sum()) / len(labels),
        confusion=confusion.tolist(),
        classes=[class_accuracy(int(row[label]), int(row.sum())) for label, row in enumerate(confusion)],
        mistakes=find_mistakes(given, probabilities, labels, images),
    )


def class_accuracy(right: int, images: int) -> ClassAccuracy | None:
    """The accuracy on so many images, with Wilson's 95 % interval; None if there are no images."""
    if images == 0:
        return None
    interval = binomtest(right, images).proportion_ci(0.95, method="wilson")
    return ClassAccuracy(images, right, right / images, float(interval.low), float(interval.high))


def find_mistakes(
    given: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    images: NDArray[np.uint8],
) -> list[Mistake]:
    """The MISTAKES most confident mistakes; equally confident ones in the order of the test set. An answer whose
    probability is not a number, as the logits overflowed, is left out."""
    wrong = np.flatnonzero((given != labels) & np.isfinite(probabilities))
    order = wrong[np.argsort(-probabilities[wrong], kind="stable")][:MISTAKES]
    return [
        Mistake(int(place), int(labels[place]), int(given[place]), float(probabilities[place]), as_png(images[place]))
        for place in order
    ]


def as_png(image: NDArray[np.uint8]) -> str:
    """An image, (32, 32, 3), as a PNG file in base64."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
