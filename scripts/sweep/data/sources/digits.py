"""The handwritten digits that come with scikit-learn: real data that needs no network."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sweep.data.sources import SIZES, Dataset, LabelledImages


def load(_path: Path) -> Dataset:
    """The 1797 digits, 8×8 grey with values 0 to 16, enlarged to 32×32 RGB.

    A fixed split, stratified by class, takes 800 for training and validation and 997 for the test.
    """
    digits = load_digits()
    grey = (digits.images / 16 * 255).round().astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(g).resize((32, 32), Image.Resampling.BILINEAR).convert("RGB")) for g in grey]
    )
    train_images, test_images, train_labels, test_labels = train_test_split(
        images,
        digits.target.astype(np.int64),
        train_size=SIZES["digits"].train,
        stratify=digits.target,
        random_state=0,
    )
    names = [str(name) for name in digits.target_names]
    return Dataset(names, LabelledImages(train_images, train_labels), LabelledImages(test_images, test_labels))
