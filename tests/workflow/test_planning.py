"""Property: every config that is accepted can be planned, and the plan has exactly the grid's runs."""

import re
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from project import ANALYSIS, Outcome
from sweep.config import validated
from sweep.grid import Grid

# The images that train when 100 validate.
SIZES = {"digits": 700, "cifar10": 49_900}
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40) | st.sampled_from(
    ["{wildcards.model}", "{input}", "{{ 7 * 7 }}", "$(touch pwned)", "`touch pwned`", "'\"; touch pwned #", "-n", "%s"]
)


def distinct(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=2, unique=True)


def space(size: int) -> st.SearchStrategy[dict[str, Any]]:
    rates = st.floats(0, sys.float_info.max, exclude_min=True) | st.integers(1, 10**9)
    return st.fixed_dictionaries(
        {
            "batch_sizes": distinct(st.integers(2, size)),
            "learning_rates": distinct(rates),
            "dropout_rates": distinct(st.floats(0, 1, exclude_max=True) | st.sampled_from([0, -0.0])),
            "epochs": st.integers(1, 1_000_000),
        }
    )


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """Any config of the schema: every key, each optional one there or not, grids of at most 64 runs."""
    source = draw(st.sampled_from(sorted(SIZES)))
    spaces = st.dictionaries(st.sampled_from(["mlp", "cnn"]), st.none() | space(SIZES[source]), min_size=1)
    names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
    choice = st.sampled_from
    return draw(
        st.fixed_dictionaries(
            {
                "experiment": names.filter(lambda name: name.lower() not in ("records", "example")),
                "data": st.fixed_dictionaries(
                    {"source": st.just(source), "validation_size": st.just(100)},
                    # A path with shorthand of a shell is refused.
                    optional={"path": LINES.filter(lambda line: line.strip("~$") == line != "" and "$" not in line)},
                ),
                "models": spaces.filter(lambda models: any(models.values())),
                "training": st.fixed_dictionaries(
                    {},
                    optional={"device": choice(["auto", "cpu", "cuda"]), "precision": choice(["auto", "fp32", "bf16"])},
                ),
                "report": st.fixed_dictionaries(
                    {},
                    optional={
                        "language": choice(["zh", "en"]),
                        "author": LINES,
                        "top": st.integers(1, 1_000_000),
                        "rank_by": choice(["val_loss", "val_acc"]),
                    },
                ),
            },
            optional={"seeds": distinct(st.integers(0, 2**63 - 1))},
        )
    )


def expected_runs(config: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """The runs of a config, spelled here: model, name, seed and epochs."""
    found = set()
    for model, grid in config["models"].items():
        if grid is not None:
            values = product(*(grid[key] for key in ("batch_sizes", "learning_rates", "dropout_rates")))
            for (batch_size, learning_rate, dropout_rate), seed in product(values, config.get("seeds", [0])):
                rates = f"{float(learning_rate)!r}_{abs(float(dropout_rate))!r}"
                found.add((model, f"{batch_size}_{rates}", str(seed), str(grid["epochs"])))
    return found


@given(configs())
@settings(
    max_examples=15,
    phases=[Phase.generate],  # to shrink an example that fails takes minutes here
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_config_is_planned_with_exactly_its_runs(
    call_snakemake: Callable[..., Outcome], config: dict[str, Any]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.yaml").write_text(yaml.safe_dump(config))
        outcome = call_snakemake(Path(folder), "--dry-run")
        assert outcome.code == 0, outcome.output
        runs = expected_runs(config)
        models = [model for model in ("mlp", "cnn") if config["models"].get(model)]
        left_out = {"plot_mlp", "plot_cnn"} - {f"plot_{model}" for model in models}
        assert outcome.jobs == {
            "prepare_data": 1,
            "train": len(runs),
            **{rule: count for rule, count in ANALYSIS.items() if rule not in left_out},
            "examine": len(models),
        }
        planned = re.findall(r"^Job \d+: Train (\w+) (\S+) with seed (\d+) for (\d+) epochs$", outcome.output, re.M)
        assert sorted(planned) == sorted(runs)
        assert not Path(folder, "pwned").exists()


def test_a_sampled_space_of_very_many_values_is_planned_run_by_run(
    call_snakemake: Callable[..., Outcome], tmp_path: Path
) -> None:
    """So many values of a wildcard that its pattern cannot name them all."""
    sample = {
        "runs": 250,
        "batch_size": [16, 32],
        "learning_rate": {"from": 0.00001, "to": 0.1, "scale": "log"},
        "dropout_rate": {"from": 0, "to": 0.8},
        "weight_decay": {"from": 0.00001, "to": 0.1, "scale": "log"},
        "batch_norm": [True, False],
    }
    config = {
        "experiment": "sampled",
        "data": {"source": "digits", "validation_size": 100},
        "models": {"mlp": {"epochs": 1, "sample": sample}},
        "training": {},
        "report": {},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    outcome = call_snakemake(tmp_path, "--dry-run", "--printshellcmds")
    assert outcome.jobs["train"] == 250
    found = re.findall(
        r"--batch-size (\S+) --learning-rate (\S+) --dropout-rate (\S+) --seed 0 --epochs 1 --set (.*?) --data",
        outcome.output,
    )
    checked = validated(config)
    runs = Grid.of(checked["models"], checked["seeds"]).runs()
    assert sorted("_".join([*main, *axes.split()]) for *main, axes in found) == sorted(run.name for run in runs)
