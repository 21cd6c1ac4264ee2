"""The write-up's MLP: Linear(3072→hidden) – BN – ReLU – Dropout – Linear(hidden→classes)."""

from typing import Annotated

from annotated_types import Ge
from torch import nn

from sweep.models.layers import BatchNorm

# Measured: peak resident memory over batches of 512 to 4096.
TRAINING_MB_PER_PICTURE = 0.1


class Model(nn.Sequential):
    """Scaled images (n, 32, 32, 3) to logits (n, classes); to it, the order of the 3072 inputs does not matter.

    `hidden` is the width of the hidden layer, and `batch_norm` whether that is normalised.
    """

    def __init__(
        self, classes: int, dropout_rate: float, *, hidden: Annotated[int, Ge(1)] = 100, batch_norm: bool = True
    ) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(32 * 32 * 3, hidden),
            *([BatchNorm(hidden)] if batch_norm else []),
            nn.ReLU(),
            nn.Dropout(dropout_rate),
            nn.Linear(hidden, classes),
        )
