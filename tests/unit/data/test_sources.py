"""What all sources share: what data.path means, and where the validation set is cut off."""

from pathlib import Path

import numpy as np
import pytest

from sweep.config import read_config
from sweep.data.sources import Dataset, LabelledImages, expand_home, split_validation
from sweep.errors import SweepError


def numbered(size: int) -> LabelledImages:
    """Images whose pixels all say their number, with labels 100, 101, …"""
    return LabelledImages(np.arange(size, dtype=np.uint8).repeat(3072).reshape(size, 32, 32, 3), np.arange(size) + 100)


def test_validation_is_the_end_of_the_training_set() -> None:
    arrays = split_validation(Dataset(["a"], numbered(7), numbered(2)), 3)
    for split, expected in {"train": [0, 1, 2, 3], "validation": [4, 5, 6], "test": [0, 1]}.items():
        assert arrays[f"{split}_images"][:, 0, 0, 0].tolist() == expected
        assert (arrays[f"{split}_labels"] - 100).tolist() == expected


def test_a_home_folder_in_data_path_is_the_one_that_a_shell_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    expected = {"~": "/home/me", "~/data": "/home/me/data", "~root/data": "/root/data", "./~": "./~", "a/~": "a/~"}
    assert {path: expand_home(path) for path in expected} == expected
    for path in ("data", "/", "price $5", "a $HOME b", "cash$", "C$/data"):
        assert expand_home(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "$HOME/data",
        "$data",
        "${HOME}/x",
        "$(pwd)",
        "/scratch/$USER/x",
        "/scratch/${USER}x",
        "a_$USER",
        "~nobody-here/x",
    ],
)
def test_a_path_that_only_a_shell_would_understand_is_refused(path: str) -> None:
    with pytest.raises(SweepError, match=r"config: data.path: .*write the path out"):
        expand_home(path)


def test_the_settings_hold_the_expanded_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    more = tmp_path / "more.yaml"
    more.write_text("data: {path: ~/datasets}\n")
    assert read_config([more])["data"]["path"] == "/home/me/datasets"
