"""The program that examines a best run: its numbers are those of the record, or it says what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix
from statsmodels.stats.contingency_tables import mcnemar

from examine import examine
from examples import record
from sweep.analysis.examined import Examination
from sweep.analysis.tables import write_tables
from sweep.data.prepared import map_prepared, read_manifest
from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import Grid
from sweep.layout import RECORDS
from sweep.results import find_weights, load_model, load_runs, predict
from sweep.runs.records import kept_file, make_record, read_record
from sweep.runs.tensors import read_tensors, write_tensors
from trained import CLASS_NAMES, EXPERIMENT, SPACES, data_folder, save_data, tables_folder, tabulate, train_again


def examined(folder: Path, model: str) -> Examination:
    output = folder / "examinations" / f"{model}.json"
    tables, data = tables_folder(folder), data_folder(folder)
    examine(folder / "grid.json", tables, model, data, folder / RECORDS, output)
    return Examination.read(output)


def weights_of(folder: Path, model: str) -> Path:
    (run,) = (run for run in Grid.read(folder / "grid.json").runs() if run.model == model)
    data_hash = read_manifest(data_folder(folder)).content_hash
    return kept_file(folder / RECORDS, run, data_hash).with_suffix(".safetensors")


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_an_examination_is_of_the_records_run_and_its_kept_weights(sweep: Path, model: str) -> None:
    found = examined(sweep, model)
    weights = weights_of(sweep, model)
    of = read_record(weights.with_suffix(".json"))
    assert (found.model, found.class_names, found.unavailable) == (model, CLASS_NAMES, "")
    assert (found.run, found.series, found.epochs) == (f"{model}/{found.name}/seed0", of["series"], of["epochs"])
    assert (found.best_epoch, found.content_hash) == (of["best"]["epoch"], of["content_hash"])
    assert found.digest == read_tensors(weights).digest

    tensors = {
        name: tensor.numpy()
        for name, tensor in map_prepared(data_folder(sweep), read_manifest(data_folder(sweep))).items()
    }
    row = next(row for _, row in load_runs(EXPERIMENT, sweep).iterrows() if row["model"] == model)
    best = load_model(row, "best", sweep)
    assert found.answered is not None
    assert found.answered.accuracy == of["best"]["test_acc"]
    given = predict(best, tensors["test_images"]).argmax(1)
    assert found.answered.confusion == confusion_matrix(tensors["test_labels"], given, labels=range(3)).tolist()

    # The weights of the best epoch, in evaluation mode: accuracy and loss of the validation set are that epoch's.
    assert found.modes is not None
    assert (found.modes.images, found.modes.batch_size, found.modes.passes) == (30, 8, 5)
    evaluated = found.modes.rows[0]
    assert evaluated.accuracy == of["best"]["val_acc"]
    assert evaluated.loss == pytest.approx(of["best"]["val_loss"], rel=1e-4)

    assert found.shift is not None
    assert found.shift.accuracies[0] == [found.answered.accuracy]
    assert [len(each) for each in found.shift.accuracies] == [1, 8, 8, 8, 8]
    assert [mark == "-" for mark in found.shift.lost] == (given != tensors["test_labels"]).tolist()
    assert found.size is not None
    assert found.size.parameters == sum(parameter.numel() for parameter in best.parameters())


def test_the_best_run_is_compared_with_the_next_ones_on_the_same_pictures(copy: Path) -> None:
    """With three more configurations of which one's answers are damaged, and one's are others than the record says."""
    manifest = read_manifest(data_folder(copy))
    spaces = {**SPACES, "mlp": {**SPACES["mlp"], "dropout_rates": [0.5, 0.4, 0.3, 0.2, 0.1], "epochs": 1}}
    grid = Grid.of(spaces, [0])
    for run in grid.runs():
        train_again(copy, run, manifest, "weights")
    tabulate(copy, grid)
    tables = load_runs(EXPERIMENT, copy)
    order = [row for _, row in tables[tables["model"] == "mlp"].sort_values("last_val_loss").iterrows()]
    best, near, *_ = order
    files = [find_weights(row, copy / RECORDS)[0] for row in order]
    files[2].write_bytes(files[2].read_bytes()[:-1])
    facts, arrays, _ = read_tensors(files[3])
    arrays["validation.classes"] = (arrays["validation.classes"] + 1) % 3
    write_tensors(files[3], facts, arrays)
    files[4].unlink()

    found = examined(copy, "mlp").nearest
    assert found is not None
    assert (found.images, found.left_out, [each.name for each in found.compared]) == (30, 3, [near["name"]])
    (compared,) = found.compared
    assert compared.content_hash == near["content_hash"]
    assert compared.accuracy.difference == pytest.approx(best["last_val_acc"] - near["last_val_acc"])
    assert compared.gained - compared.lost == round(30 * (best["last_val_acc"] - near["last_val_acc"]))
    ours, theirs = (read_tensors(file).arrays for file in files[:2])
    labels = map_prepared(data_folder(copy), manifest)["validation_labels"].numpy()
    rights = [each["validation.classes"] == labels for each in (ours, theirs)]
    table = [[int((rights[0] == a).astype(int) @ (rights[1] == b)) for b in (True, False)] for a in (True, False)]
    assert (compared.gained, compared.lost) == (table[0][1], table[1][0])
    assert compared.accuracy.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert compared.loss is not None
    assert compared.loss.difference == pytest.approx(best["last_val_loss"] - near["last_val_loss"], rel=1e-3, abs=1e-6)
    assert compared.loss.p == pytest.approx(
        stats.ttest_rel(ours["validation.losses"], theirs["validation.losses"]).pvalue, rel=1e-3
    )

    # Without answers of its own the best run is compared with none, and that is no fault.
    facts, arrays, _ = read_tensors(files[0])
    del arrays["validation.losses"]
    write_tensors(files[0], facts, arrays)
    alone = examined(copy, "mlp")
    assert (alone.nearest, alone.unavailable) == (None, "")


def test_the_same_weights_give_the_same_file(sweep: Path, copy: Path) -> None:
    for folder in (sweep, copy):
        examined(folder, "mlp")
    files = [folder / "examinations" / "mlp.json" for folder in (sweep, copy)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_of_a_run_without_weights_the_size_alone_is_known(sweep: Path, copy: Path) -> None:
    weights_of(copy, "mlp").unlink()
    found, whole = examined(copy, "mlp"), examined(sweep, "mlp")
    assert found.unavailable == "no_weights"
    assert (found.run, found.content_hash, found.size) == (whole.run, whole.content_hash, whole.size)
    assert (found.digest, found.answered, found.modes, found.shift) == (None, None, None, None)


def test_a_model_whose_configurations_all_diverged_has_no_best_run(copy: Path) -> None:
    grid = Grid.read(copy / "grid.json")
    data_hash = read_manifest(data_folder(copy)).content_hash
    runs = grid.runs()
    diverged = {**record(runs[0], [], [], 0)}
    keys = (
        "commit",
        "status",
        "diverged_epoch",
        "resumed_epochs",
        "history",
        "best",
        "last",
        "training_s",
        "environment",
    )
    records = [make_record(run, data_hash, {key: diverged[key] for key in keys}) for run in runs]
    write_tables(tables_folder(copy), runs, records, grid)
    found = examined(copy, "cnn")
    assert (found.unavailable, found.run, found.size, found.class_names) == ("diverged", None, None, CLASS_NAMES)


def rename_classes(facts: dict[str, Any], _: dict[str, Any]) -> None:
    facts["class_names"] = ["x", "y", "z"]


def change_an_answer(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.classes"] = np.where(np.arange(37) == 5, (arrays["test.classes"] + 1) % 3, arrays["test.classes"])


def lose_an_answer(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.classes"] = arrays["test.classes"][:-1]


def answer_a_fourth_class(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.classes"] = np.full(37, 3, np.uint8)


def number_the_classes(facts: dict[str, Any], _: dict[str, Any]) -> None:
    facts["class_names"] = [1, 2, 3]


def lose_the_probabilities(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    del arrays["test.probabilities"]


def lose_a_probability(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.probabilities"] = arrays["test.probabilities"][:-1]


def spell_the_probabilities(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.probabilities"] = np.ones(37, np.uint8)


def answer_in_halves(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.classes"] = arrays["test.classes"].astype(np.float32)


def answer_below_the_first_class(_: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["test.classes"] = arrays["test.classes"].astype(np.int16) - 1


FAULTS = {
    rename_classes: "is for the classes x, y, z, the data have a,b, c",
    number_the_classes: "is for the classes 1, 2, 3, the data have a,b, c",
    lose_the_probabilities: "has no answers to these test images",
    lose_a_probability: "has no answers to these test images",
    spell_the_probabilities: "has no answers to these test images",
    answer_in_halves: "has no answers to these test images",
    answer_below_the_first_class: "has no answers to these test images",
    change_an_answer: "has other answers than those whose accuracy is in the record",
    lose_an_answer: "has no answers to these test images",
    answer_a_fourth_class: "has no answers to these test images",
}


@pytest.mark.parametrize("change", FAULTS)
def test_weights_that_are_not_of_these_data_are_refused(copy: Path, change: Any) -> None:
    file = weights_of(copy, "mlp")
    facts, arrays, _ = read_tensors(file)
    change(facts, arrays)
    write_tensors(file, facts, arrays)
    with pytest.raises(SweepError, match=f"^{file} {FAULTS[change]}.*make remake.*rm {file}$"):
        examined(copy, "mlp")
    assert not (copy / "examinations").exists()


def test_damaged_weights_tables_and_data_are_refused(copy: Path) -> None:
    file = weights_of(copy, "mlp")
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(SweepError, match=f"^{file} is damaged"):
        examined(copy, "mlp")
    file.write_bytes(content)
    save_data(data_folder(copy), ["other", "class", "names"])
    with pytest.raises(SweepError, match=r"runs\.csv: 2 of its 2 runs were made with other data"):
        examined(copy, "mlp")
    write_json(copy / "grid.json", {**Grid.read(copy / "grid.json").content(), "seeds": [0, 1]})
    with pytest.raises(SweepError, match=r"the tables are of another grid"):
        examined(copy, "mlp")
