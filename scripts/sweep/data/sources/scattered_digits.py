"""The handwritten digits that come with scikit-learn, each at a random place of a larger picture.

On these a CNN is ahead of an MLP.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sweep.data.sources import SIZES, Dataset, LabelledImages

# Each pixel of a digit becomes a square of as many pixels a side.
ENLARGED = 3
SIZE = 32
# How many of the images for training and validation are meant to validate; these are the last ones.
VALIDATION = 400


def load(_path: Path) -> Dataset:
    """The 1797 digits, 8×8 grey with values 0 to 16, enlarged to 24×24 and put on black 32×32 RGB.

    A fixed split, stratified by class, takes 1300 for training and validation, of which the last 400, stratified too,
    are meant to validate, and 497 for the test.
    """
    digits = load_digits()
    images, labels = scatter(digits.images, seed=0), digits.target.astype(np.int64)
    learnt, tested = train_test_split(
        np.arange(len(labels)), train_size=SIZES["scattered_digits"].train, stratify=labels, random_state=0
    )
    trained, validated = train_test_split(learnt, test_size=VALIDATION, stratify=labels[learnt], random_state=0)
    order = np.concatenate([trained, validated])
    names = [str(name) for name in digits.target_names]
    return Dataset(names, LabelledImages(images[order], labels[order]), LabelledImages(images[tested], labels[tested]))


def scatter(digits: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    """Digits, (n, 8, 8) with values 0 to 16, enlarged and at random places of black images, (n, 32, 32, 3) uint8."""
    grey = (digits / 16 * 255).round().astype(np.uint8).repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
    images = np.zeros((len(grey), SIZE, SIZE, 3), np.uint8)
    side = grey.shape[1]
    # RandomState, because NumPy never changes its numbers.
    places = np.random.RandomState(seed).randint(0, SIZE - side + 1, (len(grey), 2))
    for image, digit, (top, left) in zip(images, grey, places, strict=True):
        image[top : top + side, left : left + side] = digit[..., None]
    return images
