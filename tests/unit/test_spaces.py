"""Which search spaces and studies a config may ask for: what becomes of them, and the sentence on each fault."""

import string
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project import CONFIG, changed
from sweep.config import merge, validated
from sweep.errors import SweepError
from sweep.layout import Layout

# Digits, since their number is known without looking at files: 800, of which 788 are left to train.
DIGITS = CONFIG | {"data": {"source": "digits", "path": "data", "validation_size": 12}, "studies": {}}
NAN = float("nan")
LISTS: dict[str, Any] = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0]}
SAMPLE: dict[str, Any] = {
    "runs": 4,
    "batch_size": [8, 16],
    "learning_rate": {"from": 0.0001, "to": 0.01, "scale": "log"},
    "dropout_rate": {"from": 0, "to": 0.8},
}
ENTRY: dict[str, Any] = {"batch_size": 4, "learning_rate": 1, "dropout_rate": 0.5}
# The one configuration of LISTS.
THERE: dict[str, Any] = {"batch_size": 8, "learning_rate": 0.1, "dropout_rate": 0}


def names(space: dict[str, Any], model: str = "mlp") -> list[str]:
    """The names of the configurations of a model that is trained alone."""
    checked = validated(changed(DIGITS, {"models": {model: {"epochs": 1, **space}}}))
    return [run.name for run in Layout(checked).runs]


@pytest.mark.parametrize(
    ("model", "space", "expected"),
    [
        ("mlp", {"axes": {"weight_decay": [0, 1]}}, ["8_0.1_0.0", "8_0.1_0.0_weight_decay=1.0"]),
        ("mlp", {"axes": {"hidden": [50]}}, ["8_0.1_0.0_hidden=50"]),
        ("cnn", {"axes": {"dropout_kind": ["element"]}}, ["8_0.1_0.0_dropout_kind=element"]),
        ("cnn", {"axes": {}, "sample": None, "exclude": [], "include": None}, ["8_0.1_0.0"]),
        ("mlp", {"exclude": [{"learning_rate": 0.10}], "include": [ENTRY]}, ["4_1.0_0.5"]),
        ("mlp", {"include": [{**ENTRY, "batch_norm": True}]}, ["8_0.1_0.0", "4_1.0_0.5"]),
        # What exclude drops, include may bring back.
        ("mlp", {"exclude": [{"batch_size": 8}], "include": [THERE]}, ["8_0.1_0.0"]),
        (
            "mlp",
            {"axes": {"batch_norm": [True, False]}, "exclude": [{"batch_norm": False}, {"batch_norm": False}]},
            ["8_0.1_0.0"],
        ),
    ],
)
def test_values_are_in_their_one_form(model: str, space: dict[str, Any], expected: list[str]) -> None:
    assert names({**LISTS, **space}, model) == expected


def test_forty_samples_begin_with_the_twenty_there_were() -> None:
    forty = names({"sample": {**SAMPLE, "runs": 40}})
    assert len(set(forty)) == 40
    assert names({"sample": {**SAMPLE, "runs": 20, "seed": 0}}) == forty[:20]
    assert names({"sample": {**SAMPLE, "seed": 1}}) != forty[:4]


def test_what_a_sample_has_drawn_may_be_included_too() -> None:
    drawn = {"batch_size": [8], "learning_rate": [0.1], "dropout_rate": [0, 0.5]}
    both = names({"sample": {"runs": 2, **drawn}, "include": [THERE]})
    assert sorted(both) == ["8_0.1_0.0", "8_0.1_0.5"]
    twice = {"models.mlp": {"epochs": 1, "sample": {"runs": 2, **drawn}, "include": [THERE, THERE]}}
    assert "config: models.mlp.include[1] is a configuration that include[0] has already" in sentence(twice)


def test_null_in_a_second_file_takes_a_list_out() -> None:
    lists = DIGITS | {"models": {"mlp": {**LISTS, "epochs": 1, "axes": {"hidden": [50]}}}}
    sampled = {"models": {"mlp": {**dict.fromkeys([*LISTS, "axes"]), "sample": SAMPLE}}}
    merged = validated(merge(lists, sampled))
    assert len(Layout(merged).runs) == 4
    back = {"models": {"mlp": {"sample": None, **LISTS}}}
    assert [run.name for run in Layout(validated(merge(merge(lists, sampled), back))).runs] == ["8_0.1_0.0"]


def test_a_study_is_a_grid_of_the_models_epochs_under_any_name() -> None:
    # As keys of the config itself, the first ones would ask for integers.
    studies = {name: {"mlp": LISTS, "cnn": None} for name in ("top", "seeds", "epochs", "models", "a" * 40)}
    layout = Layout(validated(changed(DIGITS, {"studies": {**studies, "none": None}})))
    assert set(layout.studies) == set(studies)
    assert {grid.study for grid in layout.studies.values()} == set(studies)
    for grid in layout.studies.values():
        assert [(run.model, run.name, run.epochs) for run in grid.runs()] == [("mlp", "8_0.1_0.0", 2)]


def test_a_config_is_not_changed_by_its_check() -> None:
    config = changed(DIGITS, {"models.mlp": {"epochs": 1, "sample": SAMPLE}, "studies": {"a": {"mlp": LISTS}}})
    before = deepcopy(config)
    assert validated(config) == validated(config)
    assert config == before


MLP = "batch_norm (must be true or false), hidden (must be an integer of at least 1), label_smoothing (must be a"
WITHOUT_QUOTES = "it is text to YAML, write"
# What is wrong in a search space, with the sentence that follows its key.
FAULTS: list[tuple[dict[str, Any], str]] = [
    # lists
    ({"learning_rates": None}, " lacks learning_rates (or sample, which draws configurations)\n"),
    ({"learning_rates": ["1e-5"]}, f".learning_rates[0] must be number, not '1e-5'; {WITHOUT_QUOTES} 1.0e-05 without"),
    ({"batch_sizes": [789]}, ": batch size 789 is larger than the training set, which has 788 images after data.valid"),
    ({"batch_sizes": [10**300]}, ".batch_sizes[0] must be an integer of at least 2, not 1000"),
    ({"dropout_rates": [0.1, 0.10]}, ".dropout_rates holds 0.1 2 times (0.1 and 0.10 are one number); keep it once\n"),
    # axes
    ({"axes": ["hidden"]}, ".axes must be object or null, not ['hidden']\n"),
    ({"axes": {"width": [1]}}, f".axes: there is no hyper-parameter width; there are {MLP}"),
    ({"axes": {"epochs": [1]}}, ".axes: there is no hyper-parameter epochs; there are batch_norm"),
    ({"axes": {"dropout_kind": ["element"]}}, ".axes: there is no hyper-parameter dropout_kind; there are batch_norm"),
    ({"axes": {"batch_size": [8]}}, ".axes.batch_size: batch_size has a list of its own, batch_sizes; take it out of"),
    ({"axes": {True: [1]}}, ".axes has the key True, which is no text to YAML; write it in quotes\n"),
    ({"axes": {1: [1]}}, ".axes has the key 1, which is no text to YAML"),
    ({"axes": {"a\nb": [1]}}, ".axes has the key 'a\\nb'; a key has no control characters\n"),
    ({"axes": {"hidden": 50}}, ".axes.hidden must be array, not 50\n"),
    ({"axes": {"hidden": []}}, ".axes.hidden must contain at least 1 items\n"),
    ({"axes": {"hidden": [[50]]}}, ".axes.hidden[0] must be boolean or number or string, not [50]\n"),
    ({"axes": {"hidden": [{"a": 1}]}}, ".axes.hidden[0] must be boolean or number or string, not {'a': 1}\n"),
    ({"axes": {"hidden": [None]}}, ".axes.hidden[0] must be boolean or number or string, not None\n"),
    ({"axes": {"hidden": [100]}}, ".axes.hidden has no effect, since 100 is its default; add values (it must be an in"),
    ({"axes": {"hidden": [50, 50]}}, ".axes.hidden holds 50 2 times"),
    ({"axes": {"hidden": [50.0]}}, ".axes.hidden[0] must be an integer of at least 1, not 50.0\n"),
    (
        {"axes": {"hidden": ["1e2"]}},
        f".axes.hidden[0] must be an integer of at least 1, not '1e2'; {WITHOUT_QUOTES} 100",
    ),
    ({"axes": {"hidden": ["1e-2"]}}, ".axes.hidden[0] must be an integer of at least 1, not '1e-2'\n"),
    ({"axes": {"hidden": ["inf"]}}, ".axes.hidden[0] must be an integer of at least 1, not 'inf'\n"),
    ({"batch_sizes": ["1e2"]}, f".batch_sizes[0] must be integer, not '1e2'; {WITHOUT_QUOTES} 100 without quotes\n"),
    (
        {"axes": {"hidden": ["50"]}},
        f".axes.hidden[0] must be an integer of at least 1, not '50'; {WITHOUT_QUOTES} 50 without quotes\n",
    ),
    ({"axes": {"hidden": [50, 0]}}, ".axes.hidden[1] must be an integer of at least 1, not 0\n"),
    ({"axes": {"hidden": [10**30]}}, ".axes.hidden[0] must be an integer of at least 1, not 1000"),
    ({"axes": {"hidden": [10**400]}}, ".axes.hidden[0] is 1000"),
    ({"axes": {"batch_norm": [0]}}, ".axes.batch_norm[0] must be true or false, not 0\n"),
    ({"axes": {"batch_norm": ["false"]}}, ".axes.batch_norm[0] must be true or false, not 'false'\n"),
    (
        {"axes": {"weight_decay": ["1e-3"]}},
        f".axes.weight_decay[0] must be a number of at least 0, not '1e-3'; {WITHOUT_QUOTES} 0.001 without quotes\n",
    ),
    ({"axes": {"weight_decay": ["nan"]}}, ".axes.weight_decay[0] must be a number of at least 0, not 'nan'\n"),
    ({"axes": {"weight_decay": [NAN]}}, ".axes.weight_decay[0] is nan; it must be a finite number\n"),
    ({"axes": {"weight_decay": [True]}}, ".axes.weight_decay[0] must be a number of at least 0, not true\n"),
    ({"axes": {"weight_decay": [-1]}}, ".axes.weight_decay[0] must be a number of at least 0, not -1\n"),
    ({"axes": {"weight_decay": [0, -0.0]}}, ".axes.weight_decay holds 0.0 2 times"),
    ({"axes": {"weight_decay": [0]}}, ".axes.weight_decay has no effect, since 0.0 is its default; add values (it mus"),
    # entries
    ({"exclude": {"batch_size": 8}}, ".exclude must be array or null, not {'batch_size': 8}\n"),
    ({"exclude": [8]}, ".exclude[0] must be object, not 8\n"),
    ({"exclude": [{}]}, ".exclude[0] must contain at least 1 properties, not {}\n"),
    (
        {"exclude": [{"batch_sizes": 8}]},
        ".exclude[0]: there is no hyper-parameter batch_sizes; there are ba",
    ),
    ({"exclude": [{"batch_size": [8]}]}, ".exclude[0].batch_size must be boolean or number or string, not [8]\n"),
    ({"exclude": [{"batch_size": True}]}, ".exclude[0].batch_size must be an integer of at least 2, not true\n"),
    (
        {"exclude": [{"learning_rate": "1e-1"}]},
        ".exclude[0].learning_rate must be a number of more than 0, not '1e-1'",
    ),
    ({"exclude": [{1: 2}]}, ".exclude has the key 1, which is no text to YAML; write it in quotes\n"),
    ({"exclude": [{"batch_size": 9}]}, ".exclude[0] matches no configuration; take it out or correct it\n"),
    ({"exclude": [{"hidden": 50}]}, ".exclude[0] matches no configuration; take it out or correct it\n"),
    ({"exclude": [{"batch_size": 8, "dropout_rate": 0.1}]}, ".exclude[0] matches no configuration"),
    ({"exclude": [{"batch_size": 8}]}, ": exclude leaves no configuration; to leave the model out, set it to null\n"),
    ({"exclude": [{"batch_norm": True}]}, ": exclude leaves no configuration; to leave the model out, set it to null"),
    ({"include": [{"learning_rate": 1}]}, ".include[0] lacks batch_size, dropout_rate: only axes have defaults\n"),
    ({"include": [ENTRY, {**ENTRY, "dropout_rate": 1}]}, ".include[1].dropout_rate must be a number of at least 0 and"),
    ({"include": [{**ENTRY, "batch_size": 8.0}]}, ".include[0].batch_size must be an integer of at least 2, not 8.0\n"),
    ({"include": [{**ENTRY, "epochs": 2}]}, ".include[0]: there is no hyper-parameter epochs; there are batch_"),
    ({"include": [{**ENTRY, "batch_size": 789}]}, ": batch size 789 is larger than the training set, which has 788"),
    ({"include": [ENTRY, THERE]}, ".include[1] is a configuration that the lists have already; take it out\n"),
    ({"include": [{**THERE, "hidden": 100}]}, ".include[0] is a configuration that the lists have already; take it ou"),
    ({"include": [ENTRY, {**ENTRY, "hidden": 100}]}, ".include[1] is a configuration that include[0] has already; tak"),
    # a sample beside lists
    (
        {"sample": SAMPLE},
        " has sample and batch_sizes, learning_rates, dropout_rates: keep one of the two (in a file on ",
    ),
]
SAMPLE_FAULTS: list[tuple[dict[Any, Any], str]] = [
    ({"runs": ...}, " lacks runs\n"),
    ({"runs": 0}, ".runs must be bigger than or equal to 1, not 0\n"),
    ({"runs": 2.5}, ".runs must be integer, not 2.5\n"),
    ({"runs": 2.0}, ".runs is 2.0; it must be an integer, written without a point\n"),
    ({"runs": True}, ".runs must be integer, not True\n"),
    ({"runs": 10**7}, ".runs must be smaller than or equal to 1000000, not 10000000\n"),
    (
        {"runs": 9, "learning_rate": [0.1], "dropout_rate": [0, 0.5]},
        ".runs is 9, but there are only 4 different config",
    ),
    ({"seed": -1}, ".seed must be bigger than or equal to 0, not -1\n"),
    ({"seed": "0"}, f".seed must be integer, not '0'; {WITHOUT_QUOTES} 0 without quotes\n"),
    (
        {"batch_size": ..., "dropout_rate": ...},
        " lacks batch_size, dropout_rate: give each a list of values, or from a",
    ),
    ({"batch_size": 8}, ".batch_size must be array or object, not 8\n"),
    ({"batch_size": []}, ".batch_size must contain at least 1 items\n"),
    ({"batch_size": [8, 8]}, ".batch_size holds 8 2 times"),
    ({"batch_size": {"from": 8.0, "to": 16}}, ".batch_size.from must be an integer of at least 2, not 8.0\n"),
    ({"learning_rate": {"from": 0.1}}, ".learning_rate lacks to\n"),
    (
        {"learning_rate": {"from": 0.1, "to": 0.2, "scale": "ln"}},
        ".learning_rate.scale must be one of ['linear', 'log'], not 'ln'\n",
    ),
    ({"learning_rate": {"from": 0.1, "to": 0.01}}, ".learning_rate.from is 0.1; it must be less than to, 0.01\n"),
    ({"learning_rate": {"from": 0.1, "to": 0.10}}, ".learning_rate.from is 0.1; it must be less than to, 0.1\n"),
    ({"learning_rate": {"from": 0, "to": 0.1}}, ".learning_rate.from must be a number of more than 0, not 0\n"),
    (
        {"learning_rate": {"from": "1e-4", "to": 1}},
        f".learning_rate.from must be number, not '1e-4'; {WITHOUT_QUOTES} 0.0001 without",
    ),
    ({"learning_rate": {"from": NAN, "to": 1}}, ".learning_rate.from is nan; it must be a finite number\n"),
    (
        {"dropout_rate": {"from": 0, "to": 0.8, "scale": "log"}},
        ".dropout_rate.from is 0.0; on a log scale it must be more than 0\n",
    ),
    (
        {"dropout_rate": {"from": 0, "to": 1}},
        ".dropout_rate.to must be a number of at least 0 and less than 1, not 1\n",
    ),
    ({"batch_norm": {"from": 0, "to": 1}}, ".batch_norm cannot have from and to, since it must be true or false: give"),
    (
        {"batch_norm": [True]},
        ".batch_norm has no effect, since true is its default; add values (it must be true or fal",
    ),
    ({"width": [1]}, ".width: there is no hyper-parameter width; there are batch_size (must be an integer of at least"),
    ({1: [1]}, " has the key 1, which is no text to YAML; write it in quotes\n"),
]


def sentence(changes: dict[str, Any]) -> str:
    """The one line by which a config with these changes is refused, with its end."""
    with pytest.raises(SweepError) as caught:
        validated(changed(DIGITS, changes))
    assert len(str(caught.value).splitlines()) == 1
    return f"{caught.value}\n"


@pytest.mark.parametrize("place", ["models", "studies.ablation"])
@pytest.mark.parametrize(("space", "fault"), FAULTS)
def test_a_fault_of_a_search_space_is_one_sentence_with_its_key(place: str, space: dict[str, Any], fault: str) -> None:
    asked = {**LISTS, **space}
    study = place != "models"
    found = sentence({"studies": {"ablation": {"mlp": asked}}} if study else {"models.mlp": {**asked, "epochs": 1}})
    assert found.startswith(f"config: {place}.mlp{fault}")


@pytest.mark.parametrize(("dimensions", "fault"), SAMPLE_FAULTS)
def test_a_fault_of_a_sample_is_one_sentence_with_its_key(dimensions: dict[Any, Any], fault: str) -> None:
    sample = {name: value for name, value in {**SAMPLE, **dimensions}.items() if value is not ...}
    found = sentence({"models.mlp": {"epochs": 1, "sample": sample}})
    assert found.startswith(f"config: models.mlp.sample{fault}")


def test_a_batch_size_that_more_samples_might_draw_is_refused() -> None:
    sample = {**SAMPLE, "runs": 1, "batch_size": {"from": 2, "to": 789}}
    assert "config: models.mlp: batch size 789 is larger" in sentence({"models.mlp": {"epochs": 1, "sample": sample}})


NAMED = "a study has a name in lower case: a letter, then letters, digits and _ (no two _ in a row)\n"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        *[
            ({"studies": {name: {"mlp": LISTS}}}, f"config: studies.{name}: {NAMED}")
            for name in ("Ab", "a/b", "", "1a", "a__mlp")
        ],
        ({"studies": {"a" * 41: {"mlp": LISTS}}}, NAMED),
        ({"studies": {"a\n": {"mlp": LISTS}}}, "config: studies has the key 'a\\n'; a key has no control characters\n"),
        ({"studies": {True: {"mlp": LISTS}}}, "config: studies has the key True, which is no text to YAML; write it"),
        ({"studies": None}, "config: studies must be object, not None\n"),
        ({"studies": {"a": ["mlp"]}}, "config: studies.a must be object or null, not ['mlp']\n"),
        (
            {"studies": {"a": {}}},
            "config: studies.a has no model; give it a search space for one, or take the study out",
        ),
        ({"studies": {"a": {"mlp": None}}}, "config: studies.a has no model; give it a search space for one, or take"),
        ({"studies": {"a": {"vgg": LISTS}}}, "config: studies.a.vgg: models has no search space for vgg, whose epochs"),
        (
            {"models.mlp": None, "studies": {"a": {"mlp": LISTS}}},
            "config: studies.a.mlp: models has no search space for mlp, whose epochs it takes\n",
        ),
        (
            {"studies": {"a": {"mlp": {**LISTS, "epochs": 2}}}},
            "config: unknown key epochs in studies.a.mlp; known are batch_sizes, learning_rates, dropout_rates, axes",
        ),
        (
            {"studies": {"a": {"mlp": "1024_0.001_0.2"}}},
            "config: studies.a.mlp must be object or null, not '1024_0.001_0.2'\n",
        ),
        (
            {"models.mlp": {"epochs": 1, "sample": {**SAMPLE, "batch_size": {"from": 8, "to": 9, "step": 1}}}},
            "config: unknown key step in models.mlp.sample.batch_size; known are from, to, scale\n",
        ),
        (
            {"studies": {"models": {"mlp": LISTS}}, "models.mlp.batch_sizes": [789]},
            "config: models.mlp: batch size 789 is larger",
        ),
    ],
)
def test_a_fault_of_a_study_or_of_a_key_is_one_sentence(changes: dict[str, Any], fault: str) -> None:
    assert fault in sentence(changes)


WORDS = st.sampled_from(["batch_size", "learning_rate", "hidden", "batch_norm", "from", "to", "scale", "runs", "{a}"])
KEYS = WORDS | st.text(string.printable, max_size=3) | st.integers() | st.booleans() | st.none() | st.floats()
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["1e-3", "log"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
PARTS = st.sampled_from([*LISTS, "axes", "sample", "exclude", "include", "epochs"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(PARTS, ANYTHING, max_size=3), st.dictionaries(KEYS, ANYTHING, max_size=2), st.booleans())
def test_whatever_is_written_is_accepted_or_refused_by_a_sentence(
    parts: dict[str, Any], more: dict[Any, Any], is_sampled: bool
) -> None:
    space = {"sample": {**SAMPLE, **more}} if is_sampled else {**LISTS, **parts}
    try:
        validated(changed(DIGITS, {"models.mlp": {"epochs": 1, **space}, "studies": more}))
    except SweepError as error:
        assert str(error).startswith("config: ")
