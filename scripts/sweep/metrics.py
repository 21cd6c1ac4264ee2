"""The four metrics of an epoch, their labels, and the names of the figures, in the report's order."""

METRIC_LABELS = {
    "train_acc": "Training Accuracy",
    "train_loss": "Training Loss",
    "val_acc": "Validation Accuracy",
    "val_loss": "Validation Loss",
}
# Figures of the hyper-parameters' effect on the last epoch's metrics: the name in files, and what each shows.
HEATMAPS = {"heatmap_val_acc": "val_acc", "heatmap_val_loss": "val_loss"}
EFFECTS = {"effect_dropout_rate": "dropout_rate", "effect_batch_size": "batch_size"}
EFFECT_NAMES = (*HEATMAPS, *EFFECTS)


def label(model: str) -> str:
    """A model's name as figures, their files and the report show it: "MLP"."""
    return model.upper()
