"""The grid of runs and their canonical names.

A *configuration* is (model, batch size, learning rate, dropout rate); a *run* is a configuration and a seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from sweep.errors import SweepError
from sweep.files import read_json


def rate(value: float) -> float:
    """The one number of a rate: 0, 0.0 and -0.0 give 0.0."""
    return float(value) + 0.0


def rate_name(value: float) -> str:
    """The one spelling of a rate in names and paths: 0 and 0.0 give "0.0", 1e-05 and 0.00001 give "1e-05"."""
    return repr(rate(value))


@dataclass(frozen=True)
class Run:
    """One training: a configuration, its number of epochs, and its seed."""

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


@dataclass(frozen=True)
class Space:
    """One model's search space, its numbers as the config spells them."""

    batch_sizes: list[int]
    learning_rates: list[float]
    dropout_rates: list[float]
    epochs: int


@dataclass(frozen=True)
class Partial:
    """How the runs of an unfinished sweep differ from those that its config asks for.

    `runs` of the grid are asked for, `missing` of them have no record; `damaged` holds a sentence for each record that
    is left out, `stale` an entry {"run": path, "differs": [what]} for each that was made with other parameters, data or
    code, and `left_out` the models without any record.
    """

    runs: int
    missing: int
    damaged: list[str]
    stale: list[dict[str, Any]]
    left_out: list[str]

    @property
    def incomplete(self) -> bool:
        """Whether the tables are not those of the sweep that was asked for."""
        return bool(self.missing or self.damaged or self.stale)


@dataclass(frozen=True)
class Grid:
    """What is trained: a search space for each model, and the seeds; the content of a file grid.json.

    `code_hashes` has the hash of each model's code, or is empty where that does not matter. The tables are ranked by
    `rank_by`, val_loss or val_acc. `study` is the name of the study that the grid belongs to, "" for the sweep's own.
    `partial` is None but for the tables of a preview.
    """

    models: dict[str, Space]
    seeds: list[int]
    code_hashes: dict[str, str] = field(default_factory=dict)
    rank_by: str = "val_loss"
    study: str = ""
    partial: Partial | None = None

    @classmethod
    def of(cls, models: Mapping[str, Mapping[str, Any] | None], seeds: Sequence[int], **more: Any) -> "Grid":
        """The grid of the `models` and `seeds` of a config; a model that is None is left out."""
        spaces = {model: Space(**space) for model, space in models.items() if space is not None}
        return cls(spaces, list(seeds), **more)

    @classmethod
    def read(cls, file: Path) -> "Grid":
        """Read a grid.json. Raises SweepError if it is missing or damaged."""
        content = read_json(file)
        try:
            partial = content.pop("partial", None)
            return cls.of(**content, partial=None if partial is None else Partial(**partial))
        except (TypeError, AttributeError) as error:
            raise SweepError(f"{file} is missing or damaged ({error}): run the same command again") from None

    def content(self) -> dict[str, Any]:
        """What grid.json holds; empty parts are left out."""
        return {name: value for name, value in asdict(self).items() if value or name in ("models", "seeds")}

    def runs(self) -> list[Run]:
        """Every run, in the order of the config."""
        return [
            Run(model, batch_size, rate(learning_rate), rate(dropout_rate), space.epochs, seed)
            for model, space in self.models.items()
            for batch_size, learning_rate, dropout_rate, seed in product(
                space.batch_sizes, space.learning_rates, space.dropout_rates, self.seeds
            )
        ]
