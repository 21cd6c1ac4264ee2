"""How much each hyper-parameter matters, compared with statsmodels and with numbers calculated by hand."""

import math
import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from examples import record
from sweep.analysis.importance import COLUMNS, importance_table
from sweep.analysis.tables import run_table, write_tables
from sweep.grid import Grid, Partial, Run

CNN: dict[str, Any] = {
    "batch_sizes": [128, 256],
    "learning_rates": [0.001, 0.0005, 0.0001],
    "dropout_rates": [0.2],
    "axes": {"batch_norm": [True, False], "weight_decay": [0.0, 0.0005]},
    "epochs": 1,
    "defaults": {"batch_norm": True, "weight_decay": 0.0, "hidden": 100, "kind": "channel"},
}
FACTORS = ["batch_size", "learning_rate", "batch_norm", "weight_decay"]


def made_up(run: Run) -> tuple[float, float]:
    """A last val_loss and val_acc with main effects, interactions and noise."""
    axes = dict(run.axes)
    noise = np.random.default_rng([run.seed, run.batch_size, round(1e5 * run.learning_rate), len(run.name)])
    loss = math.log10(run.learning_rate) ** 2 / 10 + 2 * run.dropout_rate + 100 * axes.get("weight_decay", 0.0)
    loss += (run.batch_size / 1000) * (1 + 2 * (axes.get("batch_norm") is False)) * (1 + 900 * run.learning_rate)
    loss += 0.1 * (axes.get("kind") == "element") + float(noise.normal(0, 0.05))
    return loss, 1 / (1 + loss)


def tabulate(models: dict[str, Any], seeds: list[int], **partial: Any) -> tuple[pd.DataFrame, Grid]:
    grid = Grid.of(models, seeds, **partial)
    runs = grid.runs()
    records = [record(run, [loss], [accuracy]) for run in runs for loss, accuracy in [made_up(run)]]
    return run_table(runs, records, grid), grid


def terms_of(table: pd.DataFrame, metric: str = "val_loss", model: str = "cnn") -> pd.DataFrame:
    """The rows of one model and metric, by their term."""
    return table[(table["metric"] == metric) & (table["model"] == model)].set_index("term")


def independent(runs: pd.DataFrame, formula: str, typ: int) -> pd.DataFrame:
    """The table of statsmodels for a formula, whose rows have the hyper-parameters' names; categories stand in C(…)."""
    data = runs.assign(
        y=runs["last_val_loss"], **{name: runs[name].astype(str) for name in ("batch_norm", "kind") if name in runs}
    )
    with warnings.catch_warnings():
        # One seed leaves no residual, which statsmodels divides by.
        warnings.simplefilter("ignore", RuntimeWarning)
        table = anova_lm(smf.ols(f"y ~ {formula}", data).fit(), typ=typ)
    return table.rename(index=lambda term: term.replace("C(", "").replace("np.log(", "").replace(")", ""))


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_a_complete_grid_is_analysed_as_statsmodels_does_it(seeds: list[int]) -> None:
    runs, grid = tabulate({"cnn": CNN}, seeds)
    found = terms_of(importance_table(runs, grid))
    expected = independent(runs, " * ".join(f"C({name})" for name in FACTORS), 1)
    total = expected["sum_sq"].sum()
    orders = expected.index.str.count(":")
    last = ["interactions of three and more", *(["seed noise"] if len(seeds) > 1 else [])]
    assert set(found.index) == {*expected.index[orders <= 1].drop("Residual"), *last}
    assert [*found.index[:4], *found.index[10:]] == [*FACTORS, *last]
    assert set(found["method"]) == {"anova"}
    assert found["share"].sum() == pytest.approx(1)
    for term in found.index[:10]:
        assert found.loc[term, "share"] == pytest.approx(expected.loc[term, "sum_sq"] / total)
        assert found.loc[term, "df"] == expected.loc[term, "df"]
    higher = expected[orders > 1]
    row = found.loc[last[0]]
    assert row["share"] == pytest.approx(higher["sum_sq"].sum() / total)
    assert row["df"] == higher["df"].sum()
    if len(seeds) == 1:
        assert found[["f", "p"]].isna().all(axis=None)
        return
    noise = expected.loc["Residual"]
    assert found.loc["seed noise", "share"] == pytest.approx(noise["sum_sq"] / total)
    assert found.loc["seed noise", "df"] == noise["df"]
    assert found["f"][:10].tolist() == pytest.approx(expected["F"][found.index[:10]].tolist())
    assert found["p"][:10].tolist() == pytest.approx(expected["PR(>F)"][found.index[:10]].tolist())
    assert row["f"] == pytest.approx(higher["sum_sq"].sum() / row["df"] / (noise["sum_sq"] / noise["df"]))
    assert found.loc["seed noise", ["f", "p"]].isna().all()


def test_the_shares_of_two_by_two_runs_are_those_of_a_calculation_by_hand() -> None:
    """Losses 1, 2; 3, 8 around their mean 3.5: rows ∓2, columns ∓1.5, and ±1 in each corner; 4 · 7.25 = 29."""
    space = {"batch_sizes": [8, 16], "learning_rates": [0.1], "dropout_rates": [0, 0.5], "epochs": 1}
    grid = Grid.of({"mlp": space}, [0])
    losses = [1.0, 2.0, 3.0, 8.0]
    runs = run_table(
        grid.runs(), [record(run, [loss], [0.5]) for run, loss in zip(grid.runs(), losses, strict=True)], grid
    )
    table = importance_table(runs, grid)
    # All accuracies are equal: nothing to divide.
    assert set(table["metric"]) == {"val_loss"}
    assert table[["term", "df"]].to_numpy().tolist() == [
        ["batch_size", 1], ["dropout_rate", 1], ["batch_size:dropout_rate", 1]
    ]  # fmt: skip
    assert table["share"].tolist() == pytest.approx([16 / 29, 9 / 29, 4 / 29])


def test_an_incomplete_grid_is_fitted_by_main_effects_as_statsmodels_does_it() -> None:
    """Excluded and included configurations, a diverged run, and a name as a hyper-parameter; means over two seeds."""
    space = {**CNN, "axes": {"batch_norm": [True, False], "kind": ["element", "channel"]}}
    space["dropout_rates"] = [0.2, 0.4]
    space["exclude"] = [{"batch_size": 256, "learning_rate": 0.001}, {"batch_norm": False, "kind": "element"}]
    space["include"] = [{"batch_size": 64, "learning_rate": 0.0001, "dropout_rate": 0.2}] * 2
    runs, grid = tabulate({"cnn": space}, [0, 1])
    runs.loc[5, ["status", "last_val_loss", "last_val_acc"]] = ["diverged", None, None]
    found = terms_of(importance_table(runs, grid))
    # A configuration with a run that diverged does not count, though its other run completed.
    whole = runs[runs["name"] != runs.loc[5, "name"]].astype({"last_val_loss": float})
    means = whole.groupby("name", as_index=False)["last_val_loss"].mean()
    completed = means.merge(whole.drop(columns="last_val_loss").drop_duplicates("name"), on="name")
    assert len(completed) == len(runs) / 2 - 1
    # Three batch sizes and three learning rates, each in many configurations, are categories.
    expected = independent(completed, "C(batch_size) + C(learning_rate) + C(dropout_rate) + batch_norm + kind", 2)
    assert set(found["method"]) == {"least_squares"}
    assert list(found.index) == [*expected.index[:-1], "residual"]
    total = ((completed["last_val_loss"] - completed["last_val_loss"].mean()) ** 2).sum()
    assert found["share"].tolist() == pytest.approx((expected["sum_sq"] / total).tolist())
    assert found["df"].tolist() == expected["df"].tolist()
    assert found["f"][:-1].tolist() == pytest.approx(expected["F"][:-1].tolist())
    assert found["p"][:-1].tolist() == pytest.approx(expected["PR(>F)"][:-1].tolist())


def test_a_sampled_number_is_a_line_in_itself_or_in_its_logarithm_as_it_is_spread() -> None:
    rates = {"from": 0.0001, "to": 0.01, "scale": "log"}
    sample = {
        "runs": 30,
        "seed": 0,
        "batch_size": [128, 256],
        "learning_rate": rates,
        "dropout_rate": {"from": 0.0, "to": 0.8, "scale": "linear"},
    }
    runs, grid = tabulate({"cnn": {"sample": sample, "epochs": 1}}, [0])
    found = terms_of(importance_table(runs, grid))
    expected = independent(runs, "C(batch_size) + np.log(learning_rate) + dropout_rate", 2)
    total = ((runs["last_val_loss"] - runs["last_val_loss"].mean()) ** 2).sum()
    assert found["share"].tolist() == pytest.approx((expected["sum_sq"] / total).tolist())
    assert found["df"].tolist() == [1, 1, 1, 26]
    assert found["p"][:-1].tolist() == pytest.approx(expected["PR(>F)"][:-1].tolist())


def test_where_nothing_has_an_effect_few_terms_seem_to_have_one() -> None:
    """Configurations differ by chance, and their seeds less: taken for independent runs, half of all p were small."""
    rates = {"from": 0.0001, "to": 0.01, "scale": "log"}
    dropout = {"from": 0.0, "to": 0.8, "scale": "linear"}
    sample = {"runs": 30, "seed": 0, "batch_size": [8, 16], "learning_rate": rates, "dropout_rate": dropout}
    runs, grid = tabulate({"cnn": {"sample": sample, "epochs": 1}}, [0, 1, 2])
    chance = np.random.default_rng(0)

    def metric() -> np.ndarray:
        return (chance.normal(size=(30, 1)) + chance.normal(0, 0.3, size=(30, 3))).ravel()

    tables = [importance_table(runs.assign(last_val_loss=metric(), last_val_acc=metric()), grid) for _ in range(75)]
    p = pd.concat(tables)["p"].dropna()
    assert len(p) == 75 * 2 * 3
    assert 0.02 < (p < 0.05).mean() < 0.09


@pytest.mark.parametrize("exclude", [[], [{"batch_size": 256, "learning_rate": 0.001}]])
def test_the_order_of_the_runs_does_not_matter(exclude: list[dict[str, Any]]) -> None:
    runs, grid = tabulate({"cnn": {**CNN, "exclude": exclude}}, [0, 1])
    shuffled = runs.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(importance_table(shuffled, grid), importance_table(runs, grid), check_exact=True)


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_said_has_no_rows_or_empty_cells(tmp_path: Path) -> None:
    mlp = {"batch_sizes": [8], "learning_rates": [0.1, 0.2], "dropout_rates": [0], "epochs": 1}
    grid = Grid.of({"cnn": CNN, "mlp": mlp}, [0, 1])

    def table(loss: Callable[[Run], float | None], grid: Grid = grid, without: str = "") -> pd.DataFrame:
        runs = [run for run in grid.runs() if not without or without not in str(run.path)]
        losses = [loss(run) for run in runs]
        records = [
            record(run, [], [], 0) if each is None else record(run, [each], [0.3])
            for run, each in zip(runs, losses, strict=True)
        ]
        write_tables(tmp_path, runs, records, grid)
        assert not re.search("nan|inf", (tmp_path / "importance.csv").read_text())
        return pd.read_csv(tmp_path / "importance.csv")

    # One whose runs all diverged, one that does not vary, and accuracies that are all equal.
    found = table(lambda run: None if run.model == "cnn" else made_up(run)[0])
    assert (set(found["model"]), set(found["metric"])) == ({"mlp"}, {"val_loss"})
    assert set(
        table(lambda run: made_up(run)[0], Grid.of({"cnn": CNN, "mlp": mlp | {"learning_rates": [0.1]}}, [0]))["model"]
    ) == {"cnn"}
    found = table(lambda _: 0.3)
    assert (list(found), len(found)) == (COLUMNS, 0)
    # Without seed noise there is no F.
    same = terms_of(table(lambda run: run.learning_rate), model="mlp")
    assert same[["share", "df"]].to_numpy().tolist() == [[1.0, 1], [0.0, 2]]
    assert same[["f", "p"]].isna().all(axis=None)
    # Two runs of four are explained by any two parameters.
    partial = Partial(26, 2, [], [], [])
    assert terms_of(
        table(lambda run: run.learning_rate, replace(grid, partial=partial), "mlp/8_0.1"), model="mlp"
    ).empty
    few = replace(Grid.of({"mlp": mlp}, [0, 1]), partial=partial)
    assert table(lambda run: run.learning_rate + run.seed, few, "seed1").empty


def test_a_preview_is_exact_for_a_model_whose_runs_are_all_there_as_asked_for() -> None:
    models = {"cnn": CNN, "mlp": {**CNN, "axes": {}}}
    runs, grid = tabulate(models, [0, 1])
    partial = Partial(len(runs), 1, [], [{"run": "mlp/128_0.001_0.2/seed0", "differs": ["epochs 1, not 2"]}], [])
    methods = importance_table(runs, replace(grid, partial=partial)).groupby("model")["method"].agg(set)
    assert methods.to_dict() == {"cnn": {"anova"}, "mlp": {"least_squares"}}
    methods = (
        importance_table(runs[1:], replace(grid, partial=replace(partial, stale=[])))
        .groupby("model")["method"]
        .agg(set)
    )
    assert methods.to_dict() == {"cnn": {"least_squares"}, "mlp": {"anova"}}


def test_hyper_parameters_that_always_change_together_are_said_to_be_indistinguishable() -> None:
    space = {
        **CNN,
        "axes": {},
        "exclude": [{"batch_size": 128, "learning_rate": 0.0001}, {"batch_size": 256, "learning_rate": 0.001}],
    }
    space |= {"learning_rates": [0.001, 0.0001], "dropout_rates": [0.2, 0.4, 0.6]}
    runs, grid = tabulate({"cnn": space}, [0, 1, 2])
    found = terms_of(importance_table(runs, grid), "val_acc")
    # That no share is known does not mean that it is zero.
    assert found.loc[["batch_size", "learning_rate"], ["share", "f", "p"]].isna().all(axis=None)
    assert found.loc[["batch_size", "learning_rate", "dropout_rate"], "df"].tolist() == [0, 0, 1]
    assert 0 < found.loc["residual", "share"] < 1
