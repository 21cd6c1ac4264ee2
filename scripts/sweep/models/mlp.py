"""The write-up's MLP: Linear(3072→100) – BN – ReLU – Dropout – Linear(100→classes)."""

from torch import nn

from sweep.training.layers import BatchNorm

# Measured: peak resident memory over batches of 512 to 4096.
TRAINING_MB_PER_PICTURE = 0.1


class Model(nn.Sequential):
    """Scaled pictures (n, 32, 32, 3) to logits (n, classes); to it, the order of the 3072 inputs does not matter."""

    def __init__(self, classes: int, dropout_rate: float) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(32 * 32 * 3, 100),
            BatchNorm(100),
            nn.ReLU(),
            nn.Dropout(dropout_rate),
            nn.Linear(100, classes),
        )
