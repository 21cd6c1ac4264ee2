"""A sweep's results for notebooks: its tables, and its trained models.

    from sweep.results import load_model, load_runs, predict

    runs = load_runs("cifar10")
    model = load_model(runs.loc[runs["best_val_acc"].idxmax()])
    probabilities = predict(model, images)  # images: (n, 32, 32, 3) uint8

The folder scripts/ must be on Python's path. `folder` is the one in which the sweep runs, by default the current one.
Nothing here trains or writes, and no file is unpickled. The message of every SweepError says what to do.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep.analysis.tables import describe_damage, read_table
from sweep.errors import SweepError
from sweep.layout import RECORDS, Layout
from sweep.models import build_model, hyper_parameters, model_names, own_axes
from sweep.runs.records import model_hash, weights_file
from sweep.runs.tensors import Stored
from sweep.runs.weights import SCALING, mend_advice, read_weights

# torch takes seconds to import, and the tables do not need it: the functions that do import it themselves.
if TYPE_CHECKING:
    from torch import Tensor, nn

# A row of `load_runs`.
Row = Mapping[str, Any] | pd.Series
# Every model takes images of this shape.
IMAGE_SHAPE = (32, 32, 3)


def load_runs(experiment: str, folder: Path = Path()) -> pd.DataFrame:
    """The table of an experiment's runs, a row a run: its hyper-parameters, the metrics of its last epoch (last_…) and
    of the one with the best validation accuracy (best_…), and its origin. Where a model's search is halved, it is the
    longest run of each configuration and seed, whose number of epochs is in the column `epochs`.

    Raises:
        SweepError: the tables are missing or damaged.
    """
    return _load_table(experiment, folder, "runs")


def load_epochs(experiment: str, folder: Path = Path()) -> pd.DataFrame:
    """The table of an experiment's epochs, a row an epoch of each run, counted from 0: its metrics, learning rate and
    seconds. Raises SweepError as `load_runs`."""
    return _load_table(experiment, folder, "epochs")


def load_configurations(experiment: str, folder: Path = Path()) -> pd.DataFrame:
    """The table of an experiment's configurations, a row each, ranked within their model: means over the seeds, and
    their spread. Where a model's search is halved, a configuration ranks behind all that were trained for more
    `epochs`, a column. Raises SweepError as `load_runs`."""
    return _load_table(experiment, folder, "configurations")


def best_run(runs: pd.DataFrame, configurations: pd.DataFrame, model: str, rank_by: str) -> pd.Series | None:
    """The row of a model's best run, or None if every configuration has a diverged run: the first of `leading_runs`."""
    return next(iter(leading_runs(runs, configurations, model, rank_by, 1)), None)


def leading_runs(
    runs: pd.DataFrame, configurations: pd.DataFrame, model: str, rank_by: str, most: int
) -> list[pd.Series]:
    """The row of the best run of each of a model's best configurations, at most so many, the best first.

    It is the run whose last epoch is the best by `rank_by`, val_loss or val_acc, by which the `configurations` are
    ranked; of equal ones the first. Configurations with a diverged run are left out. Where the model's search is
    halved, only those count that were trained for the most epochs: one that was stopped earlier is never the best.
    """
    own = configurations[configurations["model"] == model]
    sound = own[(own["diverged"] == 0) & (own["epochs"] == own["epochs"].max())]
    found = []
    for name in sound.sort_values("rank")["name"].iloc[:most]:
        seeds = runs[(runs["model"] == model) & (runs["name"] == name)]
        order = seeds.sort_values(f"last_{rank_by}", ascending=rank_by == "val_loss", kind="stable")
        found.append(order.iloc[0])
    return found


def load_model(run: Row, epoch: Literal["best", "last"] = "best", folder: Path = Path()) -> "nn.Module":
    """The trained model of a run, which is a row of `load_runs`: in float32, on the CPU, and in evaluation mode.

    Its weights are those of the epoch with the best validation accuracy or of the last one. It maps scaled images to
    logits, (n, classes), so use `predict`. Its attribute `class_names`, a list of str, names the classes in the order
    of the logits.

    Raises:
        SweepError: the run's weights were not kept, are damaged or are of another record than the row, or the code of
            the model has changed since; or `epoch` is another word.
    """
    if epoch not in ("best", "last"):
        raise SweepError(f'epoch must be "best" or "last", not {epoch!r}')
    file, stored = find_weights(run, folder / RECORDS)
    if stored is None:
        raise SweepError(f"{file} is missing: {_say_why(run)}")
    return restore_model(run, file, stored, epoch)


def predict(model: "nn.Module", images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The probability of each class, (n, classes) float32, for RGB images, (n, 32, 32, 3) uint8; n may be 0.

    The model is on the CPU. It stays in the mode that it is in: what `load_model` gives is in evaluation mode.

    Raises:
        SweepError: the images are of another type or shape.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != IMAGE_SHAPE:
        raise SweepError(
            "images must be uint8 of the shape (n, 32, 32, 3), values from 0 to 255 with red, green and blue last, "
            f"not {images.dtype} of the shape {tuple(images.shape)}"
        )
    import torch

    from sweep.training.loop import EVALUATION_BATCHES, scale

    size = EVALUATION_BATCHES["cpu"]
    with torch.no_grad():
        # Copied, since an array may be read-only or in any order in memory. No image at all is a batch of none.
        batches = (torch.from_numpy(images[start : start + size].copy()) for start in range(0, len(images) or 1, size))
        probabilities: Tensor = torch.cat([model(scale(batch, torch.float32)).softmax(1) for batch in batches])
    return probabilities.numpy()


def find_weights(run: Row, records: Path) -> tuple[Path, Stored | None]:
    """The file of the weights of a run, which is a row of `load_runs`, below the folder `records`, and what it holds;
    None if there is none. Raises SweepError if they are damaged or of another record of the run."""
    # In a table that was joined with others, the number may have become 20.0.
    file = weights_file(records / run["series"] / f"{int(run['epochs'])}.json")
    return file, read_weights(file, run["content_hash"])


def restore_model(run: Row, file: Path, stored: Stored, epoch: Literal["best", "last"] = "best") -> "nn.Module":
    """The trained model of a run, as `load_model` gives it, from what `find_weights` found. Raises SweepError if that
    does not fit the model, or is of other code of the model."""
    if fault := _describe_changed_code(run, stored):
        raise SweepError(f"{file} {fault}")
    import torch

    try:
        class_names = [str(name) for name in stored.facts["class_names"]]
        model: Any = build_fresh(run, len(class_names))
        arrays = {name: torch.tensor(array) for name, array in stored.arrays.items()}
        if epoch == "best":
            best = {name.removeprefix("best."): array for name, array in arrays.items() if name.startswith("best.")}
            model.load_state_dict(best)
        else:
            _load_last(model, arrays)
    except (LookupError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise SweepError(
            f"{file} does not fit the model in scripts/sweep/models/{run['model']}.py ({reason}); {mend_advice(file)}"
        ) from None
    model.class_names = class_names
    restored: nn.Module = model.eval()
    return restored


def build_fresh(run: Row, classes: int) -> "nn.Module":
    """The model of a run, which is a row of `load_runs`, with fresh weights. The random numbers of others stay as they
    are."""
    import torch

    # A column is there only if it is anywhere not at its default, and empty for a model that lacks it.
    given = [(name, run[name]) for name in hyper_parameters(run["model"]) if name in run and not pd.isna(run[name])]
    with torch.random.fork_rng(devices=[]):
        return build_model(run["model"], classes, run["dropout_rate"], **own_axes(run["model"], given))


def run_path(run: Row) -> str:
    """The name of a run, which is a row of `load_runs`, as its folder has it: "mlp/1024_0.001_0.2/seed0"."""
    return f"{run['model']}/{run['name']}/seed{run['seed']}"


def _load_table(experiment: str, folder: Path, name: str) -> pd.DataFrame:
    tables = folder / Layout({"experiment": experiment}).tables
    file = tables / f"{name}.csv"
    if not file.exists():
        others = sorted(found.parents[1].name for found in folder.glob("results/*/tables/runs.csv"))
        raise SweepError(
            f"{file} is missing: run the sweep first, or give the folder in which it runs; "
            f"there are tables of {', '.join(others) or 'no experiment'}"
        )
    if fault := describe_damage(tables):
        raise SweepError(fault)
    return read_table(file)


def _load_last(model: "nn.Module", arrays: "Mapping[str, Tensor]") -> None:
    """Give the model the parameters and running statistics of the last epoch. Raises LookupError or RuntimeError if
    they do not fit."""
    parameters = list(model.parameters())
    vectors = arrays["weights"].split([parameter.numel() for parameter in parameters])
    for parameter, vector in zip(parameters, vectors, strict=True):
        parameter.data.copy_(vector.view_as(parameter))
    for name, buffer in model.named_buffers(prefix="model"):
        buffer.copy_(arrays[name].view_as(buffer))


def _say_why(run: Row) -> str:
    if pd.isna(run["best_epoch"]):
        return "the run diverged in its first epoch, so that it has no weights; take another one"
    return "the run's weights were not kept; `make remake` has such runs trained again on purpose"


def _describe_changed_code(run: Row, stored: Stored) -> str:
    """Half a sentence on a model whose code is no longer that of its training, with what to do; "" if it still is."""
    model, commit = run["model"], run["commit"]
    is_same = model in model_names() and stored.facts.get("model_hash") == model_hash(model)
    if is_same and stored.facts.get("scaling") == SCALING:
        return ""
    what = (
        f"is of other code than scripts/sweep/models/{model}.py, with what that imports, is now: run the sweep again, "
        "which trains with the code as it is now, or use the old code"
    )
    if pd.isna(commit):
        return f"{what}; which that is the record does not say, since it was not under git"
    where = f"{what} in a folder beside this one: git worktree add ../old {commit.removesuffix('-dirty')}"
    if commit.endswith("-dirty"):
        return f"{where} (it lacks changes that were not committed when the run was trained)"
    return where
