"""How far two runs differ on the same images, by what each of them answered to each image.

All runs see the same images. An image that is hard for one is hard for the other, so that the difference of their
accuracies or losses is known far better than each of these: only the images on which the two differ tell. It is the
noise of the images alone: that other images of the same kind would say the same of these two trained models, not that
other seeds would.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, ttest_rel

from sweep.analysis.examined import Paired


def compare_rights(gained: int, lost: int, images: int) -> Paired:
    """The difference of two accuracies, by McNemar's exact test.

    Args:
        gained: the number of images that the first run alone has right.
        lost: that of those that the second run alone has right.
        images: the number of all images.
    """
    difference = (gained - lost) / images
    error = math.sqrt((gained + lost) / images - difference**2) / math.sqrt(images)
    p = float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    return Paired(difference, error, p)


def compare_losses(first: NDArray[np.floating], second: NDArray[np.floating]) -> Paired:
    """The difference of two mean losses, by the paired t test.

    Args:
        first: the first run's loss on each image, shape (images,), two images at least.
        second: those of the second run.
    """
    # In float64: the means of ten thousand float32 differ in their fourth digit by how they are added.
    differences = first.astype(float) - second.astype(float)
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences))
    mean = float(differences.mean())
    # Where all differences are the same there is no t: chance makes none of it.
    p = float(ttest_rel(first.astype(float), second.astype(float)).pvalue) if error else float(mean == 0)
    return Paired(mean, error, p)
