"""One file a model, with a class `Model` and its memory need; the files are the registry.

Names, memory needs and hyper-parameters are read without importing the files, because that would import torch.
"""

import ast
import math
import operator
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.errors import SweepError
from sweep.files import parse_code
from sweep.grid import RESERVED, Value, value_name

if TYPE_CHECKING:
    from torch import nn

# Files of this folder that are no model: what models share.
SHARED = {"layers"}
# How each bound of a number is told.
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


@dataclass(frozen=True)
class Parameter:
    """A hyper-parameter that may be an axis of the grid. Its values are of the type of its `default`.

    Text is one of the `choices` or, if there are none, any short name. A number is within the `bounds`, such as
    (("ge", 0), ("lt", 1)): "ge", "gt", "le" and "lt" stand for ≥, >, ≤ and <.
    """

    name: str
    default: Value
    choices: tuple[str, ...] = ()
    bounds: tuple[tuple[str, float], ...] = ()

    def describe(self) -> str:
        """Half a sentence on the values that there are: "must be an integer of at least 1"."""
        if isinstance(self.default, bool):
            return "must be true or false"
        if isinstance(self.default, str):
            name = "a name of up to 40 letters, digits, . _ - (and not true, false, nan or inf)"
            return f"must be {' or '.join(self.choices) or name}"
        bounds = " and ".join(f"{BOUNDS[kind]} {bound:g}" for kind, bound in self.bounds)
        return f"must be {'an integer' if isinstance(self.default, int) else 'a number'}{' of ' * bool(bounds)}{bounds}"

    def canonical(self, value: object) -> Value:
        """The one form of a value: an integer for a number with a fraction becomes a float, and -0.0 becomes 0.0.

        Raises:
            SweepError: it is not a value of this hyper-parameter. The message is half a sentence, "must be an integer
                of at least 1, not 2.5"; the caller puts before it what the value is for.
        """
        found = self._convert(value)
        if found is None:
            shown = value_name(value) if isinstance(value, bool | int | float) else repr(value)
            raise SweepError(f"{self.describe()}, not {shown}")
        return found

    def _convert(self, value: object) -> Value | None:
        """The one form of a value, or None if it is not a value of this hyper-parameter."""
        if isinstance(self.default, bool):
            return value if isinstance(value, bool) else None
        if isinstance(self.default, str):
            return value if isinstance(value, str) and (value in self.choices or self._is_free_name(value)) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if isinstance(self.default, int):
            # Neither torch nor the tables have larger integers than those of 64 bits.
            return value if isinstance(value, int) and abs(value) < 2**63 and self._is_within(value) else None
        with suppress(OverflowError):
            number = float(value) + 0.0
            return number if math.isfinite(number) and self._is_within(number) else None
        return None

    def _is_free_name(self, text: str) -> bool:
        """Whether any name is allowed and this is one. What reads as a value of another type, such as nan, is not."""
        if self.choices or not re.fullmatch("[A-Za-z][A-Za-z0-9_.-]{0,39}", text) or text in ("true", "false"):
            return False
        try:
            float(text)
        except ValueError:
            return True
        return False

    def _is_within(self, number: float) -> bool:
        return all(getattr(operator, kind)(number, bound) for kind, bound in self.bounds)


def model_names() -> list[str]:
    """The models there are: the names of the files in this folder. In lower case, since figures show them in capitals;
    and of letters, digits and _, since they are words of command lines."""
    names = {file.stem for file in Path(__file__).parent.glob("*.py")} - SHARED
    return sorted(name for name in names if re.fullmatch("[a-z][a-z0-9_]*", name))


def training_mb_per_picture(name: str, axes: Iterable[str] = ()) -> float:
    """Memory in MB that a training step of a model takes for each image of its batch, where the hyper-parameters `axes`
    are not at their default: the largest of what the model says for these and for the default.

    Raises:
        SweepError: the model's file does not say it, or is not Python.
    """
    needs = _memory_needs(name)
    return max(needs[each] for each in ("", *axes) if each in needs)


@cache
def _memory_needs(name: str) -> dict[str, float]:
    """A model's TRAINING_MB_PER_PICTURE: a number, or a dict of numbers in which "" has that of the default, and the
    name of a hyper-parameter that of its other values."""
    for node in parse_code(Path(__file__).parent / f"{name}.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "TRAINING_MB_PER_PICTURE":
            with suppress(ValueError, TypeError):
                said = ast.literal_eval(node.value)
                needs = {key: float(need) for key, need in (said if isinstance(said, dict) else {"": said}).items()}
                if "" in needs:
                    return needs
    raise SweepError(
        f'scripts/sweep/models/{name}.py does not say TRAINING_MB_PER_PICTURE = <a number>, or {{"": <a number>, '
        '"<hyper-parameter>": <a number>, …}'
    )


@cache
def hyper_parameters(model: str) -> dict[str, Parameter]:
    """What may be an axis of a model's grid, sorted by name: the keyword arguments of its `Model`, beyond the number of
    classes and the dropout rate, and those of the class `Training`.

    An argument counts if its default is a boolean, a number or a short name. Its annotation says which names (Literal)
    and which numbers (Annotated with Ge, Gt, Le, Lt or Interval of annotated_types) there are. A model whose class has
    no __init__ of its own has only the hyper-parameters of the training.

    Raises:
        SweepError: one of the files is not Python, a name is in both or is a column of the tables, or an annotation or
            a default is wrong.
    """
    folder = Path(__file__).parent
    name = f"scripts/sweep/models/{model}.py"
    of_model = {each.name: each for each in _arguments(folder / f"{model}.py", "Model")}
    of_training = {each.name: each for each in _arguments(folder.parent / "training" / "loop.py", "Training")}
    if both := sorted(of_model.keys() & of_training.keys()):
        raise SweepError(f"{name}: {both[0]} is already a hyper-parameter of the training; give it another name")
    if reserved := sorted(of_model.keys() & RESERVED):
        raise SweepError(f"{name}: {reserved[0]} is the name of a column of the tables; give it another name")
    return dict(sorted({**of_model, **of_training}.items()))


def parse_axes(model: str, words: Iterable[str]) -> tuple[tuple[str, Value], ...]:
    """Hyper-parameters as a command line gives them, ["weight_decay=0.0005"], as `Run.axes` has them: sorted, and
    without those at their default.

    Raises:
        SweepError: there is no such hyper-parameter or value, or one is given twice.
    """
    known = hyper_parameters(model)
    axes: dict[str, Value] = {}
    for word in words:
        name, _, text = word.partition("=")
        if name not in known:
            listed = ", ".join(f"{each.name}={value_name(each.default)}" for each in known.values())
            raise SweepError(f"--set {word}: {model} has no hyper-parameter {name!r}; there are, by default, {listed}")
        if name in axes:
            raise SweepError(f"--set {word}: {name} is given twice; keep one")
        try:
            axes[name] = known[name].canonical(_parse(text, known[name].default))
        except SweepError as error:
            raise SweepError(f"--set {word}: {name} {error}") from None
    return tuple((name, value) for name, value in sorted(axes.items()) if value != known[name].default)


def own_axes(model: str, axes: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Of a run's further hyper-parameters those that `build_model` takes; the others are the training's."""
    own = _own_names(model)
    return {name: value for name, value in axes if name in own}


@cache
def _own_names(model: str) -> set[str]:
    return {each.name for each in _arguments(Path(__file__).parent / f"{model}.py", "Model")}


def build_model(name: str, classes: int, dropout_rate: float, /, **axes: Value) -> "nn.Module":
    """A model with fresh float32 weights, from scaled images (n, 32, 32, 3) to logits (n, classes). `axes` are the
    model's further hyper-parameters that are not at their default."""
    model: nn.Module = import_module(f"{__name__}.{name}").Model(classes, dropout_rate, **axes)
    return model


def _parse(text: str, default: Value) -> Value:
    """The value of the default's type that a text spells, or the text itself if it spells none."""
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text, text)
    with suppress(ValueError):
        return type(default)(text)
    return text


def _arguments(file: Path, name: str) -> Iterator[Parameter]:
    """The hyper-parameters among the arguments of the class `name` in a file."""
    classes = [node for node in parse_code(file).body if isinstance(node, ast.ClassDef) and node.name == name]
    methods = [node for each in classes for node in each.body if isinstance(node, ast.FunctionDef)]
    for arguments in (method.args for method in methods if method.name == "__init__"):
        positional = [*arguments.posonlyargs, *arguments.args]
        without_default = len(positional) - len(arguments.defaults)
        pairs = [*zip(positional[without_default:], arguments.defaults, strict=True)]
        # The first three are self, classes and dropout_rate, whether or not they have a default.
        pairs = [pair for pair in pairs if pair[0] not in positional[:3]]
        for argument, default in (*pairs, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)):
            try:
                found = None if default is None else _read_argument(argument, default)
            except SweepError as error:
                raise SweepError(f"{file}, line {argument.lineno}: {argument.arg} {error}") from None
            if found is not None:
                yield found


def _read_argument(argument: ast.arg, default: ast.expr) -> Parameter | None:
    """The hyper-parameter that an argument is; None if it is not one. The message of a SweepError lacks its name."""
    try:
        value: Any = ast.literal_eval(default)
    except (ValueError, TypeError):
        return None
    is_infinite = isinstance(value, float) and not math.isfinite(value)
    if (
        is_infinite
        or not isinstance(value, bool | int | float | str)
        or not re.fullmatch("[A-Za-z]\\w*", argument.arg, re.ASCII)
    ):
        return None
    nodes = [] if argument.annotation is None else list(ast.walk(argument.annotation))
    if type(value) is int and any(isinstance(node, ast.Name) and node.id == "float" for node in nodes):
        value = float(value)
    try:
        found = Parameter(argument.arg, value, tuple(_choices(nodes)), tuple(_bounds(nodes)))
    except (ValueError, TypeError):
        raise SweepError("has an annotation whose choices or bounds are not written out as names or numbers") from None
    if isinstance(value, str) and not found.choices and not found._is_free_name(value):
        return None
    try:
        return replace(found, default=found.canonical(value))
    except SweepError as error:
        raise SweepError(f"has a default that {error}") from None


def _choices(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names in a Literal of an annotation."""
    for node in nodes:
        if isinstance(node, ast.Subscript) and _last_word(node.value) == "Literal":
            values = ast.literal_eval(node.slice)
            yield from (each for each in (values if isinstance(values, tuple) else (values,)) if isinstance(each, str))


def _bounds(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, float]]:
    """The bounds in an annotation, of Ge(0) as of Interval(ge=0)."""
    for node in (each for each in nodes if isinstance(each, ast.Call)):
        kind = _last_word(node.func).lower()
        given = [*((kind, each) for each in node.args), *((each.arg, each.value) for each in node.keywords)]
        if kind in (*BOUNDS, "interval"):
            yield from ((name, _number(bound)) for name, bound in given if name in BOUNDS)


def _number(node: ast.expr) -> float:
    """The number that an expression writes out. Raises ValueError or TypeError if it does not."""
    value = ast.literal_eval(node)
    return value if isinstance(value, int) else float(value)


def _last_word(node: ast.expr) -> str:
    """The last word of a dotted name: "Ge" of annotated_types.Ge."""
    return ast.unparse(node).rpartition(".")[2]
