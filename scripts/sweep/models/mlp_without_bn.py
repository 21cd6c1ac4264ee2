"""The MLP without batch normalisation, for the ablation: Linear(3072→100) – ReLU – Dropout – Linear(100→classes)."""

from torch import nn

# As the MLP, whose memory is that of the pictures.
TRAINING_MB_PER_PICTURE = 0.1


class Model(nn.Sequential):
    """Scaled pictures (n, 32, 32, 3) to logits (n, classes); to it, the order of the 3072 inputs does not matter."""

    def __init__(self, classes: int, dropout_rate: float) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(32 * 32 * 3, 100),
            nn.ReLU(),
            nn.Dropout(dropout_rate),
            nn.Linear(100, classes),
        )
