"""The protocol as somebody would write it down at first: the yardstick of `make bench`.

Eager float32, hand-written BatchNorm and Dropout, default memory format and allocator, float32 images, torch's Adam.
It imports nothing of the project, so that no setting of ours makes it faster.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F


class BatchNorm(nn.Module):
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, features: int, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = dims
        shape = (1, features) + (1,) * (len(dims) - 1)
        self.weight = nn.Parameter(torch.ones(shape))
        self.bias = nn.Parameter(torch.zeros(shape))
        self.register_buffer("running_mean", torch.zeros(shape))
        self.register_buffer("running_var", torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean = x.mean(self.dims, keepdim=True)
            var = x.var(self.dims, keepdim=True)
            self.running_mean = 0.8 * self.running_mean + 0.2 * mean.detach()
            self.running_var = 0.9 * self.running_var + 0.1 * var.detach()
        else:
            mean, var = self.running_mean, self.running_var
        return (x - mean) / torch.sqrt(var + 1e-5) * self.weight + self.bias


class Dropout(nn.Module):
    """Zeroes single activations of vectors, or whole channels of images."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        shape = x.shape if x.dim() == 2 else (*x.shape[:2], 1, 1)
        mask = torch.bernoulli(torch.full(shape, 1 - self.rate))
        return x * mask / (1 - self.rate)


def build(model: str, dropout_rate: float) -> nn.Module:
    if model == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(3072, 100),
            BatchNorm(100, (0,)),
            nn.ReLU(),
            Dropout(dropout_rate),
            nn.Linear(100, 10),
        )
    return nn.Sequential(
        nn.Conv2d(3, 128, 5),
        BatchNorm(128, (0, 2, 3)),
        nn.ReLU(),
        Dropout(dropout_rate),
        nn.MaxPool2d(2),
        nn.Conv2d(128, 64, 3),
        BatchNorm(64, (0, 2, 3)),
        nn.ReLU(),
        Dropout(dropout_rate),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2304, 10),
    )


def load(data: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Scaled float32 images (n, 3, 32, 32) and labels of each split."""
    tensors = load_file(data / "images.safetensors")
    return {
        split: ((tensors[f"{split}_images"].permute(0, 3, 1, 2).float() - 128) / 255, tensors[f"{split}_labels"])
        for split in ("train", "validation", "test")
    }


def train_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, batch_size: int
) -> tuple[float, float]:
    model.train()
    order = torch.randperm(len(labels))
    losses, accuracies = [], []
    for start in range(0, len(labels) - batch_size + 1, batch_size):
        indices = order[start : start + batch_size]
        x, y = images[indices], labels[indices]
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        accuracies.append((logits.argmax(1) == y).float().mean().item())
    return sum(losses) / len(losses), sum(accuracies) / len(accuracies)


def evaluate(model: nn.Module, images: Tensor, labels: Tensor, batch_size: int) -> tuple[float, float]:
    model.eval()
    losses, accuracies = [], []
    with torch.no_grad():
        for start in range(0, len(labels) - batch_size + 1, batch_size):
            x, y = images[start : start + batch_size], labels[start : start + batch_size]
            logits = model(x)
            losses.append(F.cross_entropy(logits, y).item())
            accuracies.append((logits.argmax(1) == y).float().mean().item())
    return sum(losses) / len(losses), sum(accuracies) / len(accuracies)


def main(args: argparse.Namespace) -> None:
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    data = load(args.data)
    model = build(args.model, args.dropout_rate)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)
    history: list[tuple[float, ...]] = []
    best, test = 0.0, (0.0, 0.0)
    for epoch in range(args.epochs):
        trained = train_epoch(model, optimizer, *data["train"], args.batch_size)
        row = (*trained, *evaluate(model, *data["validation"], args.batch_size))
        if row[3] >= best:
            best, test = row[3], evaluate(model, *data["test"], args.batch_size)
        if epoch >= 3 and row[0] > max(past[0] for past in history[-3:]):
            for group in optimizer.param_groups:
                group["lr"] *= 0.9995
        history.append(row)
        print(epoch, *row, flush=True)
    args.output.write_text(json.dumps({"history": history, "test": test}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["mlp", "cnn"], required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--dropout-rate", type=float, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--threads", type=int, help="default: torch's own choice")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--output", type=Path, required=True)
    main(parser.parse_args())
