"""The kept weights: what is in the file, that it is the record's, and that no other is ever used."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sweep.data.prepared import map_prepared, read_manifest, save_prepared, tensor_names
from sweep.errors import SweepError
from sweep.grid import Run
from sweep.models import build_model
from sweep.runs import job
from sweep.runs.job import Machine, run_job
from sweep.runs.records import Record, kept_file, read_record, weights_file
from sweep.runs.weights import SCALING, check_answers, count_bytes, read_weights
from sweep.training.loop import Split, evaluate, scale

MLP = Run("mlp", 4, 0.003, 0.2, 3, 0, (("hidden", 5), ("weight_decay", 0.01)))
CNN = Run("cnn", 8, 0.01, 0.2, 2, 0)
DIVERGES = Run("mlp", 4, 1e36, 0.0, 3, 0)
CLASSES = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)


def trained(folder: Path, run: Run, keep: str = "state") -> tuple[Path, Record]:
    """Train a run on made-up data; the file of its weights and its record."""
    numbers = np.random.default_rng(0)
    sizes = {"train": 16, "validation": 12, "test": 20}
    arrays = {}
    for name in tensor_names():
        size = sizes[name.split("_")[0]]
        images = name.endswith("images")
        arrays[name] = numbers.integers(0, 256, (size, 32, 32, 3), np.uint8) if images else numbers.integers(0, 3, size)
    manifest = save_prepared(folder / "data", "folder", CLASSES, arrays)
    kept = kept_file(folder / "records", run, manifest.content_hash)
    run_job(run, folder / "data", folder / "records", folder / "m.json", Machine("cpu", "fp32", 0, 1, 1), keep, 30)
    return weights_file(kept), read_record(kept)


@pytest.mark.parametrize("run", [MLP, CNN])
def test_the_best_and_the_last_weights_give_the_kept_answers(tmp_path: Path, run: Run) -> None:
    file, record = trained(tmp_path, run)
    stored = read_weights(file, record["content_hash"])
    assert stored is not None
    facts, arrays, _ = stored
    assert (facts["series"], facts["epochs"]) == (record["series"], run.epochs)
    assert (facts["class_names"], facts["scaling"], facts["model"]) == (CLASSES, "(v - 128) / 255", run.model)
    own = {name: value for name, value in run.axes if name != "weight_decay"}
    tensors = map_prepared(tmp_path / "data", read_manifest(tmp_path / "data"))
    best, last = (build_model(run.model, 3, 0.9, **own) for _ in range(2))
    found = {name: torch.from_numpy(array) for name, array in arrays.items()}
    best.load_state_dict({name[5:]: tensor for name, tensor in found.items() if name.startswith("best.")})
    torch.nn.utils.vector_to_parameters(found["weights"], last.parameters())
    last.load_state_dict(
        {name[6:]: tensor for name, tensor in found.items() if name.startswith("model.")}, strict=False
    )
    for model, split, metrics, short in (
        (last, "validation", record["last"], "val"),
        (best, "test", record["best"], "test"),
    ):
        labels = tensors[f"{split}_labels"]
        loss, accuracy, answers = evaluate(model, Split(tensors[f"{split}_images"], labels), torch.float32)
        assert (loss, accuracy) == (metrics[f"{short}_loss"], metrics[f"{short}_acc"])
        for name, answer in answers._asdict().items():
            assert torch.equal(answer, found[f"{split}.{name}"])
        assert arrays[f"{split}.classes"].dtype == np.uint8
        assert np.mean(arrays[f"{split}.classes"] == labels.numpy()) == accuracy


@pytest.mark.parametrize("run", [MLP, CNN])
@pytest.mark.parametrize("keep", ["state", "weights"])
def test_the_size_of_the_files_is_known_before_the_training(tmp_path: Path, run: Run, keep: str) -> None:
    file, _ = trained(tmp_path, run, keep)
    known = count_bytes([run], 3, 12 + 20)
    assert 0 < file.stat().st_size - known[keep] < 4000
    assert count_bytes([run, replace(run, seed=1)], 3, 32) == {each: 2 * size for each, size in known.items()}


def test_a_run_without_a_finished_epoch_has_no_weights_and_nothing_is_kept_if_so_asked(tmp_path: Path) -> None:
    file, record = trained(tmp_path, DIVERGES)
    assert record["best"] is None
    assert not file.exists()
    # Weights of an earlier record never stay beside a new one.
    file, record = trained(tmp_path, MLP)
    file.with_suffix(".json").unlink()
    file, record = trained(tmp_path, MLP, "nothing")
    assert read_weights(file, record["content_hash"]) is None


def test_a_damaged_file_or_one_of_another_record_is_never_used(tmp_path: Path) -> None:
    file, record = trained(tmp_path, MLP)
    good = file.read_bytes()
    for content in (b"", good[:-1], good[: len(good) // 2], *(flipped(good, k) for k in range(0, len(good), 997))):
        file.write_bytes(content)
        with pytest.raises(SweepError, match=f"{file} is damaged; `make remake` .* without its weights: rm {file}"):
            read_weights(file, record["content_hash"])
    file.write_bytes(good)
    with pytest.raises(SweepError, match=f"{file} is of another record of this run"):
        read_weights(file, "0" * 64)
    file.unlink()
    file.mkdir()  # stands for what is somebody else's: there, but not to be opened
    with pytest.raises(SweepError, match=rf"^{file} cannot be read \(Is a directory\)$"):
        read_weights(file, record["content_hash"])


def test_the_scaling_that_is_kept_is_that_of_the_training() -> None:
    pixels = np.arange(256)
    expected = eval(SCALING, {"v": pixels})  # noqa: S307  our own
    np.testing.assert_allclose(scale(torch.tensor(pixels, dtype=torch.uint8), torch.float32), expected, rtol=1e-6)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_answers_that_do_not_give_the_records_metrics_are_an_error(tmp_path: Path, split: str) -> None:
    file, record = trained(tmp_path, MLP)
    stored = read_weights(file, record["content_hash"])
    assert stored is not None
    data = map_prepared(tmp_path / "data", read_manifest(tmp_path / "data"))
    labels: dict[str, Any] = {each: data[f"{each}_labels"].numpy() for each in ("validation", "test")}
    check_answers(record, stored.arrays, labels)
    classes, losses = stored.arrays[f"{split}.classes"], stored.arrays[f"{split}.losses"]
    right = np.flatnonzero(classes == labels[split])[0]
    wrong = {f"{split}.classes": np.where(np.arange(len(classes)) == right, (classes + 1) % 3, classes)}
    for change in (wrong, {f"{split}.losses": losses * np.float32(1 + 3e-5)}):
        with pytest.raises(SweepError, match=f"the answers to the {split} set"):
            check_answers(record, {**stored.arrays, **change}, labels)
    # A loss that is not finite is not in the record.
    check_answers({**record, "best": {**record["best"], "test_loss": None}}, stored.arrays, labels)


def test_weights_are_of_the_code_that_the_job_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = iter(["before", "after"])
    monkeypatch.setattr(job, "model_hash", lambda _: next(hashes))
    file, record = trained(tmp_path, MLP)
    stored = read_weights(file, record["content_hash"])
    assert stored is not None
    assert stored.facts["model_hash"] == "before"
    assert next(hashes) == "after"


def test_a_buffer_in_bfloat16_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*arguments: Any, **axes: Any) -> Any:
        model = build_model(*arguments, **axes)
        model.register_buffer("scale", torch.tensor([1.5, 2.25], dtype=torch.bfloat16))
        return model

    monkeypatch.setattr("sweep.training.loop.build_model", build)
    file, record = trained(tmp_path, MLP)
    stored = read_weights(file, record["content_hash"])
    assert stored is not None
    assert stored.arrays["best.scale"].tolist() == [1.5, 2.25]
