"""The write-up's claims against made-up sweeps: what is reproduced, what is noise, and what cannot be judged."""

import copy
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from scipy import stats

from examined_example import examination
from sweep.analysis.claims import Judgement, compare_lost, judge
from sweep.analysis.examined import Examination, Shift, Size
from sweep.analysis.tables import run_table
from sweep.data.prepared import Manifest
from sweep.grid import Grid, Run
from written import BEST, WRITEUP, Metrics, as_written, halved_records, sweep_records, write_report

MODELS = WRITEUP["sweep"]["models"]
VERDICTS = {
    "reproduced": "reproduced",
    "within noise": "within",
    "**not reproduced**": "not",
    "复现": "reproduced",
    "在噪声范围内": "within",
    "**未复现**": "not",
}


def table(
    folder: Path,
    metrics: Metrics,
    seeds: list[int] | None = None,
    models: Any = None,
    language: Literal["zh", "en"] = "en",
    **data: Any,
) -> list[list[str]]:
    """The cells of the table of claims but the first, without links; verdicts by VERDICTS. Those of the claims that
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
    return [[*row[:-1], VERDICTS.get(row[-1], row[-1])] for row in cells]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_seed_judges_all_but_the_size_of_a_loss(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    rows = table(tmp_path, as_written, language=language)
    unjudged = {"en": "cannot be judged: one seed", "zh": "无法判定：只有一个种子"}[language]
    assert [row[-1] for row in rows] == [*["reproduced"] * 4, unjudged, unjudged, "reproduced"]
    # √(0.5197 · 0.4803 / 10000)
    assert rows[2][1:4] == ["0.5197 (`1024_0.001_0.2`)", "+0.0000", "0.0050"]
    assert rows[5][1:4] == ["0.7926 (`128_0.001_0.2`)", "+0.0000", "–"]
    assert rows[6][1:4] == ["`128_0.001_0.2`, `1024_0.001_0.2`", "+0.2169, -0.6074", "0.0067"]


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        (0.5197, "reproduced"),
        (0.5245, "reproduced"),
        (0.5255, "within"),
        (0.5105, "within"),
        (0.5305, "not"),
        (0.5080, "not"),
    ],
)
def test_a_metric_is_judged_by_its_noise(tmp_path: Path, accuracy: float, verdict: str) -> None:
    def metrics(run: Run) -> tuple[float, float]:
        return (1.4, accuracy) if run.name == BEST["mlp"] else as_written(run)

    rows = table(tmp_path, metrics)
    assert rows[2][2] == f"{accuracy - 0.5197:+.4f}"
    assert (rows[2][-1], rows[3][-1]) == (verdict, "reproduced")


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.51, "within"), (0.49, "not")])
def test_another_best_configuration_is_noise_if_the_write_ups_cannot_be_told_apart(
    tmp_path: Path, accuracy: float, verdict: str
) -> None:
    def metrics(run: Run) -> tuple[float, float]:
        if run.model == "mlp" and run.name == "512_0.001_0.2":
            return 1.39, 0.52
        return (1.4, accuracy) if run.name == BEST["mlp"] else as_written(run)

    rows = table(tmp_path, metrics)
    assert rows[0][1:3] == ["`512_0.001_0.2`", "ranked 2 in ours"]
    assert (rows[0][-1], rows[1][-1]) == (verdict, "reproduced")


@pytest.mark.parametrize(
    ("cnn", "verdict"),
    [((1.3, 0.54), "reproduced"), ((1.3, 0.53), "within"), ((1.5, 0.6), "not"), ((1.3, 0.50), "not")],
)
def test_being_ahead_needs_both_measures(tmp_path: Path, cnn: tuple[float, float], verdict: str) -> None:
    def metrics(run: Run) -> tuple[float, float]:
        return (cnn if run.name == BEST["cnn"] else (3.0, 0.2)) if run.model == "cnn" else as_written(run)

    assert table(tmp_path, metrics)[6][-1] == verdict


def test_several_seeds_are_repetitions_of_the_write_ups_sweep(tmp_path: Path) -> None:
    """With seed 2 another run has the lowest loss: it is that seed's best."""

    def metrics(run: Run) -> tuple[float, float]:
        loss, accuracy = as_written(run)
        if run.name == "512_0.001_0.2" and run.seed == 2:
            return 1.38, accuracy
        return loss + 0.01 * run.seed, accuracy + 0.002 * run.seed

    rows = table(tmp_path, metrics, [0, 1, 2])
    # 1.40, 1.41 and 1.38: mean 1.3967, deviation 0.0153; of the accuracies 0.5197, 0.5217, 0.5237 0.0020
    assert rows[4][1:4] == ["1.3967 (`1024_0.001_0.2`, `512_0.001_0.2`)", "-0.0033", "0.0153"]
    assert rows[2][1:4] == ["0.5217 (`1024_0.001_0.2`)", "+0.0020", "0.0020"]
    # The same with each seed: the lead in accuracy has no spread, that in loss has that of −0.6074, −0.6074, −0.5674.
    assert rows[6][2:4] == ["+0.2169, -0.5941", "0.0000, 0.0231"]
    assert [row[-1] for row in rows[4:]] == ["reproduced"] * 3


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

    rows = table(tmp_path, as_written, language=language, source="folder")
    reason = begin + {"en": "other data", "zh": "数据不同"}[language]
    assert [row[-1] for row in rows] == [reason] * 7
    rows = table(tmp_path, as_written, models={"mlp": MODELS["mlp"]}, language=language)
    assert [("reproduced" in row[-1], begin in row[-1]) for row in rows] == [
        *[(True, False), (False, True)] * 2, *[(False, True)] * 3
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
    assert {"en": "larger than", "zh": "大于"}[language] not in (tmp_path / "report.md").read_text()


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
    rows = table(tmp_path, lambda run: None if run.model == "cnn" else as_written(run))
    diverged = "cannot be judged: diverged"
    assert [row[-1] for row in rows[:4]] == ["reproduced", diverged, "reproduced", diverged]
    assert rows[6][-1] == diverged


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unfinished_sweep_is_neither_judged_nor_sure(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    """A preview of two seeds in which one run is missing, and no other thing is wrong."""
    runs, records = sweep_records(as_written, [0, 1], MODELS)
    partial = {"runs": len(runs), "missing": 1, "damaged": [], "stale": [], "left_out": []}
    text, _ = write_report(tmp_path, runs[1:], records[1:], MODELS, [0, 1], language, partial=partial)
    reason, unsure = {
        "en": ("cannot be judged: unfinished sweep |", "How sure that is cannot be told"),
        "zh": ("无法判定：尚未完成 |", "把握有多大尚不能说"),
    }[language]
    assert text.count(reason) == 7
    # The CNN's runs are all there.
    assert text.count(unsure) == 1


def halved_claims(folder: Path, early: dict[str, float], language: Literal["zh", "en"], models: Any) -> list[list[str]]:
    """The first four rows of the claims on the MLP, whole, of a halved search. After the first epochs a configuration's
    loss is that in `early`, or 2; in the last epoch the write-up's is the best, and no accuracy is as high as early."""

    def learn(run: Run) -> tuple[list[float], list[float]]:
        before, (loss, accuracy) = run.epochs - 1, as_written(run)
        whole = run.epochs == MODELS[run.model]["epochs"]
        last = loss if whole or run.model == "cnn" else early.get(run.name, 2.0)
        return [3.0] * before + [last], [0.9] * before + [accuracy if whole else 0.9]

    text, _ = write_report(folder, *halved_records(learn, [0], models), models, [0], language)
    lines = text.split({"en": "## Claims", "zh": "## 与原报告"}[language])[1].split("\n\n")[1].splitlines()[2:]
    cells = [[cell.strip() for cell in re.sub(r"\[(.+?)\]\(#.+?\)", r"\1", line).split("|")[1:-1]] for line in lines]
    return [cells[place] for place in (0, 2, 4, 6)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_claims_on_a_halved_search_are_on_survivors_and_say_so(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    halved = copy.deepcopy(MODELS)
    halved["mlp"]["halving"] = {"epochs": [2, 5], "keep": 0.1}
    words = {"en": "of a halved search", "zh": "来自逐次减半的搜索"}[language]
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.0}, language, halved)
    assert all(words in row[0] for row in rows)
    assert [VERDICTS.get(row[-1], row[-1]) for row in (rows[0], rows[1], rows[3])] == ["reproduced"] * 3
    assert rows[0][3] == {"en": "ranked 1 of those trained to the end", "zh": "在训练到底的配置中排第 1"}[language]
    # That of the survivors, not the 0.9 of those that were stopped.
    assert rows[1][2] == "0.5197 (`1024_0.001_0.2`)"

    # Six go on after the first rung, of which the write-up's is the last, and one after the second.
    names = [run.name for run in Grid.of(MODELS, [0]).runs() if run.model == "mlp" and run.name != BEST["mlp"]]
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.5, **dict.fromkeys(names[:5], 1.4)}, language, halved)
    stopped, unjudged = {
        "en": ("stopped after 5 epochs", "cannot be judged: stopped early"),
        "zh": ("训练 5 轮后停止", "无法判定：提前停止"),
    }[language]
    assert rows[0][2:] == [f"`{names[0]}`", stopped, "–", unjudged]
    assert rows[1][2] == f"0.4197 (`{names[0]}`)"
    assert {
        "en": "the halved search of MLP stopped the write-up's `1024_0.001_0.2` after 5 epochs;",
        "zh": "MLP 的逐次减半搜索在训练 5 轮后停止了原报告的 `1024_0.001_0.2`；",
    }[language] in (tmp_path / "report.md").read_text()

    # In a larger grid the one that goes on is none of the write-up's.
    halved["mlp"]["include"] = [{"batch_size": 64, "learning_rate": 0.001, "dropout_rate": 0.2}]
    rows = halved_claims(tmp_path, {BEST["mlp"]: 1.5, "64_0.001_0.2": 1.0}, language, halved)
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
    assert [each.verdict for each in (fewer, more, invariant)] == ["reproduced"] * 3
    assert (fewer.examined, fewer.differences) == ({"cnn": 106_762, "mlp": 308_510}, {"parameters": -201_748})
    assert (more.differences, more.noises) == ({"multiply_adds": 17_870_360}, {"multiply_adds": None})


@pytest.mark.parametrize(
    ("parameters", "multiply_adds", "verdicts"),
    [
        (9, 9, ["reproduced", "not_reproduced"]),
        (10, 10, ["not_reproduced"] * 2),
        (11, 11, ["not_reproduced", "reproduced"]),
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
        assert (lost.shares[0] - lost.shares[1]) / lost.noise == pytest.approx(paired.statistic)
        *_, found = judgements([examination("mlp", shift=losing(mlp)), examination("cnn", shift=losing(cnn))])
        verdicts.append(found.verdict)
        sign = "reproduced" if paired.statistic < 0 else "not_reproduced"
        assert found.verdict == ("within_noise" if abs(paired.statistic) <= 2 else sign)
    assert set(verdicts) == {"reproduced", "within_noise", "not_reproduced"}


@pytest.mark.parametrize("pictures", [0, 1, 49, 50])
def test_shifts_are_not_judged_by_few_pictures(pictures: int) -> None:
    """Models that lose the same are not told apart, even if nothing varies."""
    mlp, cnn = ([*[0] * pictures, *wrong] for wrong in ([-1, 3], [2, -1]))
    *_, found = judgements([examination("mlp", shift=losing(mlp)), examination("cnn", shift=losing(cnn))])
    if pictures == 50:
        assert (found.verdict, found.obstacles, found.pictures) == ("within_noise", [], 50)
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
