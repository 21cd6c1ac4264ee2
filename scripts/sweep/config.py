"""The checks of config.yaml: each fault is one sentence that names the key."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

from sweep.errors import SweepError
from sweep.grid import rate_name
from sweep.models import model_names
from sweep.sources import train_size

SCHEMA_FILE = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"
INTEGER_KEYS = {"batch_sizes", "epochs", "seeds", "validation_size", "jobs_per_gpu", "top"}


def validated(config: dict[str, Any]) -> dict[str, Any]:
    """The config with the schema's defaults filled in.

    Raises:
        SweepError: a key is unknown or missing, a value is of the wrong type or out of range, a list names a value
            twice, a model has no file, the data are not there, or a batch does not fit into the training set.
    """
    schema = yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))
    try:
        checked: dict[str, Any] = fastjsonschema.compile(schema)(config)
    except fastjsonschema.JsonSchemaValueException as error:
        raise SweepError(f"config: {_sentence(error)}") from None
    # What JSON has not, and so its schemas cannot refuse: .nan, .inf, and 512.0 for an integer.
    for key, value in _numbers(checked):
        if not -sys.float_info.max <= value <= sys.float_info.max:
            raise SweepError(f"config: {key} is {value}; it must be a finite number")
        if isinstance(value, float) and not INTEGER_KEYS.isdisjoint(key.replace("[", ".").split(".")):
            raise SweepError(f"config: {key} is {value}; it must be an integer, written without a point")
    _check_grid(checked)
    _check_sizes(checked)
    return checked


def _sentence(error: fastjsonschema.JsonSchemaValueException) -> str:
    """The validator's message without its "data.", and with what was found or what is known."""
    section = ".".join(error.path[1:])
    if error.rule == "additionalProperties":
        unknown = ", ".join(str(key) for key in error.value if key not in error.definition["properties"])
        place = f"in {section}" if section else "at the top level"
        return f"unknown key {unknown} {place}; known are {', '.join(error.definition['properties'])}"
    message = error.message.removeprefix("data.").removeprefix("data ")
    if error.rule in ("required", "minItems"):
        return message
    return f"{message}, not {error.value!r}{_hint(error)}"


def _hint(error: fastjsonschema.JsonSchemaValueException) -> str:
    """What to write for a number that YAML reads as text, such as 1e-3."""
    number = {"integer": int, "number": float}.get(error.definition.get("type"))
    if number is None or not isinstance(error.value, str):
        return ""
    try:
        return f"; it is text to YAML, write {number(error.value)!r} without quotes"
    except ValueError:
        return ""


def _numbers(value: Any, key: str = "") -> Iterator[tuple[str, int | float]]:
    """Every number in a config, with its key: ("models.mlp.batch_sizes[0]", 512)."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _numbers(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _numbers(item, f"{key}[{position}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _check_grid(config: dict[str, Any]) -> None:
    if taken := {"records": "results/records", "example": "report/example"}.get(config["experiment"]):
        raise SweepError(f"config: experiment: {taken} is there for something else; choose another name")
    known = model_names()
    for model, space in config["models"].items():
        if model not in known:
            raise SweepError(
                f"config: models.{model}: there is no such model; scripts/sweep/models/ has {', '.join(known)}"
            )
        if space is not None:
            _refuse_repeats(f"models.{model}.batch_sizes", map(str, space["batch_sizes"]))
            for key in ("learning_rates", "dropout_rates"):
                _refuse_repeats(f"models.{model}.{key}", map(rate_name, space[key]))
    _refuse_repeats("seeds", map(str, config["seeds"]))
    if all(space is None for space in config["models"].values()):
        raise SweepError("config: models: none is left to train; give at least one a search space")


def _refuse_repeats(key: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise SweepError(f"config: {key} holds {name} {count} times (0.1 and 0.10 are one number); keep it once")


def _check_sizes(config: dict[str, Any]) -> None:
    data = config["data"]
    size = train_size(data["source"], Path(data["path"])) - data["validation_size"]
    if size < 1:
        raise SweepError(
            f"config: data.validation_size {data['validation_size']} leaves nothing to train on: "
            f"the training set has {size + data['validation_size']} pictures"
        )
    for model, space in config["models"].items():
        largest = max(space["batch_sizes"]) if space else 0
        if largest > size:
            raise SweepError(
                f"config: models.{model}.batch_sizes: {largest} is larger than the training set, which has {size} "
                f"pictures after data.validation_size {data['validation_size']} are cut off"
            )
