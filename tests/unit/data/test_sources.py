"""What all sources share: where the validation set is cut off."""

import numpy as np

from sweep.data.sources import Dataset, LabelledImages, split_validation


def numbered(size: int) -> LabelledImages:
    """Images whose pixels all say their number, with labels 100, 101, …"""
    return LabelledImages(np.arange(size, dtype=np.uint8).repeat(3072).reshape(size, 32, 32, 3), np.arange(size) + 100)


def test_validation_is_the_end_of_the_training_set() -> None:
    arrays = split_validation(Dataset(["a"], numbered(7), numbered(2)), 3)
    for split, expected in {"train": [0, 1, 2, 3], "validation": [4, 5, 6], "test": [0, 1]}.items():
        assert arrays[f"{split}_images"][:, 0, 0, 0].tolist() == expected
        assert (arrays[f"{split}_labels"] - 100).tolist() == expected
