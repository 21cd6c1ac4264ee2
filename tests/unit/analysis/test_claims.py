"""The write-up's claims against made-up sweeps: what is consistent, what is not, and what cannot be judged."""

import copy
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from examined_example import examination
from sweep.analysis.claims import Judgement, compare_lost, judge
from sweep.analysis.comparisons import dunnett_quantile
from sweep.analysis.examined import Examination, Shift, Size
from sweep.analysis.tables import run_table
from sweep.data.prepared import Manifest
from sweep.grid import Grid, Run
from written import BEST, WRITEUP, Metrics, as_written, halved_records, sweep_records, write_report

MODELS = WRITEUP["sweep"]["models"]
VERDICTS = {
    "consistent": "consistent",
    "undecided": "undecided",
    "**not consistent**": "not",
    "一致": "consistent",
    "未定": "undecided",
    "**不一致**": "not",
}


def lucky(run: Run) -> tuple[float, float]:
    """The write-up's metrics for the best configurations. All others are behind by each hyper-parameter that is another
    one, and each run by its luck, too."""
    loss, accuracy = as_written(replace(run, batch_size=int(BEST[run.model].split("_")[0]), learning_rate=0.001,
                                        dropout_rate=0.2))  # fmt: skip
    others = sum(a != b for a, b in zip(run.name.split("_"), BEST[run.model].split("_"), strict=True))
    if not others:
        return loss, accuracy
    luck = np.random.default_rng(
        [run.seed, run.batch_size, round(1e6 * run.learning_rate), round(10 * run.dropout_rate)]
    )
    worse, better = luck.standard_normal(2)
    return loss + 0.2 * others + 0.01 * worse, accuracy - 0.1 * others + 0.004 * better


def table(
    folder: Path,
    metrics: Metrics,
    seeds: list[int] | None = None,
    models: Any = None,
    language: Literal["zh", "en"] = "en",
    **data: Any,
) -> list[list[str]]:
    """The cells of the table of claims but the first, without links; the last is the verdict by VERDICTS, without what
    is said behind it. Those of the claims that
    compare examinations, of which there are none, are left out."""
    models = MODELS if models is None else models
    seeds = seeds or [0]
    text, _ = write_report(folder, *sweep_records(metrics, seeds, models), models, seeds, language, **data)
    section = text.split({"en": "## Claims", "zh": "## 与原报告"}[language])[1]
    lines = [line for line in section.split("\n\n")[1].splitlines() if line.startswith("|")][2:-3]
    cells = [[cell.strip() for cell in re.sub(r"\[(.+?)\]\(#.+?\)", r"\1", line).split("|")[2:-1]] for line in lines]
    assert [tuple(re.split(r" ?[(（]", row[0].rstrip(")）"))) for row in cells] == [
        ("`1024_0.001_0.2`", "训练效果, MLP"),
        ("`128_0.001_0.2`", "训练效果, CNN"),
        ("0.5197", "模型对比"),
        ("0.7366", "模型对比"),
        ("1.400", "模型对比"),
        ("0.7926", "模型对比"),
        ({"en": "yes", "zh": "是"}[language], "模型对比"),
    ]
    return [[*row[:-1], VERDICTS.get(re.split("[,，]", row[-1])[0], row[-1])] for row in cells]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_seed_judges_by_the_interactions_of_the_grid(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    rows = table(tmp_path, lucky, language=language)
    assert [row[-1] for row in rows] == ["consistent"] * 7
    # By least squares: what main effects and pairs leave of the accuracies, with 24 degrees of freedom.
    runs = pd.DataFrame(
        [{**vars(run), "y": lucky(run)[1]} for run in Grid.of(MODELS, [0]).runs() if run.model == "mlp"]
    )
    fit = smf.ols("y ~ (C(batch_size) + C(learning_rate) + C(dropout_rate)) ** 2", runs).fit()
    least = stats.t.ppf(0.975, 24) * fit.mse_resid**0.5 * math.sqrt(2)
    assert rows[2][1:4] == ["0.5197 (`1024_0.001_0.2`)", "+0.0000", f"±{least:.4f}"]
    assert rows[6][1:3] == ["`128_0.001_0.2`, `1024_0.001_0.2`", "+0.2169, -0.607"]
    # Nothing else comes near the best configuration, so that no others are counted.
    text = (tmp_path / "report.md").read_text()
    assert not re.search({"en": r"consistent, as \d+ more", "zh": r"另有 \d+ 组亦然"}[language], text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_seed_with_a_diverged_run_judges_nothing_of_that_model(
    tmp_path: Path, language: Literal["zh", "en"]
) -> None:
    def metrics(run: Run) -> tuple[float, float] | None:
        return None if run.model == "mlp" and run.name == "512_0.001_0.8" and run.seed == 0 else lucky(run)

    rows = table(tmp_path, metrics, language=language)
    unknown = {"en": "cannot be judged: noise unknown", "zh": "无法判定：噪声未知"}[language]
    assert [row[-1] for row in rows] == [*[unknown, "consistent"] * 3, unknown]
    said = {
        "en": ("so few seeds (1), nothing tells how much runs of MLP differ", "; 2 would tell.", "2 seeds would tell."),
        "zh": ("种子太少（1 个），无从得知只有种子不同的 MLP", "；2 个便可得知。", "用 2 个种子便可得知。"),
    }[language]
    assert [words in (tmp_path / "report.md").read_text() for words in said] == [True] * 3
    # Two seeds do.
    assert [row[-1] for row in table(tmp_path, metrics, [0, 1], language=language)] == ["consistent"] * 7


def pooled(column: int, model: str, seeds: int) -> float:
    """The pooled standard deviation of a metric of `lucky`."""
    runs = [run for run in Grid.of(MODELS, list(range(seeds))).runs() if run.model == model]
    values = pd.DataFrame({"name": [run.name for run in runs], "y": [lucky(run)[column] for run in runs]})
    return float(values.groupby("name")["y"].var().mean() ** 0.5)


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.0, "consistent"), (0.98, "consistent"), (-0.98, "consistent"), (1.02, "not")]
)
def test_a_figure_is_judged_by_the_prediction_interval(tmp_path: Path, share: float, verdict: str) -> None:
    """Two seeds: the pooled noise, with 60 degrees of freedom, of the mean of two and of one new draw."""
    least = stats.t.ppf(0.975, 60) * pooled(1, "mlp", 2) * math.sqrt(1 + 1 / 2)

    def metrics(run: Run) -> tuple[float, float]:
        loss, accuracy = lucky(run)
        return (loss, accuracy + share * least) if run.name == BEST["mlp"] else (loss, accuracy)

    rows = table(tmp_path, metrics, [0, 1])
    assert rows[2][2:] == [f"{share * least + 0.0:+.3f}", f"±{least:.3f}", verdict]
    assert rows[3][-1] == "consistent"


@pytest.mark.parametrize(("gain", "equivalent"), [(0.004, True), (0.008, False)])
def test_what_stays_within_the_margin_is_equivalent(tmp_path: Path, gain: float, equivalent: bool) -> None:
    """Three seeds that differ by 0.0005: ± t(2) · 0.0005 · √(4/3) is 0.0025. Both are not consistent."""

    def metrics(run: Run) -> tuple[float, float]:
        loss, accuracy = lucky(run)
        return loss, accuracy + (run.name == BEST["mlp"]) * (gain + 0.0005 * run.seed)

    assert table(tmp_path, metrics, [0, 1, 2])[2][-1] == "not"
    assert ("**not consistent**, equivalent |" in (tmp_path / "report.md").read_text()) == equivalent


@pytest.mark.parametrize(("share", "verdict"), [(0.98, "consistent"), (1.02, "not")])
def test_another_best_configuration_is_consistent_if_the_write_ups_cannot_be_told_apart(
    tmp_path: Path, share: float, verdict: str
) -> None:
    noise = pooled(0, "mlp", 2)
    second = replace(Grid.of(MODELS, [0]).runs()[0], batch_size=512, learning_rate=0.001, dropout_rate=0.2)
    losses = [lucky(replace(second, seed=seed))[0] for seed in (0, 1)]
    # Its own variance counts where it is the larger one; that of the write-up's is 0 in `lucky`.
    variance = max(float(np.var(losses, ddof=1)), noise**2)
    behind = share * dunnett_quantile(59, 60) * math.sqrt((variance + noise**2) / 2)

    def metrics(run: Run) -> tuple[float, float]:
        loss, accuracy = lucky(run)
        if (run.model, run.name) == ("mlp", second.name):
            loss += 1.4 - behind - sum(losses) / 2
        return loss, accuracy

    rows = table(tmp_path, metrics, [0, 1])
    assert rows[0][1:3] == ["`512_0.001_0.2`", "ranked 2 in ours"]
    assert (rows[0][-1], rows[1][-1]) == (verdict, "consistent")
    assert ("consistent, as 1 more" in (tmp_path / "report.md").read_text()) == (verdict == "consistent")


@pytest.mark.parametrize(
    ("loss", "accuracy", "verdict"),
    [
        (-0.1, 0.05, "consistent"),
        (-0.1, 0.001, "undecided"),
        (0.001, 0.05, "undecided"),
        (0.1, 0.1, "not"),
        (-0.1, -0.05, "not"),
    ],
)
def test_being_ahead_needs_both_measures(tmp_path: Path, loss: float, accuracy: float, verdict: str) -> None:
    """The CNN's best is so far from the MLP's."""

    def metrics(run: Run) -> tuple[float, float]:
        found = lucky(run)
        if run.model == "mlp":
            return found
        return found[0] - 0.7926 + 1.4 + loss, found[1] - 0.7366 + 0.5197 + accuracy

    assert table(tmp_path, metrics, [0, 1])[6][-1] == verdict


def test_several_seeds_are_repetitions_of_the_write_ups_sweep(tmp_path: Path) -> None:
    """With seed 2 another run has the lowest loss: it is that seed's best."""

    def metrics(run: Run) -> tuple[float, float]:
        loss, accuracy = as_written(run)
        if run.name == "512_0.001_0.2" and run.seed == 2:
            return 1.38, accuracy
        return loss + 0.01 * run.seed, accuracy + 0.002 * run.seed

    rows = table(tmp_path, metrics, [0, 1, 2])
    # 1.40, 1.41 and 1.38: mean 1.3967, deviation 0.01528; of the accuracies 0.5197, 0.5217, 0.5237 0.002. Student's
    # quantile for two degrees of freedom is 4.303, and √(1 + 1/3) is 1.1547.
    assert rows[4][1:4] == ["1.3967 (`1024_0.001_0.2`, `512_0.001_0.2`)", "-0.003", "±0.076"]
    assert rows[2][1:4] == ["0.5217 (`1024_0.001_0.2`)", "+0.0020", "±0.0099"]
    # Of two means of three, with the noise of a run pooled over all: Student's 1.970 for 240, times 0.002 · √(2/3).
    assert rows[6][2] == "+0.2169, -0.594"
    assert rows[6][3].split(", ")[0] == "±0.0032"
    assert [row[-1] for row in rows[2:]] == ["consistent"] * 5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_another_sweep_is_not_judged_and_it_is_told_why(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    """CIFAR-10's images as a folder are other data, too."""
    others = copy.deepcopy(MODELS)
    others["mlp"]["learning_rates"] = [0.001]
    others["cnn"]["epochs"] = 10
    rows = table(tmp_path, as_written, models=others, language=language)
    grid, epochs = {"en": ("other grid", "other epochs"), "zh": ("搜索空间不同", "轮数不同")}[language]
    comma = {"en": ", ", "zh": "、"}[language]
    begin = {"en": "cannot be judged: ", "zh": "无法判定："}[language]
    assert [row[-1] for row in rows] == [begin + reason for reason in [*[grid, epochs] * 3, f"{grid}{comma}{epochs}"]]
    # Our metrics are not shown where they cannot be compared with the write-up's.
    assert all(row[1:4] == ["–"] * 3 for row in rows)
    text = (tmp_path / "report.md").read_text()
    assert {
        "en": "the `learning_rates` of MLP lack 0.0005, 0.0001; in the write-up they are 0.001, 0.0005, 0.0001.",
        "zh": "MLP 的 `learning_rates` 缺少 0.0005, 0.0001，原报告为 0.001, 0.0005, 0.0001。",
    }[language] in text

    rows = table(tmp_path, lucky, language=language, source="folder")
    reason = begin + {"en": "other data", "zh": "数据不同"}[language]
    assert [row[-1] for row in rows] == [reason] * 7
    rows = table(tmp_path, lucky, models={"mlp": MODELS["mlp"]}, language=language)
    assert [(row[-1] == "consistent", begin in row[-1]) for row in rows] == [
        *[(True, False), (False, True)] * 3, (False, True)
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("seeds", [[0], [0, 1]])
def test_a_larger_grid_is_judged_by_the_write_ups_configurations_alone(
    tmp_path: Path, language: Literal["zh", "en"], seeds: list[int]
) -> None:
    """More values, another axis and a configuration on top, all of them better than the write-up's."""
    larger = copy.deepcopy(MODELS)
    larger["mlp"]["learning_rates"] = [0.002, *larger["mlp"]["learning_rates"]]
    larger["mlp"] |= {"axes": {"hidden": [50, 100]}, "defaults": {"hidden": 100}}
    larger["cnn"]["include"] = [{"batch_size": 128, "learning_rate": 0.001, "dropout_rate": 0.3}]

    def metrics(run: Run) -> tuple[float, float]:
        own = run.axes or run.learning_rate == 0.002 or run.dropout_rate == 0.3
        return (0.1, 0.99) if own else as_written(run)

    rows = table(tmp_path, metrics, seeds, larger, language)
    text = (tmp_path / "report.md").read_text()
    for label in ("MLP", "CNN"):
        assert {
            "en": f"The grid of {label} is larger than the write-up's; it is judged by the write-up's 60 ",
            "zh": f"{label} 的搜索空间大于原报告，只用其中属于原报告的 60 个配置来判定。",
        }[language] in text
    ranks = {
        "en": ("ranked 1 of the write-up's 60", "ranked 1 in ours"),
        "zh": ("在原报告的 60 个配置中排第 1", "在本次排第 1"),
    }
    among, ours = ranks[language]
    assert [row[2] for row in rows[:2]] == [among] * 2
    alone = [[cell.replace(among, ours) for cell in row] for row in rows]
    assert alone == table(tmp_path, as_written, seeds, language=language)
    assert {"en": "is larger than", "zh": "大于"}[language] not in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_grid_without_some_of_the_write_ups_configurations_is_not_judged(
    tmp_path: Path, language: Literal["zh", "en"]
) -> None:
    """Two are excluded from the one model's; the other's are all at another weight decay."""
    others = copy.deepcopy(MODELS)
    others["mlp"]["exclude"] = [{"batch_size": 512, "learning_rate": 0.0001, "dropout_rate": rate} for rate in (0, 0.2)]
    others["cnn"] |= {"axes": {"weight_decay": [0.0005]}, "defaults": {"weight_decay": 0.0}}
    rows = table(tmp_path, as_written, models=others, language=language)
    reason = {"en": "cannot be judged: other grid", "zh": "无法判定：搜索空间不同"}[language]
    assert [row[-1] for row in rows] == [reason] * 7
    text = (tmp_path / "report.md").read_text()
    for label, missing in (("MLP", 2), ("CNN", 60)):
        assert {
            "en": f"of the write-up's 60 configurations of {label}, {missing} are missing.",
            "zh": f"原报告中 {label} 的 60 个配置，本次缺少 {missing} 个。",
        }[language] in text


def test_a_model_without_a_finished_run_is_not_judged(tmp_path: Path) -> None:
    rows = table(tmp_path, lambda run: None if run.model == "cnn" else lucky(run))
    diverged = "cannot be judged: diverged"
    assert [row[-1] for row in rows[:4]] == ["consistent", diverged, "consistent", diverged]
    assert rows[6][-1] == diverged


@pytest.mark.parametrize("missing", ["run", "configuration", "seed"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unfinished_sweep_is_neither_judged_nor_sure(
    tmp_path: Path, language: Literal["zh", "en"], missing: str
) -> None:
    """A preview of two seeds in which one run of the MLP is missing, or both of a configuration, or all of a seed, and
    no other thing is wrong."""
    runs, records = sweep_records(as_written, [0, 1], MODELS)
    first = runs[0]
    left = [
        (run, found)
        for run, found in zip(runs, records, strict=True)
        if run.model != first.model
        or (missing != "configuration" and run.seed != first.seed)
        or (missing != "seed" and run.name != first.name)
    ]
    partial = {"runs": len(runs), "missing": len(runs) - len(left), "damaged": [], "stale": [], "left_out": []}
    runs, records = [run for run, _ in left], [found for _, found in left]
    text, _ = write_report(tmp_path, runs, records, MODELS, [0, 1], language, partial=partial)
    reason, unsure = {
        "en": ("cannot be judged: unfinished sweep |", "How sure that is cannot be told"),
        "zh": ("无法判定：尚未完成 |", "把握有多大尚不能说"),
    }[language]
    assert text.count(reason) == 7
    # The CNN's runs are all there.
    assert text.count(unsure) == 1


def halved_claims(
    folder: Path, early: dict[str, float], language: Literal["zh", "en"], models: Any, *seeds: int
) -> list[list[str]]:
    """The first four rows of the claims on the MLP, whole, of a halved search; seeds differ by 0.001. After the first
    epochs a configuration's loss is that in `early`, or 2; in the last epoch the write-up's is the best, and no
    accuracy is as high as early."""

    def learn(run: Run) -> tuple[list[float], list[float]]:
        before, (loss, accuracy) = run.epochs - 1, as_written(run)
        whole = run.epochs == MODELS[run.model]["epochs"]
        last = loss if whole or run.model == "cnn" else early.get(run.name, 2.0)
        luck = 0.001 * run.seed
        return [3.0] * before + [last + luck], [0.9] * before + [(accuracy if whole else 0.9) + luck]

    text, _ = write_report(folder, *halved_records(learn, list(seeds), models), models, list(seeds), language)
    lines = text.split({"en": "## Claims", "zh": "## 与原报告"}[language])[1].split("\n\n")[1].splitlines()[2:]
    cells = [[cell.strip() for cell in re.sub(r"\[(.+?)\]\(#.+?\)", r"\1", line).split("|")[1:-1]] for line in lines]
    return [cells[place] for place in (0, 2, 4, 6)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_claims_on_a_halved_search_are_on_survivors_and_say_so(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    halved = copy.deepcopy(MODELS)
    halved["mlp"]["halving"] = {"epochs": [2, 5], "keep": 0.1}
    words = {"en": "of a halved search", "zh": "来自逐次减半的搜索"}[language]
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.0}, language, halved, 0, 1)
    assert all(words in row[0] for row in rows)
    assert [VERDICTS.get(re.split("[,，]", row[-1])[0]) for row in (rows[0], rows[1], rows[3])] == ["consistent"] * 3
    assert rows[0][3] == {"en": "ranked 1 of those trained to the end", "zh": "在训练到底的配置中排第 1"}[language]
    # That of the survivors, not the 0.9 of those that were stopped.
    assert rows[1][2] == "0.5202 (`1024_0.001_0.2`)"
    luck = {"en": "luck that carried one of them past the earlier rungs", "zh": "有的配置靠运气晋级"}[language]
    assert luck in (tmp_path / "report.md").read_text()
    # Of one seed the interactions of the whole grid would tell the noise, but few of its configurations are left.
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.0}, language, halved, 0)
    unknown = {"en": "cannot be judged: noise unknown", "zh": "无法判定：噪声未知"}[language]
    assert [row[-1] for row in rows] == [unknown] * 4
    no_grid = {
        "en": "(what a halved search has left is none), nothing tells",
        "zh": "留下的配置不构成完整的搜索空间）",
    }[language]
    assert no_grid in (tmp_path / "report.md").read_text()

    # Six go on after the first rung, of which the write-up's is the last, and one after the second.
    names = [run.name for run in Grid.of(MODELS, [0]).runs() if run.model == "mlp" and run.name != BEST["mlp"]]
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.5, **dict.fromkeys(names[:5], 1.4)}, language, halved, 0, 1)
    stopped, unjudged = {
        "en": ("stopped after 5 epochs", "cannot be judged: stopped early"),
        "zh": ("训练 5 轮后停止", "无法判定：提前停止"),
    }[language]
    assert rows[0][2:] == [f"`{names[0]}`", stopped, "–", unjudged]
    assert rows[1][2] == f"0.4202 (`{names[0]}`)"
    assert {
        "en": "the halved search of MLP stopped the write-up's `1024_0.001_0.2` after 5 epochs;",
        "zh": "MLP 的逐次减半搜索在训练 5 轮后停止了原报告的 `1024_0.001_0.2`；",
    }[language] in (tmp_path / "report.md").read_text()

    # In a larger grid the one that goes on is none of the write-up's.
    halved["mlp"]["include"] = [{"batch_size": 64, "learning_rate": 0.001, "dropout_rate": 0.2}]
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.5, "64_0.001_0.2": 1.0}, language, halved, 0, 1)
    assert [row[2:] for row in rows] == [["–", "–", "–", unjudged]] * 4
    assert {
        "en": "the halved search of MLP stopped all of the write-up's configurations, the last after 5 epochs.",
        "zh": "MLP 的逐次减半搜索停止了原报告的全部配置，最后的在训练 5 轮之后。",
    }[language] in (tmp_path / "report.md").read_text()


def judgements(examinations: list[Examination], **models: Any) -> list[Judgement]:
    """The judgements of the claims that compare examinations, in a sweep of other data and of another grid."""
    space = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0.5], "epochs": 1}
    grid = Grid.of(models or {"mlp": space, "cnn": space}, [0])
    runs, records = sweep_records(lambda _: (1.0, 0.5), [0], models or {"mlp": space, "cnn": space})
    manifest = Manifest("digits", ["a"], dict.fromkeys(("train", "validation", "test"), 9), "d" * 64)
    found, *_ = judge(
        WRITEUP, grid, manifest, run_table(runs, records, grid), {each.model: each for each in examinations}
    )
    assert {judgement.verdict for judgement in found[:-3]} == {"unjudged"}
    return found[-3:]


def losing(lost: Any) -> Shift:
    """A model that loses the right answer in so many of the 8 moves of each picture; -1 is wrong unmoved."""
    known = [int(count) for count in lost]
    return Shift([[0.5], *[[0.5] * 8] * 4], "".join("-" if count < 0 else str(count) for count in known))


def test_sizes_and_shifts_are_judged_on_any_data_and_grid() -> None:
    mlp, cnn = examination("mlp"), examination("cnn")
    fewer, more, invariant = judgements([mlp, cnn])
    assert [each.verdict for each in (fewer, more, invariant)] == ["consistent"] * 3
    assert fewer.examined == {"cnn": 106_762, "mlp": 308_510}
    assert fewer.differences["parameters"].value == -201_748
    assert more.differences["multiply_adds"].value == 17_870_360
    assert more.differences["multiply_adds"].least == 0


@pytest.mark.parametrize(
    ("parameters", "multiply_adds", "verdicts"),
    [
        (9, 9, ["consistent", "not_consistent"]),
        (10, 10, ["not_consistent"] * 2),
        (11, 11, ["not_consistent", "consistent"]),
    ],
)
def test_of_sizes_the_sign_decides(parameters: int, multiply_adds: int, verdicts: list[str]) -> None:
    sizes = {"mlp": Size(10, 10), "cnn": Size(parameters, multiply_adds)}
    found = judgements([examination(model, unavailable="no_weights", size=size) for model, size in sizes.items()])
    assert [each.verdict for each in found[:2]] == verdicts
    assert [(each.kind, each.model) for each in found[2].obstacles] == [("no_weights", "cnn"), ("no_weights", "mlp")]


def test_shifts_are_compared_picture_by_picture_on_those_that_both_have_right() -> None:
    """The difficulty of a picture is the same for both models, so that its part of the noise is not that of the
    difference."""
    generator = np.random.default_rng(0)
    verdicts = []
    for gain in np.linspace(-0.6, 0.6, 25):
        difficulty = generator.integers(1, 7, 120)
        mlp = np.clip(difficulty + generator.integers(-1, 2, 120), 0, 8)
        cnn = np.clip(difficulty - (generator.random(120) < abs(gain)) * np.sign(gain), 0, 8).astype(int)
        # Some have one model wrong unmoved.
        mlp[:15], cnn[5:25] = -1, -1
        both = slice(25, None)
        paired = stats.ttest_rel(cnn[both] / 8, mlp[both] / 8)
        lost = compare_lost(losing(cnn), losing(mlp))
        assert lost.pictures == 95
        assert lost.shares == pytest.approx((cnn[both].mean() / 8, mlp[both].mean() / 8))
        assert lost.difference.value / lost.difference.error == pytest.approx(paired.statistic)
        *_, found = judgements([examination("mlp", shift=losing(mlp)), examination("cnn", shift=losing(cnn))])
        verdicts.append(found.verdict)
        sign = "consistent" if paired.statistic < 0 else "not_consistent"
        assert found.verdict == (sign if paired.pvalue < 0.05 else "undecided")
    assert set(verdicts) == {"consistent", "undecided", "not_consistent"}


@pytest.mark.parametrize("pictures", [0, 1, 49, 50])
def test_shifts_are_not_judged_by_few_pictures(pictures: int) -> None:
    """Models that lose the same are not told apart, even if nothing varies."""
    mlp, cnn = ([*[0] * pictures, *wrong] for wrong in ([-1, 3], [2, -1]))
    *_, found = judgements([examination("mlp", shift=losing(mlp)), examination("cnn", shift=losing(cnn))])
    if pictures == 50:
        assert (found.verdict, found.obstacles, found.pictures) == ("undecided", [], 50)
    else:
        assert found.verdict == "unjudged"
        assert [(each.kind, each.ours, each.theirs) for each in found.obstacles] == [("few_pictures", pictures, 50)]


def test_what_was_not_examined_is_not_judged() -> None:
    mlp, cnn = examination("mlp"), examination("cnn", unavailable="diverged")
    space = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0.5], "epochs": 1}
    cases = [
        (judgements([]), ("unexamined", None)),
        (judgements([mlp, cnn]), ("unexamined", "cnn")),
        (judgements([mlp], mlp=space), ("absent", "cnn")),
        (judgements([mlp, examination("cnn", images=9)])[2:], ("unexamined", None)),
    ]
    for found, obstacle in cases:
        assert [[(each.kind, each.model) for each in judged.obstacles] for judged in found] == [[obstacle]] * len(found)
