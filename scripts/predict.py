"""Name the classes of picture files: see `predict`."""

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep import program, results
from sweep.data.sources.folder import read_image
from sweep.data.sources.listing import name_some
from sweep.errors import SweepError
from sweep.grid import Grid
from sweep.layout import Layout


def predict(pictures: list[Path], experiment: str, model: str = "", run: str = "") -> None:
    """Print the classes that a trained model gives to picture files, as CSV: picture, class, its probability, and then
    the probability of every class, in a column a class.

    --pictures are files as those of an image folder (JPEG, PNG, GIF, WEBP or BMP), made 32×32 RGB in the same way. The
    model is that of the best run of --model, such as mlp, or of a --run, such as mlp/128_0.001_0.2/seed0, with its
    weights of the best validation epoch. If a file cannot be read, all such files are named and nothing is printed.
    """
    trained: Any = results.load_model(find_run(experiment, model, run))
    probabilities = results.predict(trained, read_pictures(pictures))
    # Names from files and folders of others may hold anything.
    names = [program.printable(name) for name in trained.class_names]
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(["picture", "class", "probability", *names])
    for picture, row in zip(pictures, probabilities, strict=True):
        given = int(row.argmax())
        shown = [f"{probability:.6g}" for probability in row]
        table.writerow([program.printable(str(picture)), names[given], shown[given], *shown])


def find_run(experiment: str, model: str, run: str) -> pd.Series:
    """The row of the run that is named, or of the model's best run. Raises SweepError if there is none."""
    if bool(model) == bool(run):
        raise SweepError("give either --model, for its best run, or --run, such as mlp/128_0.001_0.2/seed0")
    runs = results.load_runs(experiment)
    if run:
        named = [row for _, row in runs.iterrows() if results.run_path(row) == run]
        if not named:
            known = [results.run_path(row) for _, row in runs.iterrows()]
            raise SweepError(f"--run {run}: {experiment} has no such run; it has {name_some(known)}")
        return named[0]
    if model not in set(runs["model"]):
        raise SweepError(f"--model {model}: {experiment} has no such model; it has {', '.join(runs['model'].unique())}")
    rank_by = Grid.read(Layout({"experiment": experiment}).tables / "grid.json").rank_by
    best = results.best_run(runs, results.load_configurations(experiment), model, rank_by)
    if best is None:
        raise SweepError(
            f"--model {model}: every configuration has a run that diverged, but for those that a halved search stopped "
            "early, if it is one; name a run with --run"
        )
    return best


def read_pictures(files: list[Path]) -> NDArray[np.uint8]:
    """The pictures, (n, 32, 32, 3) RGB. Raises SweepError, which names them, if some cannot be read."""
    images = np.empty((len(files), *results.IMAGE_SHAPE), np.uint8)
    unreadable = []
    for image, file in zip(images, files, strict=True):
        try:
            image[:] = read_image(str(file))
        except Exception as error:  # Pillow's decoders raise errors of many types
            unreadable.append(f"{file} ({error})")
    if unreadable:
        raise SweepError(f"these are no pictures that can be read, leave them out: {name_some(unreadable)}")
    return images


if __name__ == "__main__":
    program.run(predict)
