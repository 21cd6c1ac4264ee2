"""The four figures of an epoch and their labels, in the report's order."""

METRIC_LABELS = {
    "train_acc": "Training Accuracy",
    "train_loss": "Training Loss",
    "val_acc": "Validation Accuracy",
    "val_loss": "Validation Loss",
}
