"""One side of a comparison, in a process of its own: it reads a number of training steps a line from standard input,
takes them, and answers with the seconds that a step took and its peak memory, as JSON."""

import argparse
import json
import resource
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def requests() -> Iterator[int]:
    """The steps asked for; each is answered when the next one is asked of this iterator."""
    for line in sys.stdin:
        start = perf_counter()
        yield int(line)
        seconds = (perf_counter() - start) / int(line)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "peak_mb": peak_mb}), flush=True)


def plain(args: argparse.Namespace) -> None:
    """The loop of plain.py."""
    from plain import build, load, train_epoch

    torch.set_num_threads(args.threads)
    images, labels = load(args.data)["train"]
    model = build(args.model, 0.2)
    optimizer = torch.optim.Adam(model.parameters())
    for steps in requests():
        size = steps * args.batch_size
        train_epoch(model, optimizer, images[:size], labels[:size], args.batch_size)


def our_images(args: argparse.Namespace) -> dict[str, Tensor]:
    """The prepared tensors, after setting the process up as a training job does."""
    from sweep.data.prepared import map_prepared, read_manifest
    from sweep.runs import hardware

    hardware.set_up(torch.device("cpu"), args.threads)
    return map_prepared(args.data, read_manifest(args.data))


def ours(args: argparse.Namespace) -> None:
    """The sweep's own training core."""
    tensors = our_images(args)
    from sweep.models import build_model
    from sweep.training.loop import Split, train_epoch
    from sweep.training.optimizer import Adam

    model = build_model(args.model, 10, 0.2)
    optimizer, generator = Adam(model.parameters()), torch.Generator().manual_seed(0)
    for steps in requests():
        size = steps * args.batch_size
        data = Split(tensors["train_images"][:size], tensors["train_labels"][:size])
        train_epoch(model, optimizer, data, args.batch_size, 0.001, generator, DTYPES[args.precision])


def convolutions(args: argparse.Namespace) -> None:
    """The CNN's two convolutions alone, forward and backward, in channels_last: the floor of a step."""
    tensors = our_images(args)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape).to(DTYPES[args.precision]).contiguous(memory_format=torch.channels_last)

    n = args.batch_size
    images = tensors["train_images"][:n].to(DTYPES[args.precision]).permute(0, 3, 1, 2)
    maxima = random(n, 128, 14, 14).requires_grad_()
    weights = [random(128, 3, 5, 5).requires_grad_(), random(64, 128, 3, 3).requires_grad_()]
    gradients = [random(n, 128, 28, 28), random(n, 64, 12, 12)]
    for steps in requests():
        for _ in range(steps):
            outputs = [F.conv2d(x, weight) for x, weight in zip((images, maxima), weights, strict=True)]
            torch.autograd.grad(outputs, [*weights, maxima], gradients)


def lightning(args: argparse.Namespace) -> None:
    """PyTorch Lightning with torch's own layers, torchvision's transforms and a DataLoader of two workers."""
    import pytorch_lightning
    from torchvision import transforms

    class Images(torch.utils.data.Dataset[tuple[Tensor, int]]):
        def __init__(self, images: Tensor, labels: Tensor) -> None:
            self.images, self.labels = images.numpy(), labels.tolist()
            self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([128 / 255] * 3, [1] * 3)])

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return self.transform(self.images[index]), self.labels[index]

    class Module(pytorch_lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = []
            for channels_in, channels_out, kernel_size in ((3, 128, 5), (128, 64, 3)):
                layers += [nn.Conv2d(channels_in, channels_out, kernel_size), nn.BatchNorm2d(channels_out)]
                layers += [nn.ReLU(), nn.Dropout2d(0.2), nn.MaxPool2d(2)]
            self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(2304, 10))

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            return F.cross_entropy(self.layers(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters())

    class Clock(pytorch_lightning.Callback):
        def on_train_start(self, *_: Any) -> None:
            self.requests = requests()
            self.left = next(self.requests)

        def on_train_batch_end(self, trainer: pytorch_lightning.Trainer, *_: Any) -> None:
            self.left -= 1
            if self.left == 0:
                self.left = next(self.requests, 0)
                trainer.should_stop = self.left == 0

    tensors = load_file(args.data / "images.safetensors")
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore")
    loader = torch.utils.data.DataLoader(
        Images(tensors["train_images"], tensors["train_labels"]),
        batch_size=args.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=2,
        persistent_workers=True,
    )
    trainer = pytorch_lightning.Trainer(
        accelerator="cpu",
        precision="32-true" if args.precision == "fp32" else "bf16-mixed",
        max_epochs=-1,
        callbacks=[Clock()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), loader)


if __name__ == "__main__":
    sides = {side.__name__: side for side in (plain, ours, convolutions, lightning)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=sides)
    parser.add_argument("--model", choices=["mlp", "cnn"], required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--precision", choices=DTYPES, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the prepared data")
    arguments = parser.parse_args()
    sides[arguments.side](arguments)
