"""Studies beside the grid. Each shows what a part of a model is worth: it also trains a variant of the model in which
that part is missing or different.

A variant is a model of its own, scripts/sweep/models/<model>_<ending>.py, and is trained for the model's epochs.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from sweep.errors import SweepError
from sweep.grid import rate, rate_name

# By study: the ending of its variants' names.
VARIANTS = {"ablation": "without_bn", "dropout_kind": "element_dropout"}
# By study: the form of the configuration that it takes, and an example.
FORMS = {
    "ablation": ("<batch size>_<learning rate>_<dropout rate>", "1024_0.001_0.2"),
    "dropout_kind": ("<batch size>_<learning rate>", "128_0.001"),
}


def variant_of(study: str, model: str) -> str:
    """The name of a model's variant: "mlp_without_bn"."""
    return f"{model}_{VARIANTS[study]}"


def read_configuration(study: str, value: str | float) -> tuple[int, list[float]]:
    """The batch size and the rates that a study's configuration names, "1024_0.001_0.2" or "128_0.001".

    YAML allows _ in numbers and reads 128_0.001 as 1280.001. Such a number is turned back into the name, unless it can
    come from several names.

    Raises:
        SweepError: the value names no configuration of the study. The message is half a sentence on what the value must
            be; the caller puts the key before it.
    """
    form, example = FORMS[study]
    name = value if isinstance(value, str) else re.sub(r"(?<=\d)0(?=\.\d{1,12}$)", "_0", repr(value))
    try:
        batch_size, *rates = (
            convert(text) for convert, text in zip((int, float, float), name.split("_"), strict=False)
        )
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
    """The search spaces of a study: each model's, followed by its variant's.

    `configurations` has the configuration's name for each model, and `models` the search spaces of the grid. Raises
    SweepError as `read_configuration`.
    """
    spaces: dict[str, dict[str, Any]] = {}
    for model, name in configurations.items():
        batch_size, (learning_rate, *dropout_rate) = read_configuration(study, name)
        space = {
            "batch_sizes": [batch_size],
            "learning_rates": [learning_rate],
            # A configuration with a dropout rate is trained with it and without dropout; one without takes the grid's.
            "dropout_rates": [*dropout_rate, 0.0] if dropout_rate else models[model]["dropout_rates"],
            "epochs": models[model]["epochs"],
        }
        spaces |= {model: space, variant_of(study, model): space}
    return spaces
