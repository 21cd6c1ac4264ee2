"""The write-up's CNN: twice (convolution – BN – ReLU – channel dropout – max pooling), then Linear(2304→classes)."""

from torch import Tensor, nn

from sweep.training.layers import BatchNorm

# Measured: peak resident memory over batches of 128 to 1024, float32 on a CPU.
TRAINING_MB_PER_PICTURE = 3.0


class Block(nn.Sequential):
    """Convolution without padding – BN – ReLU – channel dropout – 2×2 max pooling: (n, c, h, w) to (n, c', h', w').

    The pooling comes first of the last three: ReLU is monotone and dropout scales a whole channel by a factor ≥ 0,
    so both commute with a maximum, and they work on a quarter of the data.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int, dropout_rate: float) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, kernel_size),
            BatchNorm(channels_out),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Dropout2d(dropout_rate),
        )


class Model(nn.Module):
    """Scaled pictures (n, 32, 32, 3) to logits (n, classes)."""

    def __init__(self, classes: int, dropout_rate: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(3, 128, 5, dropout_rate), Block(128, 64, 3, dropout_rate))
        self.head = nn.Linear(64 * 6 * 6, classes)

    def forward(self, images: Tensor) -> Tensor:
        # NHWC seen as NCHW is PyTorch's channels_last format, the fast one for convolutions, without a copy.
        logits: Tensor = self.head(self.blocks(images.permute(0, 3, 1, 2)).flatten(1))
        return logits
