"""One file a model, with a class `Model` and its memory need; the files are the registry.

Looking at them imports none, since that would import torch.
"""

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.errors import SweepError

if TYPE_CHECKING:
    from torch import nn


def model_names() -> list[str]:
    """The models there are: the names of the files in this folder. In lower case, since figures show them in capitals;
    and of letters, digits and _, since they are words of command lines."""
    names = [file.stem for file in Path(__file__).parent.glob("*.py")]
    return sorted(name for name in names if re.fullmatch("[a-z][a-z0-9_]*", name))


def read_code(file: Path) -> str:
    """The text of a Python file. Raises SweepError, "<file> …", if it cannot be read or is not UTF-8."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SweepError(f"{file} cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SweepError(f"{file} is not text in UTF-8 ({error}); save it as UTF-8") from None


def parse(file: Path) -> ast.Module:
    """The syntax tree of a Python file. Raises SweepError, "<file> …", if it cannot be read or is not Python."""
    try:
        return ast.parse(read_code(file))
    except SyntaxError as error:
        raise SweepError(f"{file}, line {error.lineno}: this is not Python ({error.msg}); mend that line") from None
    except (ValueError, RecursionError) as error:  # a null byte, or thousands of brackets
        raise SweepError(f"{file} is not Python ({error})") from None


def training_mb_per_picture(name: str) -> float:
    """A model's TRAINING_MB_PER_PICTURE: memory that a training step takes for each picture of its batch."""
    for node in parse(Path(__file__).parent / f"{name}.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TRAINING_MB_PER_PICTURE":
            return float(ast.literal_eval(node.value))
    raise SweepError(f"scripts/sweep/models/{name}.py does not say TRAINING_MB_PER_PICTURE = <a number>")


def build_model(name: str, classes: int, dropout_rate: float) -> "nn.Module":
    """A model with fresh float32 weights, from scaled pictures (n, 32, 32, 3) to logits (n, classes)."""
    model: nn.Module = import_module(f"{__name__}.{name}").Model(classes, dropout_rate)
    return model
