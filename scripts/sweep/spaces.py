"""Checking the search spaces of a config, which may name any hyper-parameter of a model or of the training."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import yaml

from sweep.errors import SweepError
from sweep.grid import MAIN, Space, Value, value_name
from sweep.models import Parameter, hyper_parameters

# The hyper-parameters of every model, and the names of their lists in a config.
OF_ALL = {
    "batch_size": Parameter("batch_size", 128, bounds=(("ge", 2),)),
    "learning_rate": Parameter("learning_rate", 0.001, bounds=(("gt", 0),)),
    "dropout_rate": Parameter("dropout_rate", 0.0, bounds=(("ge", 0), ("lt", 1))),
}
LISTS = {f"{name}s": name for name in MAIN}


def check_space(key: str, model: str, asked: Mapping[str, Any], images: int) -> dict[str, Any]:
    """The content of a `Space`: what a config asks of a model, with every value in its one form, and the defaults.

    `asked` has passed the schema; a part that is None is left out. `key` names it in messages: "models.mlp". `images`
    is the size of the training set.

    Raises:
        SweepError: lists are missing, or stand beside a sample; a hyper-parameter is unknown, a value has the wrong
            type or is out of range; an axis or an entry of `exclude` or `include` has no effect; a sample cannot be
            drawn; the epochs of `halving` do not rise; no configuration is left; or a batch is larger than the training
            set.
    """
    parts = {name: part for name, part in asked.items() if part is not None}
    further = hyper_parameters(model)
    known = {**OF_ALL, **further}
    listed = [name for name in (*LISTS, "axes") if name in parts]
    if "sample" in parts and listed:
        raise SweepError(
            f"config: {key} has sample and {', '.join(listed)}: keep one of the two "
            f"(in a file on top of another, {listed[0]}: null takes a list out)"
        )
    missing = [name for name in LISTS if name not in parts]
    if missing and "sample" not in parts:
        raise SweepError(f"config: {key} lacks {', '.join(missing)} (or sample, which draws configurations)")
    for name in listed:
        if name in LISTS:
            parts[name] = _values(f"{key}.{name}", known[LISTS[name]], parts[name])
    if "axes" in parts:
        parts["axes"] = _axes(f"{key}.axes", further, parts["axes"])
    if "sample" in parts:
        parts["sample"] = _sample(f"{key}.sample", known, parts["sample"])
    for part in ("exclude", "include"):
        if part in parts:
            parts[part] = [_entry(f"{key}.{part}[{n}]", known, entry) for n, entry in enumerate(parts[part])]
    for position, entry in enumerate(parts.get("include", ())):
        if lacking := [name for name in MAIN if name not in entry]:
            raise SweepError(f"config: {key}.include[{position}] lacks {', '.join(lacking)}: only axes have defaults")
    if "halving" in parts:
        _check_rungs(f"{key}.halving.epochs", [*parts["halving"]["epochs"], parts["epochs"]])
    space = Space(**parts, defaults={name: parameter.default for name, parameter in further.items()})
    _check_configurations(key, space, images)
    return asdict(space)


def _check_rungs(key: str, rungs: list[int]) -> None:
    """Check that the numbers of epochs after which configurations are compared rise, and are less than all epochs."""
    if any(later <= earlier for earlier, later in pairwise(rungs)):
        raise SweepError(
            f"config: {key} is {rungs[:-1]}; the numbers must rise, and stay below the model's epochs, {rungs[-1]}"
        )


def _axes(key: str, further: Mapping[str, Parameter], asked: Mapping[str, list[Any]]) -> dict[str, list[Value]]:
    for name in asked:
        if name in OF_ALL:
            raise SweepError(f"config: {key}.{name}: {name} has a list of its own, {name}s; take it out of axes")
    return {name: _axis(f"{key}.{name}", _parameter(key, name, further), values) for name, values in asked.items()}


def _axis(key: str, parameter: Parameter, values: Iterable[Any]) -> list[Value]:
    """The values of a further hyper-parameter, which are not its default alone."""
    checked = _values(key, parameter, values)
    if checked == [parameter.default]:
        raise SweepError(
            f"config: {key} has no effect, since {value_name(parameter.default)} is its default; "
            f"add values (it {parameter.describe()}) or take it out"
        )
    return checked


def _parameter(key: str, name: str, known: Mapping[str, Parameter]) -> Parameter:
    if name not in known:
        there = ", ".join(f"{each.name} ({each.describe()})" for each in known.values())
        raise SweepError(f"config: {key}: there is no hyper-parameter {name}; there are {there}")
    return known[name]


def _value(key: str, parameter: Parameter, value: Any) -> Value:
    try:
        return parameter.canonical(value)
    except SweepError as error:
        raise SweepError(f"config: {key} {error}{advise_number(type(parameter.default), value)}") from None


def advise_number(wanted: type, value: Any) -> str:
    """What to write instead of a number that YAML reads as text, such as 1e-3, where a number of the type `wanted` is
    asked for; "" where it is not, or `value` is something else."""
    if wanted not in (int, float) or not isinstance(value, str):
        return ""
    try:
        try:
            number = wanted(value)
        except ValueError:
            number = float(value)
            # Of 1e2, the integer; for 2.5 there is nothing to write instead.
            if not number.is_integer():
                return ""
            number = int(number)
        # Not repr(number), since 1e-05 is text to YAML, too.
        spelled = yaml.safe_dump(number).split()[0] if math.isfinite(number) else ""
    except (ValueError, OverflowError):
        return ""
    return f"; it is text to YAML, write {spelled} without quotes" if spelled else ""


def _values(key: str, parameter: Parameter, values: Iterable[Any]) -> list[Value]:
    """A list of values, each in its one form and each once."""
    checked = [_value(f"{key}[{position}]", parameter, value) for position, value in enumerate(values)]
    for name, count in Counter(map(value_name, checked)).items():
        if count > 1:
            raise SweepError(f"config: {key} holds {name} {count} times (0.1 and 0.10 are one number); keep it once")
    return checked


def _entry(key: str, known: Mapping[str, Parameter], entry: Mapping[str, Any]) -> dict[str, Value]:
    return {name: _value(f"{key}.{name}", _parameter(key, name, known), value) for name, value in entry.items()}


def _sample(key: str, known: Mapping[str, Parameter], sample: Mapping[str, Any]) -> dict[str, Any]:
    if lacking := [name for name in MAIN if name not in sample]:
        raise SweepError(f"config: {key} lacks {', '.join(lacking)}: give each a list of values, or from and to")
    dimensions = {
        name: _dimension(f"{key}.{name}", _parameter(f"{key}.{name}", name, known), dimension)
        for name, dimension in sample.items()
        if name not in ("runs", "seed")
    }
    return {"runs": sample["runs"], "seed": sample["seed"], **dimensions}


def _dimension(key: str, parameter: Parameter, dimension: Any) -> Any:
    """A dimension of a sampled space: a list of values, or a range of numbers."""
    if isinstance(dimension, list):
        return (_values if parameter.name in OF_ALL else _axis)(key, parameter, dimension)
    if isinstance(parameter.default, bool | str):
        raise SweepError(f"config: {key} cannot have from and to, since it {parameter.describe()}: give a list")
    ends: list[Any] = [_value(f"{key}.{end}", parameter, dimension[end]) for end in ("from", "to")]
    low, high, scale = *ends, dimension["scale"]
    if not low < high:
        raise SweepError(f"config: {key}.from is {value_name(low)}; it must be less than to, {value_name(high)}")
    if scale == "log" and not low > 0:
        raise SweepError(f"config: {key}.from is {value_name(low)}; on a log scale it must be more than 0")
    return {"from": low, "to": high, "scale": scale}


def _check_configurations(key: str, space: Space, images: int) -> None:
    """Check that the sample can be drawn, that each entry of `exclude` matches something, that something is left, and
    that a batch has at most as many images as there are."""
    try:
        candidates = space.candidates
    except SweepError as error:
        raise SweepError(f"config: {key}.sample.{error}") from None
    for position, entry in enumerate(space.exclude):
        if not any(entry.items() <= each.items() for each in candidates):
            raise SweepError(f"config: {key}.exclude[{position}] matches no configuration; take it out or correct it")
    if not space.configurations:
        raise SweepError(f"config: {key}: exclude leaves no configuration; to leave the model out, set it to null")
    _check_included(key, space)
    # The end of a range counts even if it is not drawn: with more runs it may be.
    asked = space.sample.get("batch_size")
    largest: Any = max(asked["to"] if isinstance(asked, dict) else 0, space.values["batch_size"][-1])
    if largest > images:
        raise SweepError(
            f"config: {key}: batch size {largest} is larger than the training set, which has {images} images after "
            "data.validation_size are cut off"
        )


def _check_included(key: str, space: Space) -> None:
    """Check that each entry of `include` adds a configuration. What a sample has drawn may be included, too: with other
    runs it may not be drawn."""
    before = [] if space.sample else replace(space, include=[]).configurations
    found = {tuple(each.values()): "that the lists have already" for each in before}
    for position, entry in enumerate(space.include):
        configuration = tuple(space.fill(entry).values())
        if where := found.get(configuration):
            raise SweepError(f"config: {key}.include[{position}] is a configuration {where}; take it out")
        found[configuration] = f"that include[{position}] has already"
