"""The grid of runs and their canonical names.

A *configuration* is a model, a batch size, a learning rate, a dropout rate, and any further hyper-parameters that are
not at their default; a *run* is a configuration and a seed. A further hyper-parameter that takes several values is an
*axis* of the grid.
"""

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Literal

from sweep.errors import SweepError
from sweep.files import read_json
from sweep.sampling import draw

Value = bool | int | float | str
# The hyper-parameters that every configuration has; the config lists their values under the plural of their names.
MAIN = ("batch_size", "learning_rate", "dropout_rate")
RATES = frozenset(["learning_rate", "dropout_rate"])
# Names that a further hyper-parameter cannot have, because the tables have columns of these names, or a term.
RESERVED = frozenset(
    """model name batch_size learning_rate dropout_rate epochs seed rank runs status epoch seconds diverged
    diverged_epoch training_s device_asked device device_name gpu gpus precision_asked precision threads python torch
    commit series data_hash code_hash content_hash resumed_epochs set
    residual""".split()  # noqa: SIM905  as a list it is long
)


def rate(value: Value) -> float:
    """The one number of a rate: 0, 0.0 and -0.0 give 0.0."""
    return float(value) + 0.0


def value_name(value: Value) -> str:
    """The one spelling of a value in names, paths and commands: 128, "0.0" for 0.0 and -0.0, "true", "channel"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(rate(value)) if isinstance(value, float) else str(value)


def axis_words(axes: Sequence[tuple[str, Value]]) -> list[str]:
    """Hyper-parameters as names and commands have them: ["batch_norm=false", "weight_decay=0.0005"]."""
    return [f"{name}={value_name(value)}" for name, value in axes]


@dataclass(frozen=True)
class Run:
    """One training: a configuration, its number of epochs, and its seed.

    `axes` are the further hyper-parameters that are not at their default, sorted by name. Since the others are in no
    name and no key, a new axis retrains nothing where it is at its default.
    """

    model: str
    batch_size: int
    learning_rate: float
    dropout_rate: float
    epochs: int
    seed: int
    axes: tuple[tuple[str, Value], ...] = ()

    @property
    def name(self) -> str:
        """The configuration's name within its model: "1024_0.001_0.2" as in the write-up's legends, or
        "1024_0.001_0.2_weight_decay=0.0005"."""
        main = (value_name(value) for value in (self.batch_size, self.learning_rate, self.dropout_rate))
        return "_".join([*main, *axis_words(self.axes)])

    @property
    def path(self) -> Path:
        """The run's folder below results/<experiment>/runs: "mlp/1024_0.001_0.2/seed0"."""
        return Path(self.model, self.name, f"seed{self.seed}")


@dataclass(frozen=True)
class Space:
    """One model's search space, as the checked config has it.

    The configurations are every combination of the lists and of the `axes`, or those that `sample` draws; without those
    that `exclude` matches; and with those of `include`. `defaults` has every further hyper-parameter that the model and
    the training have. With `halving`, {"epochs": [5, 15], "keep": 0.33}, the configurations are compared after each of
    these numbers of epochs, and the best third of them goes on.
    """

    epochs: int
    batch_sizes: list[int] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    dropout_rates: list[float] = field(default_factory=list)
    axes: dict[str, list[Value]] = field(default_factory=dict)
    sample: dict[str, Any] = field(default_factory=dict)
    exclude: list[dict[str, Value]] = field(default_factory=list)
    include: list[dict[str, Value]] = field(default_factory=list)
    halving: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Value] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every hyper-parameter: those of MAIN, then the further ones by name."""
        return [*MAIN, *sorted(self.defaults)]

    @cached_property
    def candidates(self) -> list[dict[str, Value]]:
        """The configurations before `exclude` and `include`, each with every hyper-parameter. Raises SweepError, half a
        sentence, if `sample` asks for more than there are."""
        if self.sample:
            # The order of the dimensions decides what is drawn, so it is always that of `names`.
            dimensions = {name: self.sample[name] for name in self.names if name in self.sample}
            return [self.fill(each) for each in draw(dimensions, self.sample["runs"], self.sample["seed"])]
        lists: list[Sequence[Value]] = [self.batch_sizes, self.learning_rates, self.dropout_rates]
        lists += [self.axes.get(name, [default]) for name, default in sorted(self.defaults.items())]
        return [self.fill(dict(zip(self.names, values, strict=True))) for values in product(*lists)]

    @cached_property
    def configurations(self) -> list[dict[str, Value]]:
        """The value of every hyper-parameter in each configuration, in the order of the config, each once."""
        kept = [each for each in self.candidates if not any(entry.items() <= each.items() for entry in self.exclude)]
        listed = [*kept, *map(self.fill, self.include)]
        return list({tuple(each.values()): each for each in listed}.values())

    def fill(self, part: Mapping[str, Value]) -> dict[str, Value]:
        """A configuration with the defaults of what `part` lacks, in the order of `names`."""
        whole = {**self.defaults, **part}
        return {name: rate(whole[name]) if name in RATES else whole[name] for name in self.names}

    @cached_property
    def values(self) -> dict[str, list[Value]]:
        """The distinct values of each hyper-parameter, numbers in rising order and names in that of the config: of
        those of MAIN first, then of each that is anywhere not at its default, by name."""
        found: dict[str, list[Value]] = {}
        for name in self.names:
            values = list(dict.fromkeys(each[name] for each in self.configurations))
            if name in MAIN or values != [self.defaults[name]]:
                found[name] = values if isinstance(values[0], str) else sorted(values)
        return found

    def scale(self, name: str) -> Literal["linear", "log", "symlog"]:
        """The scale for the numbers of a hyper-parameter: the one that they are drawn from, if they are from a range.

        Other numbers are logarithmic if the positive ones, as rates chosen by order of magnitude, span more than a
        factor of 10, and their median is nearer to the geometric middle of their range than to the arithmetic one.
        "symlog" stands for "log" if not all are positive; other numbers with a negative one are linear.
        """
        values = [float(value) for value in self.values[name]]
        positive = [value for value in values if value > 0]
        dimension = self.sample.get(name)
        if isinstance(dimension, dict):
            logarithmic = dimension["scale"] == "log"
        elif values[0] < 0 or not positive or positive[-1] <= 10 * positive[0]:
            logarithmic = False
        else:
            low, middle, high = positive[0], median(positive), positive[-1]
            geometric, arithmetic = math.sqrt(low) * math.sqrt(high), low / 2 + high / 2
            logarithmic = abs(middle - geometric) < abs(middle - arithmetic)
        if not logarithmic:
            return "linear"
        return "log" if len(positive) == len(values) else "symlog"

    def split(self, configuration: Mapping[str, Value]) -> tuple[dict[str, Any], tuple[tuple[str, Value], ...]]:
        """A configuration's hyper-parameters of MAIN, and its further ones that are not at their default, by name."""
        axes = [
            (name, configuration[name])
            for name, default in sorted(self.defaults.items())
            if configuration[name] != default
        ]
        return {name: configuration[name] for name in MAIN}, tuple(axes)

    @property
    def rungs(self) -> list[int]:
        """The numbers of epochs that a configuration is trained for, one after the other, as long as it goes on; the
        last is `epochs`, which is the only one without halving."""
        return [*self.halving.get("epochs", []), self.epochs]

    @property
    def varying(self) -> list[str]:
        """The hyper-parameters with more than one value."""
        return [name for name, values in self.values.items() if len(values) > 1]

    @property
    def complete(self) -> bool:
        """Whether the space has every combination of its values."""
        return len(self.configurations) == math.prod(map(len, self.values.values()))


def number_kept(configurations: int, keep: float) -> int:
    """How many of so many configurations go on, if `keep` is the share: at least one, if there is any."""
    # 0.1 · 30 is 3.0000000000000004 to Python.
    return min(configurations, max(1, math.ceil(round(keep * configurations, 9))))


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
        """The grid of the `models` and `seeds` of a checked config; a model that is None is left out."""
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
        content = {name: value for name, value in asdict(self).items() if value or name in ("models", "seeds")}
        models: dict[str, dict[str, Any]] = content["models"]
        trimmed = {model: {key: value for key, value in space.items() if value} for model, space in models.items()}
        return {**content, "models": trimmed}

    @property
    def axes(self) -> list[str]:
        """The further hyper-parameters that are anywhere not at their default, by name."""
        return sorted({name for space in self.models.values() for name in space.values if name not in MAIN})

    def runs(self) -> list[Run]:
        """Every run, in the order of the config, as if no model were halved."""
        return [run for model, space in self.models.items() for run in self.runs_of(model, space.epochs)]

    def runs_of(self, model: str, epochs: int, names: Container[str] | None = None) -> list[Run]:
        """A model's runs of so many epochs, in the order of the config: all, or those of the configurations `names`."""
        space = self.models[model]
        runs = [
            Run(model, **main, epochs=epochs, seed=seed, axes=axes)
            for main, axes in map(space.split, space.configurations)
            for seed in self.seeds
        ]
        return runs if names is None else [run for run in runs if run.name in names]

    def of_model(self, model: str) -> "Grid":
        """The part of the grid that is this model's alone."""
        code_hashes = {name: value for name, value in self.code_hashes.items() if name == model}
        return replace(self, models={model: self.models[model]}, code_hashes=code_hashes)

    def up_to(self, model: str, epochs: int) -> "Grid":
        """What decides which configurations of a model that is halved go on after so many epochs: the model's part of
        the grid, as if this rung were the last one."""
        space = self.models[model]
        rungs = space.rungs[: space.rungs.index(epochs) + 1]
        ending = replace(space, epochs=epochs, halving={**space.halving, "epochs": rungs})
        return replace(self.of_model(model), models={model: ending})

    def path(self, run: Run) -> Path:
        """The run's folder below results/<experiment>/runs: its `path`, or "mlp/1024_0.001_0.2/seed0/rung5" if it is
        one of the shorter runs of a model that is halved."""
        rungs = self.models[run.model].halving.get("epochs", [])
        return run.path / f"rung{run.epochs}" if run.epochs in rungs else run.path
