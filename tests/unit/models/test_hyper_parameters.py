"""What may be an axis of the grid: read from the code of models and training, and checked value by value."""

import inspect
import math
from pathlib import Path
from typing import Any

import pytest

from sweep import models
from sweep.errors import SweepError
from sweep.grid import Value
from sweep.models import Parameter, cnn, hyper_parameters, mlp, parse_axes
from sweep.training.loop import Training

TRAINING = """
class Training:
    def __init__(self, run, device=None, *, decay: Annotated[float, Ge(0)] = 0.0, **of_model): ...
"""


@pytest.mark.parametrize(("name", "model"), [("mlp", mlp), ("cnn", cnn)])
def test_the_hyper_parameters_of_the_models_are_the_arguments_that_their_classes_have(name: str, model: Any) -> None:
    arguments = [*inspect.signature(model.Model).parameters.values(), *inspect.signature(Training).parameters.values()]
    defaults = {each.name: each.default for each in arguments if each.default is not each.empty}
    assert {each.name: each.default for each in hyper_parameters(name).values()} == defaults
    assert list(hyper_parameters(name)) == sorted(defaults)


def test_annotations_say_which_values_there_are() -> None:
    known = {**hyper_parameters("mlp"), **hyper_parameters("cnn")}
    assert known["hidden"].bounds == (("ge", 1),)
    assert known["dropout_kind"].choices == ("channel", "element")
    assert known["weight_decay"].bounds == (("ge", 0),)
    assert known["label_smoothing"].bounds == (("ge", 0), ("lt", 1))


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of models beside a training; hyper-parameters are read from there."""
    for name, text in (("models/__init__.py", ""), ("training/loop.py", TRAINING)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(models, "__file__", str(tmp_path / "models" / "__init__.py"))
    monkeypatch.setattr(models, "hyper_parameters", hyper_parameters.__wrapped__)  # without its cache
    return tmp_path / "models"


def read(folder: Path, arguments: str) -> dict[str, Parameter]:
    """The hyper-parameters of a model with these arguments, without the training's."""
    text = f"raise AssertionError('it was imported')\nclass Model(Base):\n    def __init__({arguments}): ...\n"
    (folder / "new.py").write_text(text)
    return {name: each for name, each in models.hyper_parameters("new").items() if name != "decay"}


@pytest.mark.parametrize(
    ("argument", "parameter"),
    [
        ("a=3", Parameter("a", 3)),
        ("a: int = -3", Parameter("a", -3)),
        ("a: float = 3", Parameter("a", 3.0)),  # as Python takes an integer for a float
        ("a: str = 'relu'", Parameter("a", "relu")),
        ("a: typing.Literal['x'] = 'x'", Parameter("a", "x", choices=("x",))),
        ("a: Annotated[float, types.Interval(gt=0, le=2)] = 1.5", Parameter("a", 1.5, (), (("gt", 0), ("le", 2)))),
        ("a: Annotated[int, Gt(gt=1), Lt(9)] = 5", Parameter("a", 5, (), (("gt", 1), ("lt", 9)))),
        ("a=None", None),
        ("a=(1, 2)", None),
        ("a=SIZE", None),
        ("a=1e999", None),
        ("a='two words'", None),
        ("a='nan'", None),
        ("_a=1", None),
        ("a", None),
    ],
)
def test_an_argument_with_a_simple_default_is_a_hyper_parameter(
    folder: Path, argument: str, parameter: Parameter | None
) -> None:
    expected = {} if parameter is None else {"a": parameter}
    assert read(folder, f"self, classes, dropout_rate, *, {argument}") == expected
    # Defaults of the first arguments are no hyper-parameters, and the others need not be keyword-only.
    if argument != "a":
        assert read(folder, f"self, classes=10, dropout_rate=0.5, {argument}") == expected


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("seed=1", "new.py: seed is the name of a column of the tables; give it another name"),
        ("decay=1", "new.py: decay is already a hyper-parameter of the training; give it another name"),
        ("a: Annotated[int, Ge(1)] = 0", "a has a default that must be an integer of at least 1, not 0"),
        ("a: Annotated[int, Ge(LEAST)] = 0", "a has an annotation whose choices or bounds are not written out"),
        ("a=", "new.py, line 3: this is not Python"),
    ],
)
def test_what_cannot_be_an_axis_is_one_sentence(folder: Path, argument: str, sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        read(folder, f"self, classes, dropout_rate, *, {argument}")
    assert sentence in str(caught.value)


def test_a_model_without_arguments_of_its_own_has_those_of_the_training(folder: Path) -> None:
    for text in ("class Model(Base): ...", "from sweep.models.cnn import Model"):
        (folder / "new.py").write_text(text)
        assert models.hyper_parameters("new") == {"decay": Parameter("decay", 0.0, bounds=(("ge", 0),))}


SWITCH, COUNT = Parameter("p", True), Parameter("p", 3, bounds=(("ge", 1),))
SHARE, KIND = Parameter("p", 0.5, bounds=(("ge", 0), ("lt", 1))), Parameter("p", "x", ("x", "y"))
NAME = Parameter("p", "relu")


@pytest.mark.parametrize(
    ("parameter", "value", "canonical"),
    [
        (SWITCH, False, False),
        (COUNT, 7, 7),
        (SHARE, 0, 0.0),
        (SHARE, -0.0, 0.0),
        (SHARE, 0.25, 0.25),
        (KIND, "y", "y"),
        (NAME, "leaky_relu-0.1", "leaky_relu-0.1"),
    ],
)
def test_a_value_has_one_form(parameter: Parameter, value: Value, canonical: Value) -> None:
    found = parameter.canonical(value)
    assert (repr(found), type(found)) == (repr(canonical), type(canonical))


@pytest.mark.parametrize(
    ("parameter", "values", "sentence"),
    [
        (SWITCH, [1, 0.0, "true", None], "must be true or false, not "),
        (COUNT, [0, 2.5, 7.0, True, "7", 2**63, math.inf], "must be an integer of at least 1, not "),
        (SHARE, [1, -0.1, False, "0.5", math.nan, 10**400], "must be a number of at least 0 and less than 1, not "),
        (Parameter("p", 0.5), [math.nan, math.inf, -math.inf, 10**400], "must be a number, not "),
        (KIND, ["z", "", True, ["x"]], "must be x or y, not "),
        (NAME, ["", "a b", "1a", "é", "a/b", "a" * 41, "nan", "Infinity", "true", 1], "must be a name of up to 40 let"),
    ],
)
def test_other_values_are_half_a_sentence(parameter: Parameter, values: list[Any], sentence: str) -> None:
    for value in values:
        with pytest.raises(SweepError) as caught:
            parameter.canonical(value)
        assert str(caught.value).startswith(sentence), value


def test_words_of_a_command_become_the_axes_of_a_run() -> None:
    words = ["weight_decay=5e-4", "dropout_kind=element", "batch_norm=false", "label_smoothing=0"]
    assert parse_axes("cnn", words) == (("batch_norm", False), ("dropout_kind", "element"), ("weight_decay", 0.0005))
    assert parse_axes("mlp", ["hidden=100", "batch_norm=true"]) == ()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["width=3"], "--set width=3: mlp has no hyper-parameter 'width'; there are, by default, batch_norm=true, hid"),
        (["hidden"], "--set hidden: hidden must be an integer of at least 1, not ''"),
        (["hidden=2.5"], "--set hidden=2.5: hidden must be an integer of at least 1, not '2.5'"),
        (["batch_norm=True"], "--set batch_norm=True: batch_norm must be true or false, not 'True'"),
        (["weight_decay=nan"], "--set weight_decay=nan: weight_decay must be a number of at least 0, not nan"),
        (["hidden=3", "hidden=4"], "--set hidden=4: hidden is given twice; keep one"),
    ],
)
def test_words_that_are_no_axes_are_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(SweepError) as caught:
        parse_axes("mlp", words)
    assert str(caught.value).startswith(sentence)
