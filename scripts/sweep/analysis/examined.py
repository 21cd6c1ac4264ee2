"""What was found out about the best run of a model: the content of results/<experiment>/examinations/<model>.json."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sweep.errors import SweepError
from sweep.files import canonical_hash, read_json, write_json
from sweep.grid import Grid

if TYPE_CHECKING:
    import pandas as pd

# How many pixels the test set is moved by for the question of how many right answers a model then loses.
LOST_DISTANCE = 2
# The parts of a model of which it is known what they do in training mode, and of which parts `Mode` tells.
Part = Literal["batch_norm", "dropout"]
Kind = Literal["evaluation", "batch_norm", "dropout", "training"]
# The character of a picture in `Shift.lost` that the model has wrong unmoved.
WRONG = "-"
# With so many of the configurations that rank next the best one is compared: their answers have to be read.
MOST_NEAREST = 20


@dataclass(frozen=True)
class Size:
    """A model's number of parameters, and of multiplications with an addition that an answer for one picture takes, in
    convolutions and matrix products."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class ClassAccuracy:
    """The accuracy on the test pictures of one class, `right` of `images`, and Wilson's 95 % interval of it."""

    images: int
    right: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Mistake:
    """A test picture, by its place in the test set, whose class was given wrong with this probability."""

    image: int
    right: int
    given: int
    probability: float
    png: str  # the 32×32 picture as a PNG file, in base64


@dataclass(frozen=True)
class Answered:
    """The answers to the test set: counts by right class (rows) and given class (columns), the accuracy of each class
    (None for one without pictures), and the most confident mistakes, the most confident first."""

    images: int
    accuracy: float
    confusion: list[list[int]]
    classes: list[ClassAccuracy | None]
    mistakes: list[Mistake]


@dataclass(frozen=True)
class Mode:
    """Accuracy and mean loss on the validation set with parts of the model in training mode.

    `kind` says which parts: of "evaluation" none, of "training" all; of "batch_norm" only the batch normalisations
    (they use the batch's statistics), and of "dropout" only the dropout. `loss` is None if it is not finite.
    """

    kind: Kind
    accuracy: float
    loss: float | None


@dataclass(frozen=True)
class Modes:
    """The same weights in the two modes of `self.training`, on all `images` of the validation set.

    The pictures are in batches of at most `batch_size`, that of the training. Where random numbers are drawn, the
    numbers are means over `passes` passes, more than one; if they never are, `passes` is 1. `parts` are those that were
    found in the model, in this order: torch's layers and that of sweep.models.layers, dropout of a rate above 0. Layers
    of the model's own may do the same, or anything else, unknown here. Of the kinds "batch_norm" and "dropout" there is
    a row only if `parts` has both.
    """

    images: int
    batch_size: int
    passes: int
    parts: list[Part]
    rows: list[Mode]


@dataclass(frozen=True)
class Shift:
    """The test set's accuracy with each picture moved, its edges repeated.

    `accuracies` has a list for each distance of 0, 1, 2, … pixels: one value unmoved, then one for each of the 8
    directions. `lost` has a character for each test picture: in how many of the 8 moves by LOST_DISTANCE pixels the
    model then has it wrong, or WRONG if it has it wrong unmoved.
    """

    accuracies: list[list[float]]
    lost: str


@dataclass(frozen=True)
class Paired:
    """The difference of two runs, the first minus the second, over the same images.

    `difference` is that of the means over the images, `error` its standard error, and `p` the probability of one as
    large if the two were equally good.
    """

    difference: float
    error: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """The best run against the best run of another configuration, by what each answered to the same validation pictures
    at its last epoch: the best run minus the other.

    `gained` are the pictures that the best run alone has right, `lost` those that the other alone has. `loss` is None
    if the loss on some picture is not finite.
    """

    run: str  # the other's path
    name: str
    content_hash: str
    gained: int
    lost: int
    accuracy: Paired
    loss: Paired | None


@dataclass(frozen=True)
class Nearest:
    """The best run against the best runs of the configurations that rank next, at most MOST_NEAREST, in their order.
    `images` is the number of validation pictures, `left_out` that of the configurations whose answers are missing or
    damaged, or are not those of the record."""

    images: int
    compared: list[Comparison]
    left_out: int


@dataclass(frozen=True)
class Examination:
    """What is known of the best run of a model's best configuration, by the weights of its best validation epoch.

    `unavailable` is "" or says why parts are missing: "diverged", every configuration has a diverged run, so there is
    no best one and all other parts are None; or "no_weights", the run's weights were not kept, so all but its size are
    None. `modes` and `nearest` are also None if the validation set is one image, which batch normalisation cannot
    normalise, and `nearest` if the run's answers to that set are not those of its record.
    """

    model: str
    class_names: list[str]
    unavailable: Literal["", "diverged", "no_weights"]
    run: str | None = None  # its path: "mlp/1024_0.001_0.2/seed0"
    name: str | None = None  # its configuration's: "1024_0.001_0.2"
    series: str | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    content_hash: str | None = None  # that of the run's record
    digest: str | None = None  # that of the file of the weights
    size: Size | None = None
    answered: Answered | None = None
    modes: Modes | None = None
    shift: Shift | None = None
    nearest: Nearest | None = None

    def write(self, file: Path) -> None:
        """Write the examination, with a hash over its content. Raises SweepError if the file cannot be written."""
        content = asdict(self)
        write_json(file, {**content, "hash": canonical_hash(content)})

    @classmethod
    def read(cls, file: Path) -> "Examination":
        """Read an examination from the file <model>.json. Raises SweepError if it is missing or damaged, or if what
        names it and its run does not fit together; the sentence has the command that mends it."""
        try:
            content = dict(read_json(file))
            if canonical_hash({name: value for name, value in content.items() if name != "hash"}) != content["hash"]:
                raise ValueError("its content is not what its hash says")
            del content["hash"]
            found = cls(**{**content, **_parts(content)})
            if not found._is_of(file.stem):
                raise ValueError("its names do not fit together")
            return found
        except (SweepError, ValueError, TypeError, LookupError):
            raise SweepError(f"{file} is missing or damaged; {_remedy(file)}") from None

    def _is_of(self, model: str) -> bool:
        """Whether it is of this model, and what says of which run is so too: other files are found by these names."""
        known = self.run is not None
        run = rf"{re.escape(f'{model}/{self.name}')}/seed[0-9]+"
        others = self.nearest.compared if self.nearest else []
        return (
            self.model == model
            and [isinstance(each, str) for each in (self.run, self.name, self.series)] == [known] * 3
            and [type(each) is int for each in (self.epochs, self.best_epoch)] == [known] * 2
            and all(re.fullmatch(rf"{re.escape(f'{model}/{each.name}')}/seed[0-9]+", each.run) for each in others)
            and (not known or bool(re.fullmatch(run, str(self.run)) and re.fullmatch("[0-9a-f]{64}", str(self.series))))
        )


def read_examinations(files: Iterable[Path], grid: Grid, runs: "pd.DataFrame") -> dict[str, Examination]:
    """The examinations in these files, by model. `runs` is the table of runs of the grid.

    Raises:
        SweepError: an examination is missing or damaged, or is of a run or record that is not in the table.
    """
    paths = runs["model"] + "/" + runs["name"] + "/seed" + runs["seed"].astype(str)
    hashes = dict(zip(paths, runs["content_hash"], strict=True))
    found = {}
    for file in files:
        examination = Examination.read(file)
        run = examination.run
        if examination.model not in grid.models:
            raise SweepError(f"{file}: the grid has no model {examination.model!r}; {_remedy(file)}")
        if run is not None and hashes.get(run) != examination.content_hash:
            raise SweepError(f"{file}: {run} is not, or no longer, the run in the tables; {_remedy(file)}")
        for other in examination.nearest.compared if examination.nearest else []:
            if hashes.get(other.run) != other.content_hash:
                raise SweepError(f"{file}: {other.run} is not, or no longer, the run in the tables; {_remedy(file)}")
        found[examination.model] = examination
    return found


def _remedy(file: Path) -> str:
    return f"remove it and run the same command again: rm -f {shlex.quote(str(file))}"


def _parts(content: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an examination, made of what JSON has of them."""
    names = ("size", "answered", "modes", "shift", "nearest")
    size, answered, modes, shift, nearest = (content[name] for name in names)
    if answered:
        classes = [each and ClassAccuracy(**each) for each in answered["classes"]]
        mistakes = [Mistake(**each) for each in answered["mistakes"]]
        answered = Answered(**{**answered, "classes": classes, "mistakes": mistakes})
    return {
        "size": size and Size(**size),
        "answered": answered,
        "modes": modes and Modes(**{**modes, "rows": [Mode(**each) for each in modes["rows"]]}),
        "shift": shift and Shift(**shift),
        "nearest": nearest and Nearest(**{**nearest, "compared": [_comparison(each) for each in nearest["compared"]]}),
    }


def _comparison(content: Mapping[str, Any]) -> Comparison:
    accuracy, loss = content["accuracy"], content["loss"]
    return Comparison(**{**content, "accuracy": Paired(**accuracy), "loss": loss and Paired(**loss)})
