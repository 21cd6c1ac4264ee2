"""The four metrics of an epoch, their labels, and the names of the figures, in the report's order."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep.grid import Space

METRIC_LABELS = {
    "train_acc": "Training Accuracy",
    "train_loss": "Training Loss",
    "val_acc": "Validation Accuracy",
    "val_loss": "Validation Loss",
}
HEATMAPS = {"heatmap_val_acc": "val_acc", "heatmap_val_loss": "val_loss"}


def figure_names(space: "Space") -> list[str]:
    """The names of a model's figures: its learning curves, the heat maps of learning rate and dropout rate, the effect
    of each hyper-parameter that varies, and how much each of them matters."""
    effects = [f"effect_{name}" for name in space.varying]
    return [*METRIC_LABELS, *HEATMAPS, *effects, *(["importance"] if effects else [])]


def parameter_label(name: str) -> str:
    """A hyper-parameter's name as axes and legends show it: "Learning rate"."""
    return name.replace("_", " ").capitalize()


def label(model: str) -> str:
    """A model's name as figures, their files and the report show it: "MLP"."""
    return model.upper()
