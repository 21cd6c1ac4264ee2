"""Studies beside the grid: what a part of a model is worth, by also training a variant of it that lacks or changes it.

A variant is a model of its own, scripts/sweep/models/<model>_<ending>.py, trained for as many epochs as the model.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from sweep.errors import SweepError
from sweep.grid import rate, rate_name

# The endings of the variants' names.
VARIANTS = {"ablation": "without_bn", "dropout_kind": "element_dropout"}
# What a study's configuration names, and an example.
FORMS = {
    "ablation": ("<batch size>_<learning rate>_<dropout rate>", "1024_0.001_0.2"),
    "dropout_kind": ("<batch size>_<learning rate>", "128_0.001"),
}


def variant_of(study: str, model: str) -> str:
    return f"{model}_{VARIANTS[study]}"


def read_configuration(study: str, value: str | float) -> tuple[int, list[float]]:
    """The batch size and the rates that a study's configuration names, "1024_0.001_0.2" or "128_0.001".

    YAML allows _ in numbers: it reads 128_0.001 as 1280.001. That number is taken back to the name where it is sure
    which one it was.

    Raises:
        SweepError: half a sentence on what the value must be.
    """
    form, example = FORMS[study]
    name = value if isinstance(value, str) else re.sub(r"(?<=\d)0(?=\.\d{1,12}$)", "_0", repr(value))
    try:
        batch_size, *rates = (number(text) for number, text in zip((int, float, float), name.split("_"), strict=False))
    except ValueError:
        batch_size, rates = 0, []
    if name.count("_") != form.count(">_<") or len(rates) != form.count("rate>"):
        hint = "" if isinstance(value, str) else " in quotes, since YAML reads it as a number"
        raise SweepError(f"must name a configuration, {form}, such as {example!r}{hint}")
    if batch_size < 2 or not (isfinite(rates[0]) and rates[0] > 0) or not all(0 < p < 1 for p in rates[1:]):
        above = ", and a dropout rate between 0 and 1, as 0 leaves nothing to take out" if rates[1:] else ""
        raise SweepError(f"must have a batch size of at least 2 and a learning rate above 0{above}")
    canonical = "_".join([str(batch_size), *map(rate_name, rates)])
    if name != canonical:
        raise SweepError(f"must be spelled {canonical!r}")
    return int(batch_size), [rate(value) for value in rates]


def study_spaces(
    study: str, configurations: Mapping[str, str | float], models: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The search spaces of a study, each model's followed by its variant's. `models` are those of the grid."""
    spaces: dict[str, dict[str, Any]] = {}
    for model, name in configurations.items():
        batch_size, (learning_rate, *dropout_rate) = read_configuration(study, name)
        space = {
            "batch_sizes": [batch_size],
            "learning_rates": [learning_rate],
            # With dropout and without it, or every rate of the model's grid.
            "dropout_rates": [*dropout_rate, 0.0] if dropout_rate else models[model]["dropout_rates"],
            "epochs": models[model]["epochs"],
        }
        spaces |= {model: space, variant_of(study, model): space}
    return spaces
