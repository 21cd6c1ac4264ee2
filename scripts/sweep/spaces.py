"""Checking the search spaces of a config, which may name any hyper-parameter of a model or of the training."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

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


def check_space(key: str, model: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a `Space`: what a config asks of a model, with every value in its one form, and the defaults.

    `asked` has passed the schema; a part that is None is left out. `key` names it in messages: "models.mlp".

    Raises:
        SweepError: lists are missing, or stand beside a sample; a hyper-parameter is unknown, a value has the wrong type
            or is out of range; an axis or an entry has no effect; or no configuration is left.
    """
    parts = {name: part for name, part in asked.items() if part is not None}
    further = hyper_parameters(model)
    known = {**OF_ALL, **further}
    sampled, listed = parts.get("sample"), [name for name in (*LISTS, "axes") if name in parts]
    if sampled and listed:
        raise SweepError(
            f"config: {key} has sample and {', '.join(listed)}: keep one of the two "
            f"(in a file on top of another, {listed[0]}: null takes a list out)"
        )
    missing = [name for name in LISTS if name not in parts]
    if missing and not sampled:
        raise SweepError(f"config: {key} lacks {', '.join(missing)} (or sample, which draws configurations)")
    for name in listed:
        if name in LISTS:
            parts[name] = _values(f"{key}.{name}", known[LISTS[name]], parts[name])
    if "axes" in parts:
        parts["axes"] = _axes(f"{key}.axes", further, parts["axes"])
    if sampled:
        parts["sample"] = _sample(f"{key}.sample", known, sampled)
    for part in ("exclude", "include"):
        if part in parts:
            parts[part] = [_entry(f"{key}.{part}[{n}]", known, entry) for n, entry in enumerate(parts[part])]
    for position, entry in enumerate(parts.get("include", ())):
        if lacking := [name for name in MAIN if name not in entry]:
            raise SweepError(f"config: {key}.include[{position}] lacks {', '.join(lacking)}, which have no default")
    space = Space(**parts, defaults={name: parameter.default for name, parameter in further.items()})
    _check_effect(key, space)
    return asdict(space)


def _axes(key: str, further: Mapping[str, Parameter], asked: Mapping[str, list[Any]]) -> dict[str, list[Value]]:
    axes = {}
    for name, values in asked.items():
        if name in OF_ALL:
            raise SweepError(f"config: {key}.{name}: {name} has a list of its own, {name}s; take it out of axes")
        axes[name] = _values(f"{key}.{name}", _parameter(key, name, further), values)
        if axes[name] == [further[name].default]:
            raise SweepError(
                f"config: {key}.{name} has no effect, since {value_name(further[name].default)} is its default; "
                f"add values or take it out. {_list_known(further)}"
            )
    return axes


def _parameter(key: str, name: str, known: Mapping[str, Parameter]) -> Parameter:
    if name not in known:
        raise SweepError(f"config: {key}: there is no hyper-parameter {name}. {_list_known(known)}")
    return known[name]


def _list_known(known: Mapping[str, Parameter]) -> str:
    """A sentence on what there is."""
    return "There are " + ", ".join(f"{each.name} ({each.describe()})" for each in known.values())


def _value(key: str, parameter: Parameter, value: Any) -> Value:
    try:
        return parameter.canonical(value)
    except SweepError as error:
        raise SweepError(f"config: {key} {error}{_advise(parameter, value)}") from None


def _advise(parameter: Parameter, value: Any) -> str:
    """What to write instead of a number that YAML reads as text, such as 1e-3."""
    with suppress(TypeError, ValueError, SweepError):
        return f"; it is text to YAML, write {parameter.canonical(type(parameter.default)(value))!r} without quotes"
    return ""


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
        name: _dimension(f"{key}.{name}", _parameter(key, name, known), dimension)
        for name, dimension in sample.items()
        if name not in ("runs", "seed")
    }
    return {"runs": sample["runs"], "seed": sample["seed"], **dimensions}


def _dimension(key: str, parameter: Parameter, dimension: Any) -> Any:
    """A dimension of a sampled space: a list of values, or a range of numbers."""
    if isinstance(dimension, list):
        return _values(key, parameter, dimension)
    if isinstance(parameter.default, bool | str):
        raise SweepError(f"config: {key} cannot have from and to, since it {parameter.describe()}: give a list")
    low, high = (_value(f"{key}.{end}", parameter, dimension[end]) for end in ("from", "to"))
    scale = dimension["scale"]
    if not low < high:  # type: ignore[operator]  both are numbers
        raise SweepError(f"config: {key}.from is {value_name(low)}; it must be less than to, {value_name(high)}")
    if scale == "log" and not low > 0:  # type: ignore[operator]
        raise SweepError(f"config: {key}.from is {value_name(low)}; on a log scale it must be more than 0")
    return {"from": low, "to": high, "scale": scale}


def _check_effect(key: str, space: Space) -> None:
    """Check that the sample can be drawn, that each entry of `exclude` matches something, and that something is left."""
    try:
        drawn = Space(**{**asdict(space), "exclude": [], "include": []}).configurations
        found = space.configurations
    except SweepError as error:
        raise SweepError(f"config: {key}.sample.{error}") from None
    for position, entry in enumerate(space.exclude):
        if not any(entry.items() <= each.items() for each in drawn):
            raise SweepError(f"config: {key}.exclude[{position}] matches no configuration; take it out or correct it")
    if not found:
        raise SweepError(f"config: {key}: exclude leaves no configuration; to leave the model out, set it to null")
