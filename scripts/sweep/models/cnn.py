"""The write-up's CNN: twice (convolution – BN – ReLU – channel dropout – max pooling), then Linear(2304→classes)."""

from torch import Tensor, nn

from sweep.training.layers import ConvBlock

# Measured: peak resident memory over batches of 128 to 1024, float32 on a CPU.
TRAINING_MB_PER_PICTURE = 2.0


class Model(nn.Module):
    """Scaled pictures (n, 32, 32, 3) to logits (n, classes)."""

    def __init__(self, classes: int, dropout_rate: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(ConvBlock(3, 128, 5, dropout_rate), ConvBlock(128, 64, 3, dropout_rate))
        self.head = nn.Linear(64 * 6 * 6, classes)

    def forward(self, images: Tensor) -> Tensor:
        # NHWC seen as NCHW is PyTorch's channels_last format, the fast one for convolutions, without a copy.
        logits: Tensor = self.head(self.blocks(images.permute(0, 3, 1, 2)).flatten(1))
        return logits
