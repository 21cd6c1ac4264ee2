"""The four metrics of an epoch, their labels, the names of the figures, in the report's order, and which are points."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep.grid import Space

METRIC_LABELS = {
    "train_acc": "Training Accuracy",
    "train_loss": "Training Loss",
    "val_acc": "Validation Accuracy",
    "val_loss": "Validation Loss",
}
# More values could not be told apart as categories.
MOST_CATEGORIES = 12
HEATMAPS = {"heatmap_val_acc": "val_acc", "heatmap_val_loss": "val_loss"}
# The figure of all learning curves of a model that is halved.
HALVING_FIGURE = "halving"
# The figures of the examination of a model's best run, and the one of all examinations.
EXAMINATION_FIGURES = ("confusion", "mistakes")
SHIFT_FIGURE = "shift"


def figure_names(space: "Space") -> list[str]:
    """The names of a model's figures: its learning curves, all of them if it is halved, the heat maps of learning rate
    and dropout rate, the effect of each hyper-parameter that varies, and how much each of them matters.
    """
    effects = [f"effect_{name}" for name in space.varying]
    halving = [HALVING_FIGURE] if space.halving else []
    return [*METRIC_LABELS, *halving, *HEATMAPS, *effects, *(["importance"] if effects else [])]


def examination_figures(models: Iterable[str]) -> list[str]:
    """The names of the figures of all examinations: those of each model, then how all of them bear a shift."""
    return [*(f"{label(model)}_{name}" for model in models for name in EXAMINATION_FIGURES), SHIFT_FIGURE]


def is_continuous(space: "Space", parameter: str) -> bool:
    """Whether a hyper-parameter has more numbers than could be told apart as categories, as in a sampled space."""
    values = space.values[parameter]
    return len(values) > MOST_CATEGORIES and not isinstance(values[0], str | bool)


def heatmaps_are_points(space: "Space") -> bool:
    """Whether heat maps are points in a plane of numbers: if less than half of their cells would be filled, and a rate
    has so many values that it `is_continuous`."""
    rates = ("learning_rate", "dropout_rate")
    down, across = (len(space.values[rate]) for rate in rates)
    pairs = {tuple(each[rate] for rate in rates) for each in space.configurations}
    return len(pairs) < down * across / 2 and any(is_continuous(space, rate) for rate in rates)


def effect_is_points(space: "Space", parameter: str) -> bool:
    """Whether the effect of a hyper-parameter is points: in a sampled space, if less than half of the configurations
    have a partner that differs from them in it alone, so that hardly any lines could be drawn."""
    others = [name for name in space.varying if name != parameter]
    alike = Counter(tuple(each[name] for name in others) for each in space.configurations)
    lonely = sum(count == 1 for count in alike.values())
    return bool(space.sample) and lonely > len(space.configurations) / 2


def parameter_label(name: str) -> str:
    """A hyper-parameter's name as axes and legends show it: "Learning rate"."""
    return name.replace("_", " ").capitalize()


def label(model: str) -> str:
    """A model's name as figures, their files and the report show it: "MLP"."""
    return model.upper()
