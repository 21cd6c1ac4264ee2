"""The prepared data set: nothing but what was saved can be mapped."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sweep.data.prepared import (
    DATA_FILE,
    MANIFEST_FILE,
    content_hash,
    manifest_hash,
    map_prepared,
    read_manifest,
    save_prepared,
)
from sweep.errors import SweepError
from sweep.files import write_json

Arrays = dict[str, NDArray[Any]]


def example() -> Arrays:
    rng = np.random.default_rng(0)
    arrays: Arrays = {}
    for split, size in {"train": 4, "validation": 2, "test": 3}.items():
        # Like torchvision's CIFAR-10, a transposed view: its bytes are not in the order of its indices.
        arrays[f"{split}_images"] = rng.integers(0, 256, (size, 3, 32, 32), dtype=np.uint8).transpose(0, 2, 3, 1)
        arrays[f"{split}_labels"] = rng.integers(0, 2, size)
    return arrays


def test_what_is_saved_is_mapped_back(tmp_path: Path) -> None:
    arrays = example()
    saved = save_prepared(tmp_path / "new", "folder", ["猫", "dog"], arrays)
    manifest = read_manifest(tmp_path / "new")
    assert manifest == saved
    assert (manifest.source, manifest.class_names) == ("folder", ["猫", "dog"])
    assert manifest.sizes == {"train": 4, "validation": 2, "test": 3}
    tensors = map_prepared(tmp_path / "new", manifest)
    assert set(tensors) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(tensors[name].numpy(), array)
        assert tensors[name].numpy().dtype == array.dtype


def test_a_manifest_notes_what_the_data_were_made_from_and_one_without_is_read(tmp_path: Path) -> None:
    manifest = save_prepared(tmp_path, "folder", ["cat", "dog"], example(), "abc")
    assert read_manifest(tmp_path) == manifest
    assert manifest.fingerprint == "abc"
    old = asdict(save_prepared(tmp_path, "folder", ["cat", "dog"], example()))
    assert old["content_hash"] == manifest.content_hash
    assert old.pop("fingerprint") is None
    write_json(tmp_path / MANIFEST_FILE, {**old, "manifest_hash": manifest_hash(old)})
    assert read_manifest(tmp_path) == replace(manifest, fingerprint=None)


def changed(name: str, index: tuple[int, ...]) -> Arrays:
    arrays = example()
    arrays[name][index] ^= 1
    return arrays


def cut_elsewhere() -> Arrays:
    """The same images in the same order, but the first of the validation set is in the training set."""
    arrays = example()
    for part in ("images", "labels"):
        both = np.concatenate([arrays[f"train_{part}"], arrays[f"validation_{part}"]])
        arrays[f"train_{part}"], arrays[f"validation_{part}"] = both[:5], both[5:]
    return arrays


def test_the_content_hash_sees_every_change(tmp_path: Path) -> None:
    names = ["cat", "dog"]
    hashes = [
        content_hash(example(), names),
        content_hash(example(), ["dog", "cat"]),
        content_hash(example(), ["cat", "dogs"]),
        content_hash(cut_elsewhere(), names),
        *(content_hash(changed(f"{split}_images", (1, 31, 31, 2)), names) for split in ("train", "validation", "test")),
        *(content_hash(changed(f"{split}_labels", (0,)), names) for split in ("train", "validation", "test")),
    ]
    assert len(set(hashes)) == len(hashes)
    contiguous = {name: np.ascontiguousarray(array) for name, array in example().items()}
    assert save_prepared(tmp_path, "digits", names, contiguous).content_hash == hashes[0]


@pytest.mark.parametrize("damage", ["missing", "truncated", "a flipped bit", "another data set", "not safetensors"])
def test_a_data_file_that_is_not_the_manifests_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    manifest = save_prepared(tmp_path, "digits", ["cat", "dog"], example())
    file = tmp_path / DATA_FILE
    content = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(content[:-1])
    elif damage == "a flipped bit":
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == "another data set":
        other = save_prepared(tmp_path / "other", "digits", ["cat", "dog"], changed("train_images", (0, 0, 0, 0)))
        assert other != manifest
        (tmp_path / "other" / DATA_FILE).replace(file)
    else:
        file.write_bytes(b"\0" * 100)
    with pytest.raises(SweepError) as caught:
        map_prepared(tmp_path, manifest)
    assert str(caught.value).startswith(str(file))
    assert f"remove {tmp_path / MANIFEST_FILE} and run the same command again" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [None, "", '{"source": "digits", ', "{}", "[]", "7", '{"source": "digits", "class_names": [], "sizes": {}}'],
)
def test_a_damaged_manifest_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / MANIFEST_FILE).write_text(text)
    with pytest.raises(SweepError) as caught:
        read_manifest(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / MANIFEST_FILE} is missing or damaged")
    assert f"remove {tmp_path / MANIFEST_FILE} and run the same command again" in str(caught.value)


def test_a_manifest_with_another_key_is_refused(tmp_path: Path) -> None:
    save_prepared(tmp_path, "digits", ["cat", "dog"], example())
    manifest = json.loads((tmp_path / MANIFEST_FILE).read_text(encoding="utf-8"))
    (tmp_path / MANIFEST_FILE).write_text(json.dumps(manifest | {"mean": 0.5}))
    with pytest.raises(SweepError, match="mean"):
        read_manifest(tmp_path)
