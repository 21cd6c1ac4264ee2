"""The report says what the tables say, in both languages, and never more."""

import html
import math
import re
from pathlib import Path
from typing import Any, Literal

import jinja2
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt

from examples import DATA_HASH, record, save_settings
from project import REPOSITORY
from render_report import render_report
from sweep.analysis import tables
from sweep.data.prepared import Manifest, manifest_hash
from sweep.files import write_json
from sweep.grid import Grid, Partial
from sweep.report.citations import Citations
from sweep.report.context import Tables, partial_context, report_context
from sweep.report.render import render_markdown

TEMPLATES = REPOSITORY / "workflow" / "templates"
MANIFEST: dict[str, Any] = {
    "source": "cifar10",
    "class_names": ["cat", "dog", "owl"],
    "sizes": {"train": 401, "validation": 102, "test": 203},
    "content_hash": DATA_HASH,
}
LANGUAGES = ["en", "zh"]

# A run: its last validation loss and accuracy, or None where it diverged, in epoch 1 of 0, 1, 2.
Runs = list[tuple[float, float] | None]
GOOD: Runs = [(0.85, 0.7366), (0.7926, 0.73)]  # highest accuracy and lowest loss are of different configurations
BAD: Runs = [(1.4, 0.5), (1.45, 0.5197)]


def write_tables(folder: Path, models: dict[str, Runs], seeds: list[int], rank_by: str) -> None:
    """Tables, grid and manifest of a sweep whose configurations are the dropout rates 0.0, 0.1, …"""
    grid = {
        model: {
            "batch_sizes": [1024],
            "learning_rates": [0.001],
            "dropout_rates": [rate / 10 for rate in range(len(runs) // len(seeds))],
            "epochs": 3,
        }
        for model, runs in models.items()
    }
    runs = Grid.of(grid, seeds).runs()
    records = []
    for run, last in zip(runs, sum(models.values(), []), strict=True):  # noqa: RUF017
        if last is None:
            records.append(record(run, [2.0], [0.3], 1))
        else:
            records.append(record(run, [3.0, 3.0, last[0]], [0.2, 0.2, last[1]]))
    tables.write_tables(folder, runs, records, Grid.of(grid, seeds, rank_by=rank_by))
    write_json(folder / "manifest.json", {**MANIFEST, "manifest_hash": manifest_hash(MANIFEST)})


@pytest.fixture
def report(tmp_path: Path) -> Any:
    """A function that writes the tables of a sweep with the given metrics, and returns its report from the program."""

    def make(
        models: dict[str, Runs],
        language: Literal["zh", "en"] = "en",
        seeds: list[int] | None = None,
        rank_by: Literal["val_loss", "val_acc"] = "val_loss",
        top: int = 10,
        author: str = "",
    ) -> str:
        write_tables(tmp_path, models, seeds or [0], rank_by)
        output = tmp_path / "report.md"
        settings = save_settings(tmp_path, language, author, top)
        render_report(tmp_path / "grid.json", settings, tmp_path, tmp_path, TEMPLATES, output)
        text = (tmp_path / "report.md").read_text(encoding="utf-8")
        # No value may be missing, whether a run diverged or not.
        assert not re.search(r"\bnan\b|<NA>|None", text)
        return text

    return make


def rows(text: str, start: str) -> list[list[str]]:
    """The cells of the text's table rows that start so, without links."""
    text = re.sub(r"\[([^]]+)\]\(#[^)]+\)", r"\1", text)
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith(start)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_of_both_models_are_there(report: Any, language: str) -> None:
    text = report({"mlp": BAD, "cnn": GOOD}, language)
    assert rows(text, "| MLP |") == [["MLP", "0.5197", "`1024_0.001_0.1`", "1.4000", "`1024_0.001_0.0`"]]
    assert rows(text, "| CNN |") == [["CNN", "0.7366", "`1024_0.001_0.0`", "0.7926", "`1024_0.001_0.1`"]]
    # Ranked by loss; the last metric is the test accuracy at the best epoch.
    assert rows(text, "| 1 |") == [
        ["1", "`1024_0.001_0.0`", "1.4000", "0.5000", "0.4900"],
        ["1", "`1024_0.001_0.1`", "0.7926", "0.7300", "0.7200"],
    ]
    best = re.findall(r"`batch_size = 1024`, `learning_rate = 0.001`, `dropout_rate = (.+?)`", text)
    assert best == ["0.0", "0.1"]
    assert "batch_sizes = [1024]\nlearning_rates = [0.001]\ndrop_rates = [0.0, 0.1]\n" in text
    assert all(str(size) in text for size in MANIFEST["sizes"].values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_model_has_its_figures_in_order(report: Any, language: str) -> None:
    text = report({"mlp": BAD, "cnn": GOOD}, language)
    metrics = ["train_acc", "train_loss", "val_acc", "val_loss"]
    expected = [f"./pics/{label}_{metric}.png" for label in ("MLP", "CNN") for metric in metrics]
    effects = ["heatmap_val_acc", "heatmap_val_loss", "effect_dropout_rate", "importance"]
    expected += [f"./pics/{label}_{name}.png" for label in ("MLP", "CNN") for name in effects]
    assert re.findall(r'<img src="([^"]+)" width="600"', text) == expected
    captions = re.findall(r'<p align="center">(\w+ \w+ \w+)</p>', text)
    assert captions[:4] == [
        "MLP Training Accuracy",
        "MLP Training Loss",
        "MLP Validation Accuracy",
        "MLP Validation Loss",
    ]
    assert len(captions) == 8


AHEAD = {"en": "{} is ahead by both measures", "zh": "{} 在两项指标上都领先"}
SPLIT = {"en": "The two measures disagree", "zh": "两项指标的结论不一致"}
PRIOR = {"en": "**visual prior**", "zh": "**视觉先验**"}
SURPRISE = {"en": "This is not what one would expect", "zh": "这并不符合预期"}
COMPARISON = {"en": "## Comparison", "zh": "## 模型对比"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("winner", ["cnn", "mlp"])
def test_the_winner_is_the_one_of_the_data(report: Any, language: str, winner: str) -> None:
    loser = {"cnn": "mlp", "mlp": "cnn"}[winner]
    text = report({"mlp": GOOD if winner == "mlp" else BAD, "cnn": GOOD if winner == "cnn" else BAD}, language)
    assert AHEAD[language].format(winner.upper()) in text
    assert AHEAD[language].format(loser.upper()) not in text
    assert (PRIOR[language] in text, SURPRISE[language] in text) == (winner == "cnn", winner == "mlp")
    (verdict,) = (line for line in text.splitlines() if AHEAD[language].format(winner.upper()) in line)
    assert re.findall(r"\d\.\d{4}", verdict)[:4] == ["0.7366", "0.5197", "0.7926", "1.4000"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("accuracy", "clear"), [(0.78, True), (0.72, False)])
def test_a_lead_is_compared_with_its_noise(report: Any, language: str, accuracy: float, clear: bool) -> None:
    """Two seeds that differ by 0.1 in each model: t(2) · √(0.005 / 2 + 0.005 / 2) is 0.304, between the leads of
    0.33 and 0.27."""
    cnn: Runs = [(0.9, accuracy), (0.9, accuracy + 0.1)]
    text = report({"mlp": [(1.0, 0.45), (1.0, 0.55)], "cnn": cnn}, language, seeds=[0, 1])
    said = {
        "en": (", is more than noise:", ", may be no more than noise:"),
        "zh": ("，超出噪声：", "，可能只是噪声："),
    }[language]
    assert [words in text for words in said] == [clear, not clear]


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_one_seed_of_a_small_grid_nothing_is_sure(report: Any, language: str) -> None:
    """But the test accuracy has the interval of 203 pictures: 0.72 ± 1.972 · √(0.72 · 0.28 / 203)."""
    text = report({"mlp": BAD, "cnn": GOOD}, language)
    said = {
        "en": ("It cannot be judged: with one seed", "Whether that lead is more than noise cannot be judged",
               "0.720, with a 95 % interval of 0.658 to 0.782", "2 seeds would tell."),
        "zh": ("无法判定：只有一个种子", "这一领先是否超出噪声无法判定",
               "0.720，95 % 区间为 0.658 至 0.782", "用 2 个种子"),
    }[language]  # fmt: skip
    assert [words in text for words in said] == [True] * 4


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_told_apart_is_named(report: Any, language: str) -> None:
    """Losses of two seeds: the first two configurations are near each other, the third is far off; the noise is pooled
    over three, 0.0141, and d(2, 3) = 2.938 such errors are 0.0416."""
    losses = [1.00, 1.02, 1.03, 1.01, 2.00, 2.02]
    text = report({"mlp": [(loss, 0.5) for loss in losses]}, language, seeds=[0, 1])
    said = {
        "en": ("standard deviation of 0.014 (pooled over the configurations, 3 degrees of freedom)",
               "A configuration that is further than 0.042 behind the best one",
               "The best one included, 2 of 3 cannot be told apart from it: ",
               "the best is one of these 2."),
        "zh": ("标准差为 0.014（由各配置合并估计，自由度 3）", "比最好的一组差 0.042 以上",
               "3 组中有 2 组（含最好的一组）与最好的不能区分：",
               "只说明最好的是这 2 组之一。"),
    }[language]  # fmt: skip
    assert [words in text for words in said] == [True] * 4
    assert re.findall(r"`1024_0.001_0..`", text.split(said[2])[1])[:2] == ["`1024_0.001_0.0`", "`1024_0.001_0.1`"]
    # The accuracies have no noise, so that nothing is said of the seeds that they need.
    need = {"en": "How many seeds to run", "zh": "该用多少个种子"}[language]
    assert need not in text
    accuracies = [0.50, 0.51, 0.50, 0.51, 0.70, 0.71]
    pairs: Runs = list(zip(losses, accuracies, strict=True))
    text = report({"mlp": pairs}, language, seeds=[0, 1])
    # 2 · (3.182 + 0.978)² · (0.00707 / 0.005)² = 69.2
    assert {"en": "0.005 so often takes 70 seeds", "zh": "0.005 的差，每组需要 70 个种子"}[language] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_many_that_cannot_be_told_apart_ten_are_named_and_the_rest_counted(report: Any, language: str) -> None:
    losses = [1 + 0.01 * (run % 2) for run in range(24)]
    text = report({"mlp": [(loss, 0.5) for loss in losses]}, language, seeds=[0, 1], top=1)
    start, more = {
        "en": ("12 of 12 cannot be told apart from it, the first are: ", " and 2 more."),
        "zh": ("12 组中有 12 组（含最好的一组）与最好的不能区分，最前面的是：", "，另有 2 组。"),
    }[language]
    named = text.split(start)[1].split(more)[0]
    assert len(re.findall(r"\[`1024_0\.001_[\d.]+`\]\([^)]+\)", named)) == named.count("`1024") == 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_there_is_nothing_to_be_told_apart_nothing_is_told_apart(report: Any, language: str) -> None:
    """A single configuration is not the best of many; and where no run differs by chance, no chance is known."""
    told = {"en": ("told apart", "The best of many", "So “the best", "So, at the"),
            "zh": ("区分", "众多配置", "因此“最好的", "因此，在")}[language]  # fmt: skip
    single = report({"mlp": [(1.0, 0.5), (1.1, 0.5)]}, language, seeds=[0, 1]).split("## ")
    (sure,) = [part for part in single if {"en": "How sure that is", "zh": "把握有多大"}[language] in part]
    assert {"en": "standard deviation of 0.071 (", "zh": "标准差为 0.071（"}[language] in sure
    assert [words for words in told if words in sure] == []
    equal = report({"mlp": [(loss, 0.5) for loss in (1.0, 1.0, 1.1, 1.1)]}, language, seeds=[0, 1]).split("## ")
    (sure,) = [part for part in equal if {"en": "How sure that is", "zh": "把握有多大"}[language] in part]
    assert {"en": "The runs of a configuration do not differ in `val_loss`, whatever their seed: how far",
            "zh": "同一配置的各次训练，无论种子如何，`val_loss` 都没有差别：仅凭偶然"}[language] in sure  # fmt: skip
    assert [words for words in told if words in sure] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_measures_that_disagree_make_no_winner(report: Any, language: str) -> None:
    text = report({"mlp": [(1.0, 0.6)], "cnn": [(1.1, 0.7)]}, language)
    (verdict,) = (line for line in text.splitlines() if SPLIT[language] in line)
    first, second = {
        "en": ("CNN has the highest `val_acc`", "MLP the lowest `val_loss`"),
        "zh": ("`val_acc` 最高的是 CNN", "`val_loss` 最低的是 MLP"),
    }[language]
    assert first in verdict
    assert second in verdict
    assert PRIOR[language] not in text
    assert SURPRISE[language] not in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("cnn_loss", [1.0, 0.5])
def test_the_same_accuracy_is_nobodys_lead(report: Any, language: str, cnn_loss: float) -> None:
    """A small validation set has few values of accuracy, and equal ones are common."""
    text = report({"mlp": [(1.0, 0.95)], "cnn": [(cnn_loss, 0.95)]}, language)
    for label in ("MLP", "CNN"):
        assert AHEAD[language].format(label) not in text
    assert SPLIT[language] not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_model_is_compared_with_nothing(report: Any, language: str) -> None:
    text = report({"cnn": GOOD}, language)
    assert COMPARISON[language] not in text
    assert "### CNN" in text
    assert "MLP_" not in text
    assert "MLP" not in text.splitlines()[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_diverged_runs_are_named_and_out_of_every_ranking(report: Any, language: str) -> None:
    text = report({"mlp": BAD, "cnn": [None, (0.8, 0.7)]}, language)
    named = {
        "en": "`1024_0.001_0.0`](#cnn-1024_0.001_0.0) (seed 0, epoch 1).",
        "zh": "`1024_0.001_0.0`](#cnn-1024_0.001_0.0)（种子 0，第 1 轮）。",
    }
    assert named[language] in text
    assert rows(text, "| 1 |")[1] == ["1", "`1024_0.001_0.1`", "0.8000", "0.7000", "0.6900"]
    assert len(rows(text, "| 2 |")) == 1
    assert rows(text, "| CNN |") == [["CNN", "0.7000", "`1024_0.001_0.1`", "0.8000", "`1024_0.001_0.1`"]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mlp", [BAD, [None, None]])
def test_a_model_that_diverged_throughout_is_neither_ranked_nor_compared(report: Any, language: str, mlp: Runs) -> None:
    text = report({"mlp": mlp, "cnn": [None, None]}, language)
    nothing = {"en": "No configuration can be called the best", "zh": "因此不能说哪一组最好"}
    assert text.count(nothing[language]) == (1 if mlp is BAD else 2)
    assert COMPARISON[language] not in text
    assert len(rows(text, "| 1 |")) == (1 if mlp is BAD else 0)
    assert "./pics/CNN_val_loss.png" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_several_seeds_are_averaged_and_said(report: Any, language: str) -> None:
    text = report({"mlp": [(1.0, 0.5), (1.5, 0.25), (1.1, 0.4), (1.2, 0.5)]}, language, seeds=[3, 8])
    assert [row[1:4] + row[5:6] for row in rows(text, "| 1 |") + rows(text, "| 2 |")] == [
        ["`1024_0.001_0.1`", "1.1500 ± 0.0707", "0.4500 ± 0.0707", "2"],
        ["`1024_0.001_0.0`", "1.2500 ± 0.3536", "0.3750 ± 0.1768", "2"],
    ]
    said = {
        "en": ("with each of the seeds 3, 8", "That makes 4 full runs", "2 configurations", "mean over the seeds"),
        "zh": ("随机种子依次取 3、8", "完整训练 4 次", "2 组配置", "对各随机种子取平均"),
    }
    assert all(words in text for words in said[language])


@pytest.mark.parametrize(("rank_by", "best"), [("val_loss", "0.1"), ("val_acc", "0.0")])
def test_the_ranking_is_the_one_asked_for_and_ends_where_asked(report: Any, rank_by: str, best: str) -> None:
    text = report({"cnn": GOOD}, rank_by=rank_by, top=1)
    assert "The figures show 1 configurations" in text
    assert f"last epoch's `{rank_by}` ({'lowest' if rank_by == 'val_loss' else 'highest'} first)" in text
    assert rows(text, "| 1 |")[0][1] == f"`1024_0.001_{best}`"
    assert rows(text, "| 2 |") == []
    # The comparison's extremes are over all configurations, but of one model there is none.
    assert f"`dropout_rate = {best}`" in text


def test_the_extremes_are_over_all_configurations_and_not_just_those_drawn(report: Any) -> None:
    text = report({"mlp": BAD, "cnn": GOOD}, top=1)
    assert rows(text, "| CNN |")[0][1:3] == ["0.7366", "`1024_0.001_0.0`"]


def values(tmp_path: Path, models: dict[str, Runs], **environment: str) -> dict[str, Any]:
    """What the templates are given, of two runs: the second in another environment."""
    write_tables(tmp_path, models, [0], "val_loss")
    found = Tables.read(tmp_path / "grid.json", tmp_path)
    for column, value in environment.items():
        found.runs.loc[1, column] = value
    writeup = yaml.safe_load((TEMPLATES / "writeup.yaml").read_text())
    return report_context(Citations(found.runs, 1), found, Manifest(**MANIFEST), writeup, 10, "A. Author")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_value_that_is_missing_is_an_error_and_no_hole(tmp_path: Path, language: str) -> None:
    complete = values(tmp_path, {"mlp": BAD, "cnn": GOOD})
    assert "0.7366" in render_markdown(TEMPLATES, language, complete)
    for name in complete:
        with pytest.raises(jinja2.UndefinedError, match=name):
            render_markdown(TEMPLATES, language, {key: value for key, value in complete.items() if key != name})


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mixture_of_environments_is_told(tmp_path: Path, language: str) -> None:
    mixture = {"en": "in more than one environment", "zh": "环境不止一种"}[language]
    same = render_markdown(TEMPLATES, language, values(tmp_path, {"mlp": BAD}))
    assert mixture not in same
    mixed = render_markdown(
        TEMPLATES, language, values(tmp_path, {"mlp": BAD}, device_name="Some GPU", precision="bf16")
    )
    assert mixture in mixed
    # It is said where the ranking and the claims are judged.
    kinds = {"en": "not all of one kind (`precision`: ", "zh": "并不完全相同（`precision`："}[language]
    assert (mixed.count(kinds), same.count(kinds)) == (2, 0)
    lines = [line for line in mixed.splitlines() if "2.14.1" in line]
    assert len(lines) == 2
    assert "Some CPU" in lines[0]
    assert "Some GPU" in lines[1]
    assert "bf16" in lines[1]


DEFAULTS = {"batch_norm": True, "label_smoothing": 0.0, "weight_decay": 0.0}
LISTS = {"batch_sizes": [8, 16], "learning_rates": [0.01, 0.001], "dropout_rates": [0, 0.5], "epochs": 2}


def report_of(folder: Path, spaces: dict[str, Any], language: str, seeds: list[int], **studies: Any) -> str:
    """The report of these search spaces and studies. A run's loss grows with the logarithm of its learning rate, and
    far more without batch normalisation, where a run at the rate 0.5 diverges."""
    write_json(folder / "manifest.json", {**MANIFEST, "manifest_hash": manifest_hash(MANIFEST)})
    folders = []
    for study, models in {"": spaces, **studies}.items():
        grid = Grid.of({model: {**space, "defaults": DEFAULTS} for model, space in models.items()}, seeds, study=study)
        records = []
        for run in grid.runs():
            without = not dict(run.axes).get("batch_norm", True)
            loss = 5 + math.log10(run.learning_rate) + 2 * without + 0.1 * run.seed
            diverged = without and run.dropout_rate == 0.5
            records.append(record(run, [], [], 0) if diverged else record(run, [9.0, loss], [0.1, 0.9 - loss / 10]))
        folders.append(folder / "tables" / (study or "sweep"))
        tables.write_tables(folders[-1], grid.runs(), records, grid)
    settings, output = save_settings(folder, language), folder / "report.md"
    grids = [each / "grid.json" for each in folders]
    render_report(grids[0], settings, folder, folders[0], TEMPLATES, output, grids[1:], folders[1:])
    text = output.read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b|<NA>|None", text)
    return text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_varies_comes_from_the_grid(tmp_path: Path, language: str) -> None:
    axes = {"weight_decay": [0.0, 0.0005], "batch_norm": [True, False]}
    text = report_of(tmp_path, {"mlp": LISTS, "cnn": {**LISTS, "axes": axes}}, language, [0])
    assert "drop_rates = [0, 0.5]\nbatch_norm = [True, False]\nweight_decay = [0.0, 0.0005]\n```" in text
    best = "`batch_size = 8`, `learning_rate = 0.001`, `dropout_rate = 0.0`"
    assert re.search(f"{best}[.。]", text)
    assert f"{best}, `batch_norm = true`, `weight_decay = 0.0`" in text
    # A name has what is not at its default.
    assert text.count("`_batch_norm={batch_norm}`") == text.count("`_weight_decay={weight_decay}`") == 1
    figures = [name for name in re.findall(r"pics/CNN_(\w+).png", text) if name.startswith("effect")]
    parameters = ("batch_size", "learning_rate", "dropout_rate", "batch_norm", "weight_decay")
    assert figures == [f"effect_{name}" for name in parameters]
    caption = {"en": "CNN Effect of {} on Validation", "zh": "CNN：{} 对验证"}[language]
    assert caption.format("<code>weight_decay</code>") in text
    assert {"en": "`weight_decay` is the L2 penalty", "zh": "`weight_decay` 是 PyTorch"}[language] in text
    assert "`label_smoothing`" not in text
    # MLP's grid is complete, and of CNN's some runs diverged.
    methods = {"en": ("by analysis of variance", "by least squares"), "zh": ("（方差分析）", "最小二乘拟合")}
    assert all(text.count(method) == 1 for method in methods[language])
    assert rows(text, "| `learning_rate` |")[0] == ["`learning_rate`", "100.0", "100.0"]


@pytest.mark.parametrize(
    ("mlp", "dropout_rates", "titles"),
    [
        ({}, [0, 0.5], (" with batch normalisation and dropout", "上的批归一化与 Dropout")),
        ({}, [0], (" with batch normalisation", "上的批归一化")),
        ({"axes": {"batch_norm": [True, False]}}, [0, 0.5], (" with dropout", "上的 Dropout")),
        ({"axes": {"batch_norm": [False]}}, [0], ("", "")),
    ],
)
def test_the_title_names_what_the_models_have(
    tmp_path: Path, mlp: dict[str, Any], dropout_rates: list[float], titles: tuple[str, str]
) -> None:
    spaces = {"mlp": {**LISTS, **mlp, "dropout_rates": dropout_rates}, "cnn": {**LISTS, "dropout_rates": [0]}}
    shown = [report_of(tmp_path, spaces, language, [0]).splitlines()[:2] for language in LANGUAGES]
    assert shown == [[f"# MLP and CNN{titles[0]} on CIFAR-10", ""], [f"# MLP 与 CNN：CIFAR-10{titles[1]}", ""]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("is_study", [False, True])
def test_the_protocol_names_what_no_run_has_at_its_default(tmp_path: Path, language: str, is_study: bool) -> None:
    everywhere = {**LISTS, "epochs": 1, "axes": {"weight_decay": [0.0005], "label_smoothing": [0.1]}}
    plain = report_of(tmp_path, {"mlp": LISTS}, language, [0])
    studies = {"smooth": {"mlp": everywhere}} if is_study else {}
    text = report_of(tmp_path, {"mlp": LISTS if is_study else everywhere}, language, [0], **studies)
    said = {
        "en": (
            "Adam with PyTorch's default parameters but for weight decay, cross-entropy with label smoothing, pixels",
            "`weight_decay` is the L2 penalty",
            "`label_smoothing` changes the training loss only",
            "for 1 epoch with",
        ),
        "zh": (
            "优化器为 Adam，除权重衰减外，参数取 PyTorch 的默认值；损失为带标签平滑的交叉熵；像素",
            "`weight_decay` 是 PyTorch",
            "`label_smoothing` 只改变训练损失",
        ),
    }[language]
    if is_study:
        said = tuple(words.replace("epoch with", "epoch:") for words in said)
    assert [text.count(words) for words in said] == [1] * len(said)
    assert [plain.count(words) for words in said] == [0] * len(said)
    default = {"en": "Adam with PyTorch's default parameters, cross-entropy, pixels", "zh": "损失为交叉熵；像素"}
    assert default[language] in plain


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_grid_with_gaps_is_never_called_complete(tmp_path: Path, language: str) -> None:
    excluded = {**LISTS, "exclude": [{"batch_size": 8, "learning_rate": 0.01}]}
    text = report_of(tmp_path, {"mlp": LISTS, "cnn": excluded}, language, [0, 1])
    said = {
        "en": (
            "is not complete: it has 6 of the 8 combinations",
            "That makes 12 full runs; “full” says",
            "16 full runs.",
        ),
        "zh": ("共有 8 种组合，这里只有其中 6 种", "一共完整训练 12 次（“完整”指", "一共完整训练 16 次。"),
    }
    assert [text.count(words) for words in said[language]] == [1, 1, 1]
    assert text.index(said[language][2]) < text.index(said[language][0])
    assert "exclude = [\n    {'batch_size': 8, 'learning_rate': 0.01},\n]\n" in text
    # Several seeds: the seed's noise is a term, against which the others are tested.
    (noise,) = rows(text, {"en": "| seed noise |", "zh": "| 种子噪声 |"}[language])
    assert noise[2:4] == ["–", "–"]
    tested = rows(text, "| `learning_rate` |")[0]
    assert float(tested[1]) + float(noise[1]) == pytest.approx(100, abs=0.1)
    assert float(tested[2]) > 100
    assert float(tested[3]) < 1e-6


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_study_has_a_section_and_no_part_in_the_ranking(tmp_path: Path, language: str) -> None:
    compared = {**LISTS, "batch_sizes": [8], "learning_rates": [0.001], "axes": {"batch_norm": [True, False]}}
    text = report_of(tmp_path, {"cnn": LISTS}, language, [0], no_norm={"cnn": compared})
    before, section = text.split({"en": "## Study: no_norm\n", "zh": "## 研究：no_norm\n"}[language])
    assert "batch_norm" not in before
    table = rows(section.split("## ")[1], "| 0")
    diverged = {"en": "diverged", "zh": "发散"}[language]
    assert [row[:3] for row in table] == [
        ["0.0", "true", "2.0000"],
        ["0.5", "true", "2.0000"],
        ["0.0", "false", "4.0000"],
        ["0.5", "false", diverged],
    ]
    # A run that the grid has, too, is listed once.
    assert text.count("`cnn/8_0.001_0.0/seed0`") == text.count("`cnn/8_0.001_0.0_batch_norm=false/seed0`") == 1
    links = set(re.findall(r"\(#(cnn-[^)]+)\)", text))
    assert links == set(re.findall(r'<a id="(cnn-[^"]+)">', text))
    figures = re.findall(r"pics/no_norm/(\w+).png", section)
    expected = ["train_acc", "train_loss", "val_acc", "val_loss", "heatmap_val_acc", "heatmap_val_loss"]
    assert figures == [f"CNN_{name}" for name in (*expected, "effect_dropout_rate", "effect_batch_norm", "importance")]
    assert yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])["studies"]["no_norm"]["cnn"].keys() == {
        "batch_sizes",
        "learning_rates",
        "dropout_rates",
        "axes",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_points_are_explained_where_they_are_drawn(tmp_path: Path, language: str) -> None:
    said = {
        "en": ("Where most cells would be empty", "each configuration is a point, and black"),
        "zh": ("若大多数格子会是空的", "黑色的是中位数"),
    }
    rates = {"learning_rate": {"from": 1e-4, "to": 1e-2, "scale": "log"}, "dropout_rate": [0.0, 0.5]}
    sample = {"runs": 20, "seed": 0, "batch_size": [8], **rates}
    sampled = {"sample": sample, "epochs": 2}
    few = {"sample": {**sample, "runs": 4, "learning_rate": [0.01, 0.001]}, "epochs": 2}
    # Without a sample: single pairs of rates.
    pairs = [{"batch_size": 8, "learning_rate": k / 100, "dropout_rate": k / 100} for k in range(1, 20)]
    for space, expected in ((LISTS, [0, 0]), (few, [0, 0]), (sampled, [0, 1]), ({**LISTS, "include": pairs}, [1, 0])):
        text = report_of(tmp_path, {"mlp": space}, language, [0])
        assert [text.count(words) for words in said[language]] == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_share_that_cannot_be_told_from_others_is_a_dash(tmp_path: Path, language: str) -> None:
    """Batch size and learning rate always change together."""
    space = {**LISTS, "dropout_rates": [0, 0.2, 0.4]}
    space["exclude"] = [{"batch_size": 8, "learning_rate": 0.01}, {"batch_size": 16, "learning_rate": 0.001}]
    text = report_of(tmp_path, {"mlp": space}, language, [0, 1])
    assert {"en": "A dash in the place of a share", "zh": "份额处的短横"}[language] in text
    assert set(rows(text, "| `learning_rate` |")[0][1:]) == set(rows(text, "| `batch_size` |")[0][1:]) == {"–"}


def test_a_preview_groups_runs_by_what_differs() -> None:
    stale = [{"run": f"mlp/8_0.01_0.0/seed{seed}", "differs": ["epochs 1, not 2"]} for seed in (0, 1)]
    citations = Citations(pd.DataFrame({"model": [], "name": []}), 2)
    shown = partial_context(citations, Partial(4, 2, [], stale, ["cnn"]), [])
    assert shown is not None
    assert list(shown["stale"].values()) == [["mlp/8_0.01_0.0/seed0", "mlp/8_0.01_0.0/seed1"]]
    assert (shown["kind"], shown["left_out"]) == ("mixed", ["CNN"])


AUTHOR = {"en": "Author: ", "zh": "作者："}
AUTHORS = [
    "王小明 2024012345",
    'O\'Neil, "Jo" & Søn (A+B) 100% $5',
    "{{ 7 * 7 }} {% if x %} {# y #}",
    "<script>alert(1)</script> <b>bold</b> <!-- gone",
    "&copy; &amp; &#65;",
    "*a* **b** _c_ `d` ~~e~~ [f](http://g.h) ![i](j) <http://k.l> [m]: n",
    "back\\slash \\* at the end\\",
    "https://a.example/b?c=d_e_f www.a.example me@a.example",
    "# a | b - c + d > e = 1. f",
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("author", AUTHORS)
def test_an_author_is_shown_letter_by_letter(report: Any, language: str, author: str) -> None:
    """A Markdown program shows what a reader sees: one paragraph of plain text."""
    page = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .render(report({"mlp": BAD}, language, author=author))
    )
    shown = re.findall(f"<p>{AUTHOR[language]}(.*?)</p>", page, re.DOTALL)
    assert [html.unescape(text) for text in shown if "<" not in text] == [author]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_author_is_no_line(report: Any, language: str) -> None:
    assert AUTHOR[language] not in report({"mlp": BAD}, language)
