"""Read, merge and check config.yaml. Each fault is one sentence that names the file or the key."""

import json
import re
import sys
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from copy import deepcopy
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema
import yaml

from sweep.data.sources import expand_home, source_sizes
from sweep.errors import SweepError
from sweep.models import model_names
from sweep.spaces import advise_number, check_space

CONFIG_SCHEMA = Path(__file__).parents[2] / "workflow" / "schemas" / "config.schema.yaml"
# The keys of type integer in the schema; a point in one of their numbers is refused.
INTEGER_KEYS = {"batch_sizes", "epochs", "seeds", "validation_size", "jobs_per_gpu", "top", "runs", "seed"}
# The schema's patterns in words, by key.
PATTERN_WORDS = {
    "experiment": "a name of letters, digits and . _ - that begins with a letter or digit",
    "data.path": "a path without control characters",
    "report.author": "one line without control characters",
}
# Names, in lower case, that an experiment cannot have because results/ or report/ uses them for something else. Upper
# case does not make a name free: some file systems do not distinguish it.
TAKEN = {
    "records": "results/records",
    "bench.json": "results/bench.json",
    "readme.md": "results/README.md",
    "example": "report/example",
}


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice, as YAML demands, where PyYAML silently takes the last one; and a number whose
    digits do not mean what they show: to YAML 1.1, 010 is 8 and 1:30 is 90."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        is_integer = node.tag.endswith(":int")
        number: int | float = self.construct_yaml_int(node) if is_integer else self.construct_yaml_float(node)
        if ":" in node.value or (is_integer and re.match(r"[-+]?0[\dxb_]", node.value)):
            advice = "write it as a decimal number"
            raise yaml.MarkedYAMLError(
                problem=f"{node.value} is {number} to YAML", problem_mark=node.start_mark, note=advice
            )
        return number


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_number)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _StrictLoader.construct_number)


def read_file(file: Path) -> dict[str, Any]:
    """The content of a config file.

    The Snakefile calls this before Snakemake reads the file: Snakemake's message would name neither the file nor the
    line.

    Raises:
        SweepError: the file cannot be read, is not UTF-8, is not YAML, has a key twice, or holds no keys.
    """
    try:
        content = _parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SweepError(f"config: {file} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise SweepError(f"config: {file} is not text in UTF-8 ({error.reason}); save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        advice = error.note or "indent with spaces, each key once"
        raise SweepError(f"config: {file}{line}: {error.problem}; {advice}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SweepError(f"config: {file} is not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise SweepError(f"config: {file} must hold keys at its top level, as in experiment: cifar10")
    if "__use_yte__" in content:
        # Snakemake would run the Python expressions in it, also for a mere look at the plan.
        raise SweepError(f"config: {file}: a config is no template; take the key __use_yte__ out")
    return content


def _parse(text: str) -> Any:
    """JSON, which may be indented with tabs, or YAML, as Snakemake reads a config."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_repeated_keys)
    except json.JSONDecodeError:
        return yaml.load(text, _StrictLoader)  # noqa: S506  it is a SafeLoader


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1:
            raise yaml.MarkedYAMLError(problem=f"the key {key} is there twice")
    return dict(pairs)


def list_files(configfiles: Sequence[Path]) -> list[Path]:
    """The files that make the config: config.yaml and `configfiles` on top of it. As for Snakemake, config.yaml may be
    missing if there are others. Raises SweepError if it is missing otherwise."""
    default = Path("config.yaml")
    if not configfiles and not default.exists():
        raise SweepError(f"config: there is no config.yaml in {Path.cwd()}: start in the folder of your sweep")
    return [*([default] if default.exists() else []), *configfiles]


def read_config(configfiles: Sequence[Path]) -> dict[str, Any]:
    """The checked config: config.yaml with `configfiles` on top, each over the one before it, and the defaults.

    The programs outside Snakemake call this. The files are merged as `snakemake --configfile` merges them. Raises
    SweepError as `read_file` and `validated`.
    """
    config: dict[str, Any] = {}
    for file in list_files(configfiles):
        config = merge(config, read_file(file))
    return validated(config)


def merge(base: Any, changes: dict[str, Any]) -> Any:
    """`base` with `changes`, as Snakemake's `update_config` merges them.

    Sections are merged key by key; all other values, including lists, are replaced. An empty section changes nothing,
    not even a null.
    """
    if not changes:
        return base
    merged = dict(base) if isinstance(base, dict) else {}
    for key, value in changes.items():
        merged[key] = merge(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged


def validated(config: dict[str, Any], options: Container[str] = ()) -> dict[str, Any]:
    """The config with the schema's defaults filled in. `options` are the keys that come from `snakemake --config`.

    Raises:
        SweepError: a key is unknown or missing, a value has the wrong type or is out of range, a list holds a value
            twice, a model has no file, the images are missing, a batch is larger than the training set, or a search
            space has no configuration.
    """
    try:
        checked: dict[str, Any] = _validator()(deepcopy(config))
    except fastjsonschema.JsonSchemaValueException as error:
        advice = _advise(error)
        if len(error.path) > 1 and error.path[1] in options:
            advice = "; --config cannot give this value: put it in a file, and give that with --configfile"
        raise SweepError(f"config: {_describe(error)}{advice}") from None
    _check_keys(checked)
    # JSON Schema cannot refuse .nan, .inf, or 512.0 where an integer is meant.
    for key, value in _walk_numbers(checked):
        if not -sys.float_info.max <= value <= sys.float_info.max:
            raise SweepError(f"config: {key} is {value}; it must be a finite number")
        if isinstance(value, float) and re.sub(r"\[\d+\]$", "", key).rpartition(".")[2] in INTEGER_KEYS:
            raise SweepError(f"config: {key} is {value}; it must be an integer, written without a point")
    _check_experiment(checked)
    checked["data"]["path"] = expand_home(checked["data"]["path"])
    images = _count_images(checked["data"])
    checked["models"] = {
        model: check_space(f"models.{model}", model, space, images) if space is not None else None
        for model, space in checked["models"].items()
    }
    _check_halving(checked)
    checked["studies"] = {
        study: _check_study(study, models, checked["models"], images)
        for study, models in checked["studies"].items()
        if models is not None
    }
    return checked


@cache
def _validator() -> Any:
    return fastjsonschema.compile(yaml.safe_load(CONFIG_SCHEMA.read_text(encoding="utf-8")))


def _describe(error: fastjsonschema.JsonSchemaValueException) -> str:
    """One sentence on what the schema refuses: the validator's message with the key, and what was found or is known."""
    section = ".".join(map(str, error.path[1:]))
    if error.rule == "additionalProperties":
        unknown = ", ".join(str(key) for key in error.value if key not in error.definition["properties"])
        place = f"in {section}" if section else "at the top level"
        return f"unknown key {unknown} {place}; known are {', '.join(error.definition['properties'])}"
    if error.rule == "required":
        missing = ", ".join(key for key in error.definition["required"] if key not in error.value)
        return f"{section or 'the file'} lacks {missing}"
    message = error.message.removeprefix("data.")
    if error.rule == "minItems":
        return message
    if error.rule == "pattern":
        message = f"{section} must be {PATTERN_WORDS[section]}"
    # The value may be a whole section or thousands of letters: show its beginning.
    value = repr(error.value)
    return f"{message}, not {value if len(value) <= 200 else value[:200] + '…'}"


def _advise(error: fastjsonschema.JsonSchemaValueException) -> str:
    """What to write instead of a number that YAML reads as text, such as 1e-3, or of a text that it reads otherwise."""
    if error.rule in ("additionalProperties", "required", "minItems"):
        return ""
    wanted, value = error.definition.get("type"), error.value
    if wanted == "string" and isinstance(value, int | float | date):
        return "; for YAML that is no text, write it in quotes"
    if wanted in ("integer", "number"):
        return advise_number(int if wanted == "integer" else float, value)
    return ""


def _check_keys(content: Any, section: str = "") -> None:
    """Check that each key is text that can be shown on one line."""
    if isinstance(content, list):
        for item in content:
            _check_keys(item, section)
    elif isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str):
                raise SweepError(f"config: {section} has the key {key}, which is no text to YAML; write it in quotes")
            if not key.isprintable():
                raise SweepError(f"config: {section} has the key {key!r}; a key has no control characters")
            _check_keys(value, f"{section}.{key}" if section else key)


def _walk_numbers(value: Any, key: str = "") -> Iterator[tuple[str, int | float]]:
    """Each number in a config with its key, such as ("models.mlp.batch_sizes[0]", 512)."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _walk_numbers(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _walk_numbers(item, f"{key}[{position}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value


def _check_experiment(config: dict[str, Any]) -> None:
    """Check the experiment's name, that there is something to train, and that no seed is there twice."""
    if taken := TAKEN.get(config["experiment"].lower()):
        raise SweepError(f"config: experiment: {taken} is there for something else; choose another name")
    known = model_names()
    for model in config["models"]:
        if model not in known:
            raise SweepError(
                f"config: models.{model}: there is no such model; scripts/sweep/models/ has {', '.join(known)} "
                "(a model's file has a name in lower case: letters, digits, _)"
            )
    for seed, count in Counter(config["seeds"]).items():
        if count > 1:
            raise SweepError(f"config: seeds holds {seed} {count} times; keep it once")
    if all(space is None for space in config["models"].values()):
        raise SweepError("config: models: none is left to train; give at least one a search space")


def _check_halving(config: dict[str, Any]) -> None:
    """Check that the states are kept from which the configurations of a halved model go on."""
    halved = [model for model, space in config["models"].items() if space and space["halving"]]
    if halved and (keep := config["training"]["keep"]) != "state":
        raise SweepError(
            f"config: training.keep is {keep}, but models.{halved[0]}.halving needs state: "
            "without it, each configuration that goes on would start over"
        )


def _count_images(data: dict[str, Any]) -> int:
    """How many images are left to train on."""
    size: int = source_sizes(data["source"], Path(data["path"])).train - data["validation_size"]
    if size < 1:
        raise SweepError(
            f"config: data.validation_size {data['validation_size']} leaves nothing to train on: "
            f"the training set has {size + data['validation_size']} images"
        )
    return size


def _check_study(study: str, models: dict[str, Any], swept: dict[str, Any], images: int) -> dict[str, Any]:
    """The spaces of a study, which take their epochs from those of the sweep, `swept`."""
    key, checked = f"studies.{study}", {}
    # Two _ stand between the study and the model in the names of rules.
    if not re.fullmatch("[a-z][a-z0-9_]{0,39}", study) or "__" in study:
        raise SweepError(
            f"config: {key}: a study has a name in lower case: a letter, then letters, digits and _ (no two _ in a row)"
        )
    for model, space in models.items():
        if space is None:
            continue
        if not swept.get(model):
            raise SweepError(f"config: {key}.{model}: models has no search space for {model}, whose epochs it takes")
        checked[model] = check_space(f"{key}.{model}", model, {**space, "epochs": swept[model]["epochs"]}, images)
    if not checked:
        raise SweepError(f"config: {key} has no model; give it a search space for one, or take the study out")
    return checked
