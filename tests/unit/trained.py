"""A small sweep that was really trained: its data, records, weights and tables, in the layout of a sweep's folder."""

from pathlib import Path

import numpy as np

from sweep.analysis.tables import write_tables
from sweep.data.prepared import Manifest, read_manifest, save_prepared, tensor_names
from sweep.files import write_json
from sweep.grid import Grid, Run
from sweep.layout import RECORDS
from sweep.runs.job import Machine, train_run
from sweep.runs.records import Record, checkpoint_file, kept_file, read_record

EXPERIMENT = "small"
# Names as folders may have them.
CLASS_NAMES = ["a,b", 'c"d', "\x1b[31m日本"]
SIZES = {"train": 64, "validation": 30, "test": 37}
SPACES = {
    "mlp": {"batch_sizes": [8], "learning_rates": [0.02], "dropout_rates": [0.5], "epochs": 4},
    "cnn": {"batch_sizes": [8], "learning_rates": [0.02], "dropout_rates": [0.4], "epochs": 5},
}
MACHINE = Machine("cpu", "fp32", 0, 1, 1)


def train_small_sweep(folder: Path) -> Grid:
    """Train a run of each model and write the tables, below `folder`. Where this was written, neither had its best
    validation accuracy at the last epoch, and the MLP made mistakes."""
    manifest = save_data(data_folder(folder), CLASS_NAMES)
    grid = Grid.of(SPACES, [0])
    for run in grid.runs():
        train_again(folder, run, manifest, "state")
    tabulate(folder, grid)
    return grid


def data_folder(folder: Path) -> Path:
    return folder / "results" / EXPERIMENT / "data"


def tables_folder(folder: Path) -> Path:
    return folder / "results" / EXPERIMENT / "tables"


def save_data(folder: Path, class_names: list[str]) -> Manifest:
    """Noise with a faint stripe, whose height says the class."""
    generator = np.random.default_rng(0)
    arrays = {}
    for split, size in SIZES.items():
        labels = np.arange(size, dtype=np.int64) % 3
        images = generator.integers(0, 200, (size, 32, 32, 3), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[8 * label + 4 : 8 * label + 8] += 12
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images, labels
    assert sorted(arrays) == sorted(tensor_names())
    return save_prepared(folder, "folder", class_names, arrays)


def train_again(folder: Path, run: Run, manifest: Manifest, keep: str) -> Record:
    kept = kept_file(folder / RECORDS, run, manifest.content_hash)
    return train_run(run, data_folder(folder), manifest, MACHINE, kept, checkpoint_file(kept), keep, 30)


def tabulate(folder: Path, grid: Grid) -> None:
    """Write the tables of the kept records as they are now, and the grid that a program is given."""
    data_hash = read_manifest(data_folder(folder)).content_hash
    runs = grid.runs()
    records = [read_record(kept_file(folder / RECORDS, run, data_hash)) for run in runs]
    write_tables(tables_folder(folder), runs, records, grid)
    write_json(folder / "grid.json", grid.content())
