"""Examine the best run of a model: see `examine`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep import program
from sweep.analysis.examined import MOST_NEAREST, Examination
from sweep.analysis.tables import check_data, check_tables, read_table
from sweep.data.prepared import Manifest, map_prepared, read_manifest
from sweep.errors import SweepError
from sweep.grid import Grid
from sweep.results import build_fresh, find_weights, leading_runs, restore_model, run_path
from sweep.runs.tensors import Stored
from sweep.runs.weights import mend_advice


def examine(grid: Path, tables: Path, model: str, data: Path, records: Path, output: Path) -> None:
    """Examine the best run of a model's best configuration, with the weights of its best validation epoch, and compare
    its answers to the validation set at its last epoch with those of the configurations that rank next.

    --grid is the grid that the tables must be of, --tables their folder, --data that of the prepared data, --records
    that of the kept records, and --output the file to write. If the run's weights were not kept, the output says so and
    has the model's size alone.
    """
    check_tables(tables, grid)
    runs, configurations = (read_table(tables / f"{name}.csv") for name in ("runs", "configurations"))
    manifest = read_manifest(data)
    check_data(tables, runs, manifest.content_hash)
    leading = leading_runs(runs, configurations, model, Grid.read(grid).rank_by, 1 + MOST_NEAREST)
    if not leading:
        found = Examination(model, manifest.class_names, "diverged")
    else:
        found = examine_run(*leading, records=records, data=data, manifest=manifest)
    found.write(output)
    print(f"Wrote {output}")


def examine_run(row: pd.Series, *others: pd.Series, records: Path, data: Path, manifest: Manifest) -> Examination:
    """The examination of the run that is this row of the table of runs, and its comparison with the others. Raises
    SweepError if its weights are damaged or are not of these data."""
    # Imported here: torch takes seconds, and without a best run it is not needed.
    import torch

    from sweep.examination.answers import examine_answers
    from sweep.examination.modes import examine_modes
    from sweep.examination.nearest import examine_nearest
    from sweep.examination.shift import examine_shift
    from sweep.examination.size import measure_size
    from sweep.runs.hardware import set_up
    from sweep.training.loop import Split

    set_up(torch.device("cpu"), threads=1)
    file, stored = find_weights(row, records)
    found = Examination(
        model=row["model"],
        class_names=manifest.class_names,
        unavailable="no_weights" if stored is None else "",
        run=run_path(row),
        name=row["name"],
        series=row["series"],
        epochs=int(row["epochs"]),
        best_epoch=int(row["best_epoch"]),
        content_hash=row["content_hash"],
    )
    if stored is None:
        print(f"{file} is missing: the run left no weights, so that its size alone is measured")
        return replace(found, size=measure_size(build_fresh(row, len(manifest.class_names)).eval()))
    model = restore_model(row, file, stored)
    tensors = map_prepared(data, manifest)
    validation, test = (
        Split(tensors[f"{split}_images"], tensors[f"{split}_labels"]) for split in ("validation", "test")
    )
    check_fit(file, row, stored, manifest.class_names, test.labels.numpy())
    return replace(
        found,
        digest=stored.digest,
        size=measure_size(model),
        answered=examine_answers(
            stored.arrays["test.classes"],
            stored.arrays["test.probabilities"],
            test.labels.numpy(),
            test.images.numpy(),
            len(manifest.class_names),
        ),
        modes=examine_modes(model, validation, int(row["batch_size"])),
        shift=examine_shift(model, test),
        nearest=examine_nearest(row, others, records, validation.labels.numpy())
        if len(validation.labels) > 1
        else None,
    )


def check_fit(file: Path, row: pd.Series, stored: Stored, class_names: list[str], labels: NDArray[np.int64]) -> None:
    """Check that weights are for these classes and that their answers to the test set are those of the record. `labels`
    are its right classes, (n,). Raises SweepError if not."""
    found = stored.facts["class_names"]
    given, probabilities = (stored.arrays.get(f"test.{name}", np.empty(0)) for name in ("classes", "probabilities"))
    are_answers = given.dtype.kind in "iu" and probabilities.dtype.kind == "f"
    if found != class_names:
        fault = f"is for the classes {', '.join(map(str, found))}, the data have {', '.join(class_names)}"
    elif (
        not (are_answers and given.shape == probabilities.shape == labels.shape)
        or not ((given >= 0) & (given < len(class_names))).all()
    ):
        fault = "has no answers to these test images"
    elif int((given == labels).sum()) / len(labels) != row["best_test_acc"]:
        fault = "has other answers than those whose accuracy is in the record"
    else:
        return
    raise SweepError(f"{file} {fault}; {mend_advice(file)}")


if __name__ == "__main__":
    program.run(examine)
