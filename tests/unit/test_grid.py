"""The grid of runs: how many there are, in which order, and the one name of each."""

import math
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.errors import SweepError
from sweep.files import write_json
from sweep.grid import MAIN, Grid, Partial, Run, Space, Value, value_name

SPACE = {"batch_sizes": [1024, 512], "learning_rates": [0.001, 1e-5], "dropout_rates": [0, 0.5], "epochs": 3}
ONE: dict[str, Any] = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0.0], "epochs": 1}
DEFAULTS: dict[str, Value] = {"hidden": 100, "batch_norm": True, "weight_decay": 0.0, "kind": "channel"}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (128, "128"),
        (0.0, "0.0"),
        (-0.0, "0.0"),
        (0.10, "0.1"),
        (1e-3, "0.001"),
        (0.00001, "1e-05"),
        (1.0, "1.0"),
        (True, "true"),
        (False, "false"),
        ("channel", "channel"),
    ],
)
def test_a_value_has_one_name(value: Value, name: str) -> None:
    assert value_name(value) == name


def names(**space: Any) -> list[str]:
    """The names of the configurations of ONE with changes."""
    return [run.name for run in Grid.of({"mlp": {**ONE, "defaults": DEFAULTS, **space}}, [0]).runs()]


def test_further_hyper_parameters_are_in_a_name_by_name_unless_they_are_at_their_default() -> None:
    axes = {"weight_decay": [0.0, 0.0005], "batch_norm": [True, False], "kind": ["channel", "element"]}
    found = names(axes=axes)
    assert len(found) == len(set(found)) == 8
    assert found[0] == "8_0.1_0.0"
    assert found[-1] == "8_0.1_0.0_batch_norm=false_kind=element_weight_decay=0.0005"
    assert names(axes=dict(reversed(axes.items()))) == found
    assert names(axes={"hidden": [50]}) == ["8_0.1_0.0_hidden=50"]


def test_an_axis_with_its_default_keeps_the_runs_there_were() -> None:
    before = Grid.of({"mlp": {**SPACE, "defaults": DEFAULTS}}, [0, 1])
    after = Grid.of({"mlp": {**SPACE, "defaults": DEFAULTS, "axes": {"weight_decay": [0.0, 0.1]}}}, [0, 1])
    assert set(before.runs()) < set(after.runs())
    assert len(after.runs()) == 2 * len(before.runs())
    # Nor does a hyper-parameter that the model gets in a later version rename its runs.
    assert Grid.of({"mlp": {**SPACE, "defaults": {**DEFAULTS, "new": 1}}}, [0, 1]).runs() == before.runs()


SAMPLE = {
    "runs": 6,
    "seed": 0,
    "batch_size": [8, 16],
    "learning_rate": {"from": 0.01, "to": 0.1, "scale": "log"},
    "dropout_rate": [0.0],
    "weight_decay": [0.0, 0.5],
}


@pytest.mark.parametrize(
    ("space", "values", "complete"),
    [
        (ONE, {}, True),
        ({**ONE, "axes": {"hidden": [200, 50], "kind": ["element"]}}, {"hidden": [50, 200], "kind": ["element"]}, True),
        ({**ONE, "axes": {"batch_norm": [True, False]}}, {"batch_norm": [False, True]}, True),
        ({**ONE, "axes": {"kind": ["element", "channel"]}}, {"kind": ["element", "channel"]}, True),
        # An excluded value may leave a complete grid.
        ({**ONE, "axes": {"hidden": [100, 50, 25]}, "exclude": [{"hidden": 25}]}, {"hidden": [50, 100]}, True),
        ({**ONE, "axes": {"hidden": [100, 50]}, "exclude": [{"hidden": 50}]}, {}, True),
        (
            {**ONE, "batch_sizes": [8, 4], "axes": {"hidden": [100, 50]}, "exclude": [{"hidden": 50, "batch_size": 4}]},
            {"batch_size": [4, 8], "hidden": [50, 100]},
            False,
        ),
        # What is included need not have been excluded, takes the defaults, and counts once.
        (
            {**ONE, "include": [{"batch_size": 4, "learning_rate": 0.1, "dropout_rate": 0.5, "weight_decay": 0.1}] * 2},
            {"batch_size": [4, 8], "dropout_rate": [0.0, 0.5], "weight_decay": [0.0, 0.1]},
            False,
        ),
        ({**ONE, "include": [{"dropout_rate": 0.0, "learning_rate": 0.1, "batch_size": 8}]}, {}, True),
        (
            {"epochs": 1, "sample": {**SAMPLE, "runs": 8, "learning_rate": [0.1, 0.01]}},
            {"batch_size": [8, 16], "learning_rate": [0.01, 0.1], "weight_decay": [0.0, 0.5]},
            True,
        ),
    ],
)
def test_the_values_of_a_space(space: dict[str, Any], values: dict[str, list[Value]], complete: bool) -> None:
    found = Space(**space, defaults=DEFAULTS)
    main: dict[str, list[Value]] = {"batch_size": [8], "learning_rate": [0.1], "dropout_rate": [0.0]}
    assert found.values == main | values
    assert list(found.values) == [*main, *sorted(values.keys() - main.keys())]
    assert found.varying == [name for name in found.values if len(found.values[name]) > 1]
    assert found.complete == complete
    assert all(list(each) == [*main, *sorted(DEFAULTS)] for each in found.configurations)


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1.0, 0.1, 0.01], "log"),
        ([0.0, 1.0, 0.1, 0.01], "symlog"),
        # A factor of 10 alone; spread evenly over more; and a negative value.
        ([0.1, 0.03, 0.01], "linear"),
        ([0.01, 0.2, 0.4, 0.6, 0.8], "linear"),
        ([-1.0, 0.01, 0.1, 1.0], "linear"),
        ([0.0], "linear"),
    ],
)
def test_the_scale_of_numbers_is_that_of_their_spread(values: list[Value], scale: str) -> None:
    space = Space(**ONE, axes={"weight_decay": values}, defaults={"weight_decay": 9.0})
    assert space.scale("weight_decay") == scale


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_the_scale_of_what_is_drawn_is_that_of_its_range(scale: str) -> None:
    rates = {"from": 0.0001, "to": 0.1, "scale": scale}
    assert Space(1, sample={**SAMPLE, "learning_rate": rates}, defaults=DEFAULTS).scale("learning_rate") == scale


def test_what_is_excluded_may_be_included_again() -> None:
    lists = {**ONE, "batch_sizes": [8, 4], "dropout_rates": [0.0, 0.5]}
    include: list[dict[str, Value]] = [{"batch_size": 8, "learning_rate": 0.1, "dropout_rate": 0.5}]
    space = Space(**lists, exclude=[{"batch_size": 8}], include=include)
    assert [(each["batch_size"], each["dropout_rate"]) for each in space.configurations] == [
        (4, 0.0),
        (4, 0.5),
        (8, 0.5),
    ]
    assert not space.complete


def test_a_sample_is_drawn_then_excluded_from_and_included_to() -> None:
    drawn = Space(1, sample=SAMPLE, defaults=DEFAULTS)
    assert len(drawn.configurations) == 6
    assert not drawn.complete
    include: list[dict[str, Value]] = [{"batch_size": 4, "learning_rate": 1.0, "dropout_rate": 0.9}]
    space = Space(1, sample=SAMPLE, exclude=[{"batch_size": 8}], include=include, defaults=DEFAULTS)
    kept = [each for each in drawn.configurations if each["batch_size"] != 8]
    assert 0 < len(kept) < 6
    assert space.configurations[:-1] == kept
    assert space.configurations[-1] == {**DEFAULTS, **include[0]}
    # A hyper-parameter that is no dimension does not change what is drawn, nor does the order in the config.
    more = {"a_new_one": 1, **DEFAULTS, "z_new_one": 1}
    asked = dict(reversed(SAMPLE.items()))
    assert Grid.of({"mlp": {"epochs": 1, "sample": asked, "defaults": more}}, [0]).runs() == (
        Grid({"mlp": drawn}, [0]).runs()
    )


def distinct(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=2, unique=True)  # equal numbers are one: 0, 0.0 and -0.0


NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)
SPACES = st.fixed_dictionaries(
    {
        "batch_sizes": distinct(st.integers(2, 10**6)),
        "learning_rates": distinct(st.floats(0, sys.float_info.max, exclude_min=True) | st.integers(1, 10**20)),
        "dropout_rates": distinct(st.floats(0, 1, exclude_max=True) | st.sampled_from([0, -0.0])),
        "axes": st.fixed_dictionaries(
            {},
            optional={
                "hidden": distinct(st.integers(-(2**63), 2**63)),
                "batch_norm": distinct(st.booleans()),
                "weight_decay": distinct(NUMBERS),
                "kind": distinct(st.from_regex(r"[a-z][a-z0-9_.-]{0,5}", fullmatch=True)),
            },
        ),
        "epochs": st.integers(1, 10**6),
        "defaults": st.just(DEFAULTS),
    }
)
GRIDS = st.dictionaries(st.sampled_from(["mlp", "cnn"]), SPACES, min_size=1)


def read_name(name: str) -> tuple[int, float, float, tuple[tuple[str, Value], ...]]:
    """A configuration's hyper-parameters from its name alone."""
    found = re.fullmatch(r"([0-9]+)_([0-9.e+-]+)_([0-9.e+-]+)((?:_[a-z_]+=[a-z0-9_.+-]+)*)", name)
    assert found
    pairs = re.findall(f"_({'|'.join(DEFAULTS)})=(.*?)(?=_(?:{'|'.join(DEFAULTS)})=|$)", found[4])
    kinds = {name: type(default) for name, default in DEFAULTS.items()}
    axes = [(name, text == "true" if kinds[name] is bool else kinds[name](text)) for name, text in pairs]
    return int(found[1]), float(found[2]), float(found[3]), tuple(axes)


@settings(deadline=None)
@given(GRIDS, distinct(st.integers(0, 2**63 - 1)))
def test_every_run_has_a_name_of_its_own_that_read_back_is_the_run_to_the_last_bit(
    models: dict[str, dict[str, Any]], seeds: list[int]
) -> None:
    grid = Grid.of(models, seeds)
    runs = grid.runs()
    lists = [[*(space[f"{name}s"] for name in MAIN), *space["axes"].values()] for space in models.values()]
    assert len(runs) == len(seeds) * sum(math.prod(map(len, each)) for each in lists)
    assert len({str(run.path).lower() for run in runs}) == len(runs)  # on a file system without case, too
    for run in runs:
        model, name, seed = run.path.parts
        batch_size, learning_rate, dropout_rate, axes = read_name(name)
        read = Run(model, batch_size, learning_rate, dropout_rate, run.epochs, int(seed.removeprefix("seed")), axes)
        assert repr(read) == repr(run)


def test_the_grid_is_every_combination_in_the_configs_order() -> None:
    runs = Grid.of({"mlp": SPACE, "cnn": {**SPACE, "batch_sizes": [8], "epochs": 1}}, [3, 1]).runs()
    assert len(runs) == 2 * 2 * 2 * 2 + 1 * 2 * 2 * 2
    assert [str(run.path) for run in runs[:5]] == [
        str(Path("mlp", name, seed))
        for name, seed in [
            ("1024_0.001_0.0", "seed3"),
            ("1024_0.001_0.0", "seed1"),
            ("1024_0.001_0.5", "seed3"),
            ("1024_0.001_0.5", "seed1"),
            ("1024_1e-05_0.0", "seed3"),
        ]
    ]
    assert runs[8] == Run("mlp", 512, 0.001, 0.0, 3, 3)
    assert runs[-1] == Run("cnn", 8, 1e-5, 0.5, 1, 1)
    assert len({run.path for run in runs}) == len(runs)


def test_an_integer_rate_gives_the_same_run_as_a_decimal_one() -> None:
    """Keys are made of the values: a run must not be trained again because 0 became 0.0 in the config."""
    grids = [{"mlp": {**SPACE, "dropout_rates": [zero]}} for zero in (0, 0.0, -0.0)]
    assert len({repr(list(Grid.of(grid, [0]).runs())) for grid in grids}) == 1


def test_a_model_that_is_null_is_left_out() -> None:
    assert {run.model for run in Grid.of({"mlp": None, "cnn": SPACE}, [0]).runs()} == {"cnn"}


def test_the_axes_of_a_grid_are_those_of_any_of_its_models() -> None:
    models = {
        "mlp": {**ONE, "defaults": DEFAULTS, "axes": {"weight_decay": [0.0, 0.1]}},
        "cnn": {**ONE, "defaults": DEFAULTS, "axes": {"batch_norm": [False]}},
    }
    assert Grid.of(models, [0]).axes == ["batch_norm", "weight_decay"]
    assert Grid.of({"mlp": ONE}, [0]).axes == []


@settings(max_examples=20, deadline=None)
@given(GRIDS, st.booleans())
def test_a_grid_that_is_written_and_read_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, models: dict[str, dict[str, Any]], is_partial: bool
) -> None:
    file = tmp_path_factory.mktemp("grid") / "grid.json"
    models["sampled"] = {"epochs": 1, "sample": SAMPLE, "exclude": [{"batch_size": 8}], "defaults": DEFAULTS}
    models["included"] = {**ONE, "include": [{"batch_size": 4, "learning_rate": 0.1, "dropout_rate": 0.0}]}
    partial = Partial(3, 1, ["x is damaged"], [{"run": "a", "differs": []}], ["cnn"]) if is_partial else None
    grid = Grid.of(models, [0, 2], code_hashes={"mlp": "a"}, rank_by="val_acc", study="ablation", partial=partial)
    write_json(file, grid.content())
    assert Grid.read(file) == grid
    assert repr(Grid.read(file).runs()) == repr(grid.runs())


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"models": {"mlp": 1}, "seeds": [0]}', '{"seeds": [0], "a": 1}'])
def test_a_damaged_grid_is_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "grid.json").write_text(content)
    with pytest.raises(SweepError, match=r"grid\.json is missing or damaged \(.*\): run the same command again"):
        Grid.read(tmp_path / "grid.json")
