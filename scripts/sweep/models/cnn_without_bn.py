"""The CNN without batch normalisation, for the ablation: twice (convolution – ReLU – channel dropout – max pooling),
then Linear(2304→classes)."""

from torch import Tensor, nn

# Measured: 1.8, as for the CNN; the rest is a margin.
TRAINING_MB_PER_PICTURE = 2.3


class Model(nn.Module):
    """Scaled pictures (n, 32, 32, 3) to logits (n, classes).

    A maximum commutes with ReLU and with dropout's factor ≥ 0 for a channel, so both get the maxima, a quarter of the
    data. The convolutions have a bias, as there is no batch normalisation to subtract it again.
    """

    def __init__(self, classes: int, dropout_rate: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 128, 5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Dropout2d(dropout_rate),
            nn.Conv2d(128, 64, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Dropout2d(dropout_rate),
            nn.Flatten(),
            nn.Linear(64 * 6 * 6, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        # NHWC seen as NCHW is PyTorch's channels_last format, the fast one for convolutions, without a copy.
        logits: Tensor = self.layers(images.permute(0, 3, 1, 2))
        return logits
