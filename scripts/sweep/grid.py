"""The grid of runs and their canonical names.

A *configuration* is (model, batch size, learning rate, dropout rate); a *run* is a configuration and a seed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any


def rate(value: float) -> float:
    """The one number of a rate: 0, 0.0 and -0.0 give 0.0."""
    return float(value) + 0.0


def rate_name(value: float) -> str:
    """The one spelling of a rate in names and paths: 0 and 0.0 give "0.0", 1e-05 and 0.00001 give "1e-05"."""
    return repr(rate(value))


@dataclass(frozen=True)
class Run:
    """One training: a configuration, how long it trains, and its seed."""

    model: str
    batch_size: int
    learning_rate: float
    dropout_rate: float
    epochs: int
    seed: int

    @property
    def name(self) -> str:
        """The configuration's name within its model, as in the write-up's legends: "1024_0.001_0.2"."""
        return f"{self.batch_size}_{rate_name(self.learning_rate)}_{rate_name(self.dropout_rate)}"

    @property
    def path(self) -> Path:
        """The run's folder below results/<experiment>/runs: "mlp/1024_0.001_0.2/seed0"."""
        return Path(self.model, self.name, f"seed{self.seed}")


def expand_grid(models: Mapping[str, Mapping[str, Any] | None], seeds: Sequence[int]) -> Iterator[Run]:
    """Every run of the `models` and `seeds` of a config, in the config's order; a model that is None is left out."""
    for model, space in models.items():
        if space is not None:
            for batch_size, learning_rate, dropout_rate, seed in product(
                space["batch_sizes"], space["learning_rates"], space["dropout_rates"], seeds
            ):
                yield Run(model, batch_size, rate(learning_rate), rate(dropout_rate), space["epochs"], seed)
