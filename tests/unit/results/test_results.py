"""What a notebook gets of a sweep: tables, and models that answer as they did when they were trained; or a sentence."""

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from examples import record
from project import REPOSITORY
from sweep import results
from sweep.analysis.tables import configuration_table, run_table
from sweep.data.prepared import map_prepared, read_manifest
from sweep.errors import SweepError
from sweep.grid import Grid, Run
from sweep.layout import RECORDS
from sweep.models import build_model, hyper_parameters
from sweep.results import best_run, load_configurations, load_epochs, load_model, load_runs, predict
from sweep.runs.records import read_record
from sweep.runs.tensors import read_tensors, write_tensors
from trained import (
    CLASS_NAMES,
    EXPERIMENT,
    SPACES,
    data_folder,
    tables_folder,
    tabulate,
    train_again,
)


def row_of(folder: Path, model: str) -> pd.Series:
    runs = load_runs(EXPERIMENT, folder)
    return runs[runs["model"] == model].iloc[0]


def images_of(folder: Path, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    tensors = map_prepared(data_folder(folder), read_manifest(data_folder(folder)))
    return tensors[f"{split}_images"].numpy(), tensors[f"{split}_labels"].numpy()


def kept(folder: Path, row: pd.Series) -> Path:
    return folder.joinpath(RECORDS, row["series"], f"{row['epochs']}.json")


@pytest.mark.parametrize("name", ["mlp", "cnn"])
@pytest.mark.parametrize(("epoch", "split"), [("best", "test"), ("last", "validation")])
def test_a_loaded_model_answers_as_it_did_in_its_training(sweep: Path, name: str, epoch: Any, split: str) -> None:
    row = row_of(sweep, name)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    model: Any = load_model(row, epoch, sweep)
    assert torch.equal(torch.rand(1), expected), "the random numbers of others have changed"
    images, labels = images_of(sweep, split)
    probabilities = predict(model, images)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(images), 3)
    assert (probabilities.argmax(1) == labels).mean() == row["best_test_acc" if epoch == "best" else "last_val_acc"]
    answers = read_tensors(kept(sweep, row).with_suffix(".safetensors")).arrays
    np.testing.assert_array_equal(probabilities.argmax(1), answers[f"{split}.classes"])
    np.testing.assert_allclose(probabilities.max(1), answers[f"{split}.probabilities"], rtol=1e-5)
    # A row whose numbers became floats, and images that are a list.
    again = load_model({**row, "epochs": float(row["epochs"])}, epoch, sweep)
    listed: Any = [*images[:2]]
    np.testing.assert_array_equal(predict(again, listed), predict(model, images[:2]))
    assert model.class_names == CLASS_NAMES
    assert not any(part.training for part in model.modules())
    assert {(tensor.dtype, tensor.device.type) for tensor in model.state_dict().values()} == {(torch.float32, "cpu")}


def test_another_epoch_than_best_or_last_is_a_sentence(sweep: Path) -> None:
    asked: Any = "lst"
    with pytest.raises(SweepError, match='must be "best" or "last"'):
        load_model(row_of(sweep, "mlp"), asked, sweep)


def test_a_model_has_the_hyper_parameters_of_its_run(copy: Path) -> None:
    """Of the model and of the training; those of the one model are empty cells of the other's rows."""
    axes: dict[str, dict[str, Any]] = {"mlp": {"hidden": [7], "batch_norm": [False]}, "cnn": {"weight_decay": [0.001]}}
    spaces = {
        model: {**space, "axes": axes[model], "defaults": {each.name: each.default for each in known.values()}}
        for model, space in SPACES.items()
        if (known := hyper_parameters(model))
    }
    grid = Grid.of(spaces, [0])
    for run in grid.runs():
        train_again(copy, run, read_manifest(data_folder(copy)), "weights")
    tabulate(copy, grid)
    images, labels = images_of(copy, "test")
    for name, hidden in (("mlp", 7), ("cnn", 128)):
        row = row_of(copy, name)
        model = load_model(row, folder=copy)
        assert len(next(model.parameters())) == hidden
        assert (predict(model, images).argmax(1) == labels).mean() == row["best_test_acc"]


def test_probabilities_do_not_depend_on_batches_and_memory_and_none_are_of_no_image(sweep: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (230, 32, 32, 3), np.uint8)
    images.flags.writeable = False
    for name in ("mlp", "cnn"):
        model = load_model(row_of(sweep, name), folder=sweep)
        scaled = (torch.tensor(images).float() - 128) / 255
        with torch.no_grad():
            expected = model(scaled).softmax(1).numpy()
        np.testing.assert_allclose(predict(model, images), expected, atol=1e-5)
        np.testing.assert_allclose(predict(model, images[::-1]), expected[::-1], atol=1e-5)
        assert predict(model, images[:0]).shape == (0, 3)
        np.testing.assert_allclose(expected.sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((2, 32, 32, 3), np.float32), "not float32 of the shape (2, 32, 32, 3)"),
        (np.zeros((32, 32, 3), np.uint8), "not uint8 of the shape (32, 32, 3)"),
        (np.zeros((2, 3, 32, 32), np.uint8), "not uint8 of the shape (2, 3, 32, 32)"),
        (np.zeros((2, 28, 28, 3), np.uint8), "not uint8 of the shape (2, 28, 28, 3)"),
        ([[1]], "not int64 of the shape (1, 1)"),
    ],
)
def test_images_of_another_form_are_a_sentence(images: Any, words: str) -> None:
    with pytest.raises(SweepError, match=r"^images must be uint8 of the shape \(n, 32, 32, 3\)") as caught:
        predict(build_model("mlp", 3, 0.0), images)
    assert words in str(caught.value)


def test_tables_are_those_of_the_records(sweep: Path) -> None:
    runs, epochs, ranked = (load(EXPERIMENT, sweep) for load in (load_runs, load_epochs, load_configurations))
    assert ranked[["model", "name", "rank"]].to_numpy().tolist() == [
        ["mlp", "8_0.02_0.5", 1],
        ["cnn", "8_0.02_0.4", 1],
    ]
    for _, row in runs.iterrows():
        found = read_record(kept(sweep, row))
        assert (row["model"], row["dropout_rate"], row["seed"]) == (found["model"], found["dropout_rate"], 0)
        assert row["best_test_acc"] == found["best"]["test_acc"]
        history = epochs[epochs["model"] == row["model"]]
        assert history["epoch"].tolist() == list(range(found["epochs"]))
        assert history["val_loss"].tolist() == found["history"]["val_loss"]


def test_tables_that_are_missing_or_damaged_are_refused(copy: Path) -> None:
    with pytest.raises(SweepError, match=f"results/other/tables/runs.csv is missing.*tables of {EXPERIMENT}$"):
        load_runs("other", copy)
    file = tables_folder(copy) / "runs.csv"
    file.write_text(file.read_text().replace("mlp", "cnn"))
    for load in (load_runs, load_epochs):
        with pytest.raises(SweepError, match=f"{file}: damaged.*rm -f {file}"):
            load(EXPERIMENT, copy)


def test_tables_load_without_torch(sweep: Path) -> None:
    code = (
        f"import sys; from sweep.results import load_runs; load_runs({EXPERIMENT!r}); sys.exit('torch' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "scripts")}
    assert subprocess.run([sys.executable, "-c", code], cwd=sweep, env=environment).returncode == 0


def test_the_best_run_is_one_of_the_best_configuration() -> None:
    """8_… is ranked first. 4_… has the best single run, and so has 16_…, of which another run diverged."""
    space = {"mlp": {"batch_sizes": [4, 8, 16], "learning_rates": [0.001], "dropout_rates": [0.2], "epochs": 2}}
    grid = Grid.of(space, [0, 1, 2])
    losses: dict[int, list[float | None]] = {4: [0.1, 2.0, 2.0], 8: [0.5, 0.4, 0.4], 16: [0.1, 0.1, None]}

    def made(run: Run) -> Any:
        loss = losses[run.batch_size][run.seed]
        return record(run, [], [], 0) if loss is None else record(run, [3.0, loss], [0.1, 0.5 + run.seed / 100])

    runs = grid.runs()
    table = run_table(runs, [made(run) for run in runs], grid)
    configurations = configuration_table(table, "val_loss")
    for rank_by, seed in (("val_loss", 1), ("val_acc", 2)):
        found = best_run(table, configurations.iloc[::-1], "mlp", rank_by)
        assert found is not None
        assert (found["name"], found["seed"]) == ("8_0.001_0.2", seed)
        diverged = configurations.assign(diverged=1)
        assert best_run(table, diverged, "mlp", rank_by) is None
        assert best_run(table, configurations, "cnn", rank_by) is None


class Bomb:
    """What would make a file if it were unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


Damage = Callable[[Path], Any]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "truncated": (lambda file: file.write_bytes(file.read_bytes()[:-9]), "is damaged"),
    "a flipped bit": (
        lambda file: file.write_bytes(
            file.read_bytes()[:-9] + bytes([file.read_bytes()[-9] ^ 1]) + file.read_bytes()[-8:]
        ),
        "is damaged",
    ),
    "a pickle": (lambda file: file.write_bytes(pickle.dumps(Bomb(file.with_name("pwned")))), "is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_weights_are_refused_with_the_command_that_mends_them(copy: Path, damage: str) -> None:
    row = row_of(copy, "mlp")
    file = kept(copy, row).with_suffix(".safetensors")
    change, words = DAMAGES[damage]
    change(file)
    with pytest.raises(SweepError, match=f"^{file} {words}.*make remake.*rm {file}$"):
        load_model(row, folder=copy)
    assert not file.with_name("pwned").exists()


def test_the_weights_of_another_run_are_refused(copy: Path) -> None:
    mine, other = (kept(copy, row_of(copy, name)).with_suffix(".safetensors") for name in ("mlp", "cnn"))
    shutil.copy(other, mine)
    with pytest.raises(SweepError, match=f"^{mine} is of another record"):
        load_model(row_of(copy, "mlp"), folder=copy)


def test_weights_that_were_not_kept_are_missed_by_name(copy: Path) -> None:
    row = row_of(copy, "mlp")
    file = kept(copy, row).with_suffix(".safetensors")
    file.unlink()
    with pytest.raises(SweepError, match=f"^{file} is missing: .* `make remake`"):
        load_model(row, folder=copy)


def test_weights_of_a_newer_record_than_the_tables_are_refused_and_the_record_is_not_needed(copy: Path) -> None:
    row = row_of(copy, "mlp")
    kept(copy, row).unlink()
    load_model(row, folder=copy)
    with pytest.raises(SweepError, match=r"safetensors is of another record of this run.*make status"):
        load_model(row.replace(row["content_hash"], "0" * 64), folder=copy)


def without(name: str) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    return lambda facts, arrays: (facts.pop(name, None), arrays.pop(name, None))


UNFIT: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "a class more": lambda facts, _: facts["class_names"].append("x"),
    "no classes": without("class_names"),
    "a parameter less": without("best.1.weight"),
    "a parameter more": lambda _, arrays: arrays.update({"best.x": np.zeros(1, np.float32)}),
    "another shape": lambda _, arrays: arrays.update({"best.1.weight": np.zeros((100, 7), np.float32)}),
}
UNFIT_LAST: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
    "a class more": UNFIT["a class more"],
    "no vector": without("weights"),
    "a number less": lambda _, arrays: arrays.update({"weights": arrays["weights"][:-1]}),
    "no statistics": without("model.2.running_var"),
}
CASES: list[tuple[Any, str, Any]] = [("best", *case) for case in UNFIT.items()]
CASES += [("last", *case) for case in UNFIT_LAST.items()]


@pytest.mark.parametrize(("epoch", "_name", "change"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_weights_that_do_not_fit_the_model_are_refused(copy: Path, epoch: Any, _name: str, change: Any) -> None:
    row = row_of(copy, "mlp")
    file = kept(copy, row).with_suffix(".safetensors")
    facts, arrays, _ = read_tensors(file)
    change(facts, arrays)
    write_tensors(file, facts, arrays)
    with pytest.raises(SweepError, match=f"^{file} does not fit the model in scripts/sweep/models/mlp.py"):
        load_model(row, epoch, copy)


@pytest.mark.parametrize(
    ("commit", "words"),
    [
        ("c" * 40, f"git worktree add ../old {'c' * 40}$"),
        ("c" * 40 + "-dirty", rf"git worktree add ../old {'c' * 40} \(it lacks changes"),
        (None, "the record does not say, since it was not under git$"),
    ],
)
def test_a_model_whose_code_has_changed_is_refused_with_the_way_to_the_old_code(
    copy: Path, monkeypatch: pytest.MonkeyPatch, commit: str | None, words: str
) -> None:
    row = row_of(copy, "mlp")
    row["commit"] = commit
    weights = kept(copy, row).with_suffix(".safetensors")
    load_model(row, folder=copy)
    sentence = f"^{weights} is of other code than scripts/sweep/models/mlp.py.*{words}"
    with monkeypatch.context() as patch, pytest.raises(SweepError, match=sentence):
        patch.setattr(results, "model_hash", lambda _: "another")
        load_model(row, folder=copy)
    with monkeypatch.context() as patch, pytest.raises(SweepError, match=sentence):
        patch.setattr(results, "model_names", lambda: ["cnn"])  # the model's file is gone
        load_model(row, folder=copy)
    facts, arrays, _ = read_tensors(weights)
    write_tensors(weights, {**facts, "scaling": "v / 255"}, arrays)
    with pytest.raises(SweepError, match=sentence):
        load_model(row, folder=copy)
