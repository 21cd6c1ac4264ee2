"""The four figures of an epoch, their labels, and the names of what is drawn of them, in the report's order."""

METRIC_LABELS = {
    "train_acc": "Training Accuracy",
    "train_loss": "Training Loss",
    "val_acc": "Validation Accuracy",
    "val_loss": "Validation Loss",
}
# What the hyper-parameters do to the last epoch's figures: names in files, and the metric or parameter they show.
HEATMAPS = {"heatmap_val_acc": "val_acc", "heatmap_val_loss": "val_loss"}
EFFECTS = {"effect_dropout_rate": "dropout_rate", "effect_batch_size": "batch_size"}
EFFECT_NAMES = (*HEATMAPS, *EFFECTS)
