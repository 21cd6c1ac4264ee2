"""One file a model, with a class `Model` and its memory need; the files are the registry.

Looking at them imports none, since that would import torch.
"""

import ast
import math
import operator
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.errors import SweepError
from sweep.files import parse_code
from sweep.grid import Value

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


@dataclass(frozen=True)
class Parameter:
    """A hyper-parameter: its default, the names that it can have (none: it is no name), and the range of its numbers,
    such as (("ge", 0), ("lt", 1)), in the words of `operator`."""

    name: str
    default: Value
    choices: tuple[str, ...] = ()
    bounds: tuple[tuple[str, float], ...] = ()

    def describe(self) -> str:
        """What a value must be: "must be an integer of at least 1"."""
        if isinstance(self.default, bool):
            return "must be true or false"
        if self.choices:
            return f"must be {' or '.join(self.choices)}"
        if isinstance(self.default, str):
            return "must be a short name"
        kind = "an integer" if isinstance(self.default, int) else "a number"
        words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
        limits = " and ".join(f"{words[name]} {limit:g}" for name, limit in self.bounds)
        return f"must be {kind}{' of ' if limits else ''}{limits}"

    def canonical(self, value: object) -> Value:
        """`value` in its one form. Raises SweepError with half a sentence: "must be true or false, not 2"."""
        found: Value | None = None
        if isinstance(self.default, bool):
            found = value if isinstance(value, bool) else None
        elif isinstance(self.default, str):
            found = value if isinstance(value, str) and (value in self.choices or not self.choices) else None
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(self.default, float):
                found = float(value) + 0.0 if math.isfinite(value) else None
            else:
                found = value if isinstance(value, int) else None
            if found is not None and not all(getattr(operator, name)(found, limit) for name, limit in self.bounds):
                found = None
        if found is None:
            raise SweepError(f"{self.describe()}, not {value!r}")
        return found


def build_model(name: str, classes: int, dropout_rate: float) -> "nn.Module":
    """A model with fresh float32 weights, from scaled pictures (n, 32, 32, 3) to logits (n, classes)."""
    model: nn.Module = import_module(f"{__name__}.{name}").Model(classes, dropout_rate)
    return model


def hyper_parameters(model: str) -> dict[str, Parameter]:
    return {
        "batch_norm": Parameter("batch_norm", True),
        "label_smoothing": Parameter("label_smoothing", 0.0, bounds=(("ge", 0), ("lt", 1))),
        "weight_decay": Parameter("weight_decay", 0.0, bounds=(("ge", 0),)),
    }
