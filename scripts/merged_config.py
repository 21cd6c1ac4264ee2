"""The config as Snakemake puts it together, for the programs that are not started by it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

from sweep.config import check_file, validated
from sweep.errors import SweepError


def merged_config(configfiles: Sequence[Path]) -> dict[str, Any]:
    """config.yaml with `configfiles` on top, checked and with its defaults.

    Raises:
        SweepError: a file cannot be read, or as `validated`.
    """
    for file in [Path("config.yaml"), *configfiles]:
        check_file(file)
    try:
        config: dict[str, Any] = load_configfile("config.yaml")
        changes: dict[str, Any] = {}
        # Each over the one before it, and all of them over config.yaml, as snakemake --configfile does.
        for file in configfiles:
            update_config(changes, load_configfile(str(file)))
    except (OSError, WorkflowError, ValueError) as error:
        raise SweepError(f"config: {error}") from None
    update_config(config, changes)
    return validated(config)


def parse_args(description: str | None) -> argparse.Namespace:
    """The options of these programs: `configfile`, a list of paths."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="on top of config.yaml, as Snakemake's")
    return parser.parse_args()
