"""Made-up examinations of a model's best run, for tests of what is made from them."""

import base64
import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binomtest

from sweep.analysis.examined import (
    LOST_DISTANCE,
    WRONG,
    Answered,
    ClassAccuracy,
    Comparison,
    Examination,
    Mistake,
    Mode,
    Modes,
    Nearest,
    Paired,
    Shift,
    Size,
)

CLASS_NAMES = list("abcdefghij")
# The best runs and the metrics of written.py; the sizes by hand. `holds` is by how many pixels a picture that the model
# has right can be moved in the mean until it has it wrong.
MADE_UP: dict[str, dict[str, Any]] = {
    "mlp": {
        "seed": 1,
        "name": "1024_0.001_0.2",
        "epochs": 20,
        "batch_size": 1024,
        "val_acc": 0.5197,
        "val_loss": 1.4,
        "holds": 5,
        "size": Size(308_510, 308_200),
    },
    "cnn": {
        "seed": 2,
        "name": "128_0.001_0.2",
        "epochs": 50,
        "batch_size": 128,
        "val_acc": 0.7366,
        "val_loss": 0.7926,
        "holds": 14,
        "size": Size(106_762, 18_178_560),
    },
}


def examination(
    model: str = "mlp", class_names: Sequence[str] = CLASS_NAMES, images: int = 10_000, **changes: Any
) -> Examination:
    """What was found out about the best run of the model "mlp" or "cnn" in the sweep of written.py, with some fields
    changed.

    The answers to `images` test pictures are drawn, those of both models for the same pictures, and all else is counted
    from them. With `unavailable` the parts that are then missing are None.
    """
    facts = MADE_UP[model]
    unavailable = changes.get("unavailable", "")
    examined = Examination(model=model, class_names=list(class_names), unavailable=unavailable)
    if unavailable == "diverged":
        return replace(examined, **changes)
    examined = replace(
        examined,
        run=f"{model}/{facts['name']}/seed0",
        name=facts["name"],
        series="5" * 64,
        epochs=facts["epochs"],
        best_epoch=facts["epochs"] - 1,
        content_hash="e" * 64,
        size=facts["size"],
    )
    if unavailable == "no_weights":
        return replace(examined, **changes)
    generator = np.random.default_rng(facts["seed"])
    right = np.random.default_rng(0).integers(len(class_names), size=images)
    given = given_classes(right, len(class_names), facts["val_acc"] - 0.01, generator)
    probabilities = np.where(given == right, generator.beta(5, 2, images), generator.beta(2, 3, images))
    examined = replace(
        examined,
        digest="f" * 64,
        answered=answered(right, given, probabilities, len(class_names)),
        modes=modes(facts),
        shift=shift(given == right, facts["holds"], generator),
    )
    return replace(examined, **changes)


def nearest(model: str, names: Sequence[str], left_out: int = 0) -> Nearest:
    """The best run against the first runs of these configurations: on 793 of 10,000 pictures one alone is right, and of
    the loss less and less is left to chance."""
    compared = []
    for place, name in enumerate(names):
        rights = Paired(0.0031 + 0.004 * place, 0.0028, float(binomtest(412 + 20 * place, 793).pvalue))
        loss = Paired(-0.0084, 0.0041, 0.0405 / 100**place)
        run = f"{model}/{name}/seed0"
        compared.append(Comparison(run, name, "e" * 64, 412 + 20 * place, 381 - 20 * place, rights, loss))
    return Nearest(10_000, compared, left_out)


def given_classes(
    right: NDArray[np.int64], classes: int, accuracy: float, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The class that each picture is given, so many of them the right ones, and most others a neighbour of it."""
    wrong = generator.permutation(len(right))[: round(len(right) * (1 - accuracy))]
    steps = np.minimum(generator.geometric(0.6, len(wrong)), classes - 1)
    given = right.copy()
    given[wrong] = (right[wrong] + steps * generator.choice([-1, 1], len(wrong))) % classes
    return given


def answered(
    right: NDArray[np.int64], given: NDArray[np.int64], probabilities: NDArray[np.float64], classes: int
) -> Answered:
    """The answers to the pictures of these classes, counted."""
    confusion = np.zeros((classes, classes), dtype=int)
    np.add.at(confusion, (right, given), 1)
    order = np.argsort(-probabilities, kind="stable")
    return Answered(
        images=len(right),
        accuracy=float((given == right).mean()),
        confusion=confusion.tolist(),
        classes=[class_accuracy(int(row[k]), int(row.sum())) for k, row in enumerate(confusion)],
        mistakes=[
            Mistake(int(image), int(right[image]), int(given[image]), float(probabilities[image]), png(int(image)))
            for image in order[given[order] != right[order]][:25]
        ],
    )


def class_accuracy(right: int, images: int) -> ClassAccuracy | None:
    """The accuracy of a class, its interval by scipy."""
    if not images:
        return None
    interval = binomtest(right, images).proportion_ci(method="wilson")
    return ClassAccuracy(images, right, right / images, float(interval.low), float(interval.high))


def png(image: int) -> str:
    """A made-up 32×32 picture as the examination has it: blocks of 8×8 pixels in drawn colours."""
    colours = np.random.default_rng(image).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours.repeat(8, axis=0).repeat(8, axis=1)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def modes(facts: dict[str, Any]) -> Modes:
    """The two modes and what is between them, on the validation set: each mode of a part costs something."""
    accuracy, loss = facts["val_acc"], facts["val_loss"]
    rows = [
        Mode("evaluation", accuracy, loss),
        Mode("batch_norm", round(accuracy - 0.0021, 4), round(loss + 0.0083, 4)),
        Mode("dropout", round(accuracy - 0.0174, 4), round(loss + 0.0512, 4)),
        Mode("training", round(accuracy - 0.0188, 4), round(loss + 0.0587, 4)),
    ]
    return Modes(images=10_000, batch_size=facts["batch_size"], passes=10, parts=["batch_norm", "dropout"], rows=rows)


def shift(right: NDArray[np.bool_], holds: float, generator: np.random.Generator) -> Shift:
    """Whether the model has each picture right when it is moved, drawn and counted.

    Each picture that it has right it holds up to a drawn distance in each direction, around a mean of `holds` pixels.
    In each direction it has a hundredth of the others right, by chance.
    """
    means = holds * generator.uniform(0.7, 1.3, (8, 1))
    held = np.where(right, generator.exponential(means, (8, len(right))), 0)
    lucky = ~right & (generator.random((8, len(right))) < 0.01)
    moved = {distance: (held > distance) | lucky for distance in range(1, 5)}
    counts = (~moved[LOST_DISTANCE]).sum(axis=0)
    return Shift(
        accuracies=[[float(right.mean())], *([float(each.mean()) for each in rows] for rows in moved.values())],
        lost="".join(str(count) if known else WRONG for count, known in zip(counts, right, strict=True)),
    )
