"""What the report says of a halved search: of whom the ranking is, and where the search stands."""

import json
import re
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest

from sweep.analysis.rungs import is_finished
from sweep.analysis.tables import read_table
from sweep.grid import Grid, Run
from sweep.results import best_run
from written import halved_records, write_report

# Of six configurations three go on to 4 epochs, and two of these to 6.
SPACE: dict[str, Any] = {
    "batch_sizes": [64],
    "learning_rates": [0.001],
    "dropout_rates": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
    "epochs": 6,
    "halving": {"epochs": [1, 4], "keep": 0.5},
}
MODELS = {"mlp": SPACE, "cnn": {**SPACE, "halving": {}, "dropout_rates": [0.0]}}
LANGUAGES = ["en", "zh"]
Language = Literal["zh", "en"]


def learn(run: Run) -> tuple[Any, ...]:
    """The loss rises with the dropout rate and with each epoch, so that the lowest are those of stopped runs; but from
    the fifth epoch on, the second configuration is ahead of the first."""
    late = 0.3 * (run.dropout_rate == 0.0)
    losses = [1 + run.dropout_rate + epoch + (late if epoch > 3 else 0) for epoch in range(run.epochs)]
    return losses, [1 / (1 + loss) for loss in losses]


def diverge(run: Run) -> tuple[Any, ...]:
    """Whatever is trained for more than four epochs diverges in the fifth."""
    losses, accuracies = learn(run)
    return (losses[:4], accuracies[:4], 4) if run.model == "mlp" and run.epochs > 4 else (losses, accuracies)


def report(folder: Path, language: Language, rungs: int | None = None, by: Any = learn) -> str:
    runs, records = halved_records(by, [0], MODELS, rungs)
    partial = {"runs": len(runs), "missing": 0, "damaged": [], "stale": [], "left_out": []} if rungs else None
    text, _ = write_report(folder, runs, records, MODELS, [0], language, partial)
    return text


def best_of(folder: Path) -> pd.Series | None:
    runs, configurations = (read_table(folder / f"{name}.csv") for name in ("runs", "configurations"))
    return best_run(runs, configurations, "mlp", "val_loss")


def section(text: str, heading: str) -> str:
    return re.split(r"\n##+ ", text.split(f"\n{heading}\n")[1])[0]


def ranked(text: str) -> list[tuple[str, str]]:
    """Rank and name in each row of the ranking of the MLP."""
    return re.findall(r"^\| (\d+) \| \[`([^`]+)`\]", section(text, "### MLP"), re.MULTILINE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ranking_is_of_survivors_and_says_how_they_were_chosen(tmp_path: Path, language: Language) -> None:
    text = report(tmp_path, language)
    assert ranked(text) == [("1", "64_0.001_0.1"), ("2", "64_0.001_0.0")]
    # 3 · 1 + 1 · 4 + 2 · 6 epochs of 6 · 6
    for sentence in {
        "en": [
            "That makes 6 runs.",
            "the best share of 0.5 of its configurations",
            "6 configurations were trained for at least 1 epoch, 3 for 4 epochs and 2 for 6 epochs.",
            "That asks for 19 epochs of training in all; the full grid would ask for 36.",
            "The best curve of this halved search is `batch_size = 64`, `learning_rate = 0.001`, `dropout_rate = 0.1`.",
            "All this is said of the configurations that were trained for 6 epochs alone.",
        ],
        "zh": [
            "一共训练 6 次。",
            "比例为 0.5，",
            "有 6 组配置训练了至少 1 轮，3 组训练了至少 4 轮，2 组训练了至少 6 轮。",
            "这样一共需要训练 19 轮；完整的网格需要 36 轮。",
            "最好的曲线是 `batch_size = 64`, `learning_rate = 0.001`, `dropout_rate = 0.1`。训练满 6 轮",
            "以上只就训练满 6 轮的配置而言。",
        ],
    }[language]:
        assert sentence in section(text, "### MLP")
    assert "MLP_halving.png" in section(text, "### MLP")
    halved = {"en": "halved", "zh": "减半"}[language]
    assert halved not in section(text, "### CNN")
    # The lowest loss and the highest accuracy are not those after one epoch.
    comparison = section(text, {"en": "## Comparison of the models", "zh": "## 模型对比"}[language])
    assert re.search(r"^\| MLP \| \d\.\d+ \| \[`64_0.001_0.1`\].*`64_0.001_0.1`", comparison, re.MULTILINE)
    assert halved in comparison
    effects = section(text, {"en": "### Effects: MLP", "zh": "### MLP 的超参数"}[language])
    assert {"en": "those after 1 epoch, its first rung", "zh": "训练 1 轮之后的值"}[language] in effects
    assert "MLP_effect_halving" not in effects and "MLP_halving" not in effects
    (config,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert "halving:" in config


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("rungs", "names"), [(1, list("012345")), (2, list("012"))])
def test_a_preview_ranks_the_furthest_rung_and_says_that_the_halving_goes_on(
    tmp_path: Path, language: Language, rungs: int, names: list[str]
) -> None:
    text = report(tmp_path, language, rungs)
    top = text.split("\n## ")[0]
    begin = {
        "en": "> The search of MLP is halved, and that is not finished: 6 configurations were trained for at least 1",
        "zh": "> MLP 的逐次减半搜索尚未完成：到目前为止，有 6 组配置训练了至少 1 轮",
    }[language]
    assert begin in top
    assert {"en": "**A preview, partial", "zh": "**预览（不完整）"}[language] in top
    assert ranked(text) == [(str(k + 1), f"64_0.001_0.{name}") for k, name in enumerate(names)]
    assert {"en": "the furthest rung that is reached", "zh": "目前到达的最后一级"}[language] in text
    assert {"en": "cannot be judged: unfinished sweep", "zh": "无法判定：尚未完成"}[language] in text
    # With all of its rungs it is finished, though it is a preview.
    text = report(tmp_path, language, 3)
    assert begin not in text
    assert {"en": "A preview, of all runs", "zh": "预览（全部训练）"}[language] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stopped_configuration_is_not_the_best_where_all_others_diverged(tmp_path: Path, language: Language) -> None:
    text = report(tmp_path, language, by=diverge)
    assert ranked(text) == []
    assert {
        "en": "No configuration can be called the best: each that was not stopped earlier has a run that diverged.",
        "zh": "每组没有提前停止的配置都有发散的训练，因此不能说哪一组最好。",
    }[language] in text
    assert best_of(tmp_path) is None
    report(tmp_path, language)
    best = best_of(tmp_path)
    assert best is not None
    assert (best["name"], best["epochs"]) == ("64_0.001_0.1", 6)


@pytest.mark.parametrize(
    ("ends", "diverged", "finished"),
    [
        ([1, 1, 1, 1, 1, 1], 0, False),
        ([4, 4, 1, 1, 1, 1], 0, False),
        ([4, 4, 4, 1, 1, 1], 0, False),
        ([4, 4, 6, 1, 1, 1], 0, False),
        ([4, 6, 6, 1, 1, 1], 0, True),
        # Of the three that went on, so many diverged before the second promotion.
        ([4, 4, 6, 1, 1, 1], 2, True),
        ([4, 4, 4, 1, 1, 1], 2, False),
        ([4, 4, 4, 1, 1, 1], 3, True),
        ([1, 1, 1, 1, 1, 1], 6, True),
    ],
)
def test_a_search_is_finished_once_all_who_are_to_go_on_have_gone_on(
    ends: list[int], diverged: int, finished: bool
) -> None:
    status = ["diverged"] * diverged + ["completed"] * (6 - diverged)
    runs = pd.DataFrame({"name": list("abcdef"), "epochs": ends, "status": status})
    assert is_finished(runs, Grid.of(MODELS, [0]).models["mlp"]) == finished


def test_a_run_that_was_stopped_and_that_a_study_trained_longer_is_told_as_both(tmp_path: Path) -> None:
    runs, records = halved_records(learn, [0], MODELS)
    compared = {"mlp": {**SPACE, "halving": {}}}
    its_runs, its_records = halved_records(learn, [0], compared)
    study = Grid.of(compared, [0], study="full")
    write_report(tmp_path, runs, records, MODELS, [0], studies=[(study, its_runs, its_records)])
    listed = json.loads((tmp_path / "report.json").read_text())["runs"]
    path = "mlp/64_0.001_0.5/seed0"
    assert [(each["epochs"], each["sweep"], each["studies"]) for each in (listed[f"{path}/rung1"], listed[path])] == [
        (1, True, []),
        (6, False, ["full"]),
    ]
    assert (listed["mlp/64_0.001_0.1/seed0"]["sweep"], listed["mlp/64_0.001_0.1/seed0"]["studies"]) == (True, ["full"])
