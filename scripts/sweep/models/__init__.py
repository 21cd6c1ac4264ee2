"""One file a model, with a class `Model` and its memory need; the files are the registry.

Looking at them imports none, since that would import torch.
"""

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.errors import SweepError
from sweep.files import parse_code

if TYPE_CHECKING:
    from torch import nn


def model_names() -> list[str]:
    """The models there are: the names of the files in this folder. In lower case, since figures show them in capitals;
    and of letters, digits and _, since they are words of command lines."""
    names = [file.stem for file in Path(__file__).parent.glob("*.py")]
    return sorted(name for name in names if re.fullmatch("[a-z][a-z0-9_]*", name))


def training_mb_per_picture(name: str) -> float:
    """A model's TRAINING_MB_PER_PICTURE: memory that a training step takes for each picture of its batch."""
    for node in parse_code(Path(__file__).parent / f"{name}.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TRAINING_MB_PER_PICTURE":
            return float(ast.literal_eval(node.value))
    raise SweepError(f"scripts/sweep/models/{name}.py does not say TRAINING_MB_PER_PICTURE = <a number>")


def build_model(name: str, classes: int, dropout_rate: float) -> "nn.Module":
    """A model with fresh float32 weights, from scaled pictures (n, 32, 32, 3) to logits (n, classes)."""
    model: nn.Module = import_module(f"{__name__}.{name}").Model(classes, dropout_rate)
    return model
