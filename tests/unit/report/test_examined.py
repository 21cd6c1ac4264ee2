"""The report on the best runs: what it shows, what it says if a part is missing, and names of classes as they are."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
from markdown_it import MarkdownIt

from examined_example import examination, nearest
from render_report import render_report
from sweep.analysis.examined import Examination, Modes, Part
from sweep.errors import SweepError
from sweep.report.citations import LISTED
from written import TEMPLATES, WRITEUP, as_written, sweep_records, write_examinations, write_report

MODELS = WRITEUP["sweep"]["models"]
LANGUAGES = ["en", "zh"]
SECTION = {"en": "## What the best runs do\n", "zh": "## 最好的训练表现如何\n"}
NUMBERS = {"en": "**In numbers.**", "zh": "**用数字说明**"}


def report(
    folder: Path, examinations: list[Examination], language: Literal["zh", "en"] = "en", models: Any = None, **more: Any
) -> str:
    models = models or MODELS
    runs, records = sweep_records(as_written, [0], models)
    text, _ = write_report(folder, runs, records, models, [0], language, examinations=examinations, **more)
    assert not re.search(r"\bnan\b|<NA>|None|[\x00-\x08]", text)
    return text


def rows(text: str, start: str) -> list[list[str]]:
    """The cells of the text's table rows that start so."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith(start)
    ]


def two_modes(modes: Modes | None, passes: int, parts: list[Part]) -> Modes:
    """The rows of a model that has not both parts, and whose loss in training mode is not finite."""
    assert modes
    evaluation, training = (row for row in modes.rows if row.kind in ("evaluation", "training"))
    return replace(modes, passes=passes, parts=parts, rows=[evaluation, replace(training, loss=None)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_best_runs_are_shown(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    mlp, cnn = examination("mlp"), examination("cnn")
    text = report(tmp_path, [mlp, cnn], language)
    first, rest = text.split({"en": "## Training results", "zh": "## 训练效果"}[language])
    everything = {"en": "everything (training)", "zh": "全部（训练）"}[language]
    assert rows(first, "| MLP |")[-1] == ["MLP", everything, "0.5009", "1.4587", "-0.0188"]
    parts = {
        "en": r"by itself changes .+ by -0\.0021, dropout .+ by -0\.0174\. .+ -0\.0188: what is left .+ \+0\.0007\.",
        "zh": r"准确率变化 -0\.0021；仅 Dropout .+变化 -0\.0174。.+变化 -0\.0188，与前两者之和相差 \+0\.0007。",
    }
    assert len(re.findall(parts[language], first)) == 2

    assert "`results/<experiment>/examinations/<model>.json`" in text
    section = rest.split(SECTION[language])[1].split("\n## ")[0]
    assert {"en": "worked out anew in single precision", "zh": "以单精度重新计算"}[language] in section
    figures = [f"{label}_{name}" for label in ("MLP", "CNN") for name in ("confusion", "mistakes")]
    assert re.findall(r"pics/(\w+)\.png", section) == [*figures, "shift"]
    assert "`mlp/1024_0.001_0.2/seed0`" in section
    for number in ("106,762", "18,178,560", "308,510", "308,200", "0.7266", "0.5097"):
        assert number in section
    answered = mlp.answered
    assert answered
    assert answered.classes[1]
    to = {"en": "to", "zh": "至"}[language]
    shown = answered.classes[1]
    interval = f"{shown.low:.4f} {to} {shown.high:.4f}"
    assert rows(section, "| `b` |")[0][1:] == [str(shown.images), str(shown.right), f"{shown.accuracy:.4f}", interval]
    # The test accuracy is that of the record.
    assert {"en": "on 10000 pictures, is 0.5097.", "zh": "在 10000 张测试图片上的准确率为 0.5097。"}[
        language
    ] in section
    # Counted by eye: the largest cell of the matrix that is not on its diagonal.
    most, right, given = max(
        (count, -k, -other) for k, row in enumerate(answered.confusion) for other, count in enumerate(row) if k != other
    )
    names = [f"`{mlp.class_names[-k]}`" for k in (right, given)]
    said = {
        "en": "Most often {} is taken for {} ({} of {} pictures)",
        "zh": "最常见的错误：把 {0} 认作 {1}（{3} 张中有 {2} 张）",
    }
    assert said[language].format(*names, most, sum(answered.confusion[-right])) in section


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("parts", "passes", "said"),
    [
        (["batch_norm"], 1, ("this configuration has batch normalisation alone, so", "这组配置只有批归一化，")),
        (["dropout"], 5, ("this configuration has dropout alone, so", "这组配置只有 Dropout，")),
        ([], 1, ("this configuration has none, so", "这组配置一个也没有，")),
        # As of a model with a layer of its own that draws random numbers.
        (["batch_norm"], 5, ("this configuration has batch normalisation alone, so", "这组配置只有批归一化，")),
    ],
)
def test_a_model_without_both_parts_has_two_rows_and_says_so(
    tmp_path: Path, language: Literal["zh", "en"], parts: list[Part], passes: int, said: tuple[str, str]
) -> None:
    space = {"batch_sizes": [8], "learning_rates": [0.1], "dropout_rates": [0.2], "epochs": 1}
    found = examination("mlp", run="mlp/8_0.1_0.2/seed0", name="8_0.1_0.2")
    found = replace(found, modes=two_modes(found.modes, passes, parts))
    text = report(tmp_path, [found], language, {"mlp": space})
    first = text.split({"en": "## Training results", "zh": "## 训练效果"}[language])[0]
    assert [row[3] for row in rows(first, "| MLP |")] == ["1.4000", "–"]
    assert said[LANGUAGES.index(language)] in first
    # Nothing is said of what else the model may have, and the passes are told only if there are several.
    assert not re.search("whole difference|全部差别", first)
    assert ({"en": "averaged over 5", "zh": "5 遍的平均值"}[language] in first) == (passes == 5)
    # One model alone: its figure of shifts, and nothing to compare.
    assert "pics/shift.png" in text
    assert {"en": "this one trained model", "zh": "这一个训练好的模型"}[language] in text
    absent = {"en": "cannot be judged: no such model |", "zh": "无法判定：没有这个模型 |"}[language]
    # Three claims on the CNN alone, and the three that compare examinations.
    assert text.count(absent) == 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_missing_is_said_with_its_reason(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    unavailable = [examination("mlp", unavailable="diverged"), examination("cnn", unavailable="no_weights")]
    text = report(tmp_path, unavailable, language)
    assert NUMBERS[language] not in text
    assert not re.search(r"pics/(shift|\w+_confusion|\w+_mistakes)\.png", text)
    section = text.split(SECTION[language])[1].split("\n## ")[0]
    diverged, no_weights = {
        "en": ("No run of MLP is examined, since each", "Its weights were not kept"),
        "zh": ("MLP 的每组配置都有发散的训练，因此没有考察", "它的权重没有保留"),
    }[language]
    assert diverged in section
    assert no_weights in section
    assert "`make remake`" in section
    assert "106,762" in section
    # One of the two has its whole examination.
    text = report(tmp_path, [examination("mlp"), unavailable[1]], language)
    first = text.split({"en": "## Training results", "zh": "## 训练效果"}[language])[0]
    assert (len(rows(first, "| MLP |")), len(rows(first, "| CNN |"))) == (4, 0)
    assert "pics/shift.png" in text
    reason = {"en": "- no weights: those of the best run of CNN", "zh": "- 没有权重：CNN 最好"}[language]
    assert reason in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_preview_has_no_examinations(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    partial = {"runs": 121, "missing": 1, "damaged": [], "stale": [], "left_out": []}
    text = report(tmp_path, [], language, partial=partial)
    assert NUMBERS[language] not in text
    assert SECTION[language] not in text
    assert "/examinations/" not in text
    reason = {"en": "cannot be judged: not examined |", "zh": "无法判定：没有考察 |"}[language]
    assert text.count(reason) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_classes_are_shown_letter_by_letter(tmp_path: Path, language: Literal["zh", "en"]) -> None:
    names = ["<b>bold</b>", "a|b", "*c*", "`d`", "$e$", "[f](g)", "", " h ", "\x1b[31m", "{{ 7 * 7 }}"]
    found = examination("mlp", class_names=names)
    text = report(tmp_path, [found, examination("cnn", class_names=names)], language)
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    header = {"en": "<th>class</th>", "zh": "<th>类别</th>"}[language]
    table = page.split(header)[1].split("</table>")[0]
    assert "<b>" not in page
    cells = re.findall(r"<tr>\n<td><code>(.*?)</code></td>", table)
    shown = [name.replace("\x1b", "\ufffd").replace("<", "&lt;").replace(">", "&gt;") for name in names]
    assert cells == shown
    assert [len(re.findall("<td", row)) for row in table.split("<tr>")[1:]] == [5] * 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_very_many_classes_the_first_are_listed_and_the_rest_counted(
    tmp_path: Path, language: Literal["zh", "en"]
) -> None:
    """One of the hundred has no picture, and so neither accuracy nor interval."""
    names = [f"class {k}" for k in range(100)]
    found = examination("mlp", class_names=names)
    assert found.answered
    classes = [None, *found.answered.classes[1:]]
    text = report(tmp_path, [replace(found, answered=replace(found.answered, classes=classes))], language)
    assert len(rows(text, "| `class ")) == LISTED
    assert rows(text, "| `class 0` |")[0][1:] == ["–"] * 4
    assert {"en": f"And {100 - LISTED} more classes.", "zh": f"另有 {100 - LISTED} 类。"}[language] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_pairs_of_classes_with_equal_counts_are_not_left_out_in_silence(
    tmp_path: Path, language: Literal["zh", "en"]
) -> None:
    """Of five pairs, four have one mistake each; and a model may have none."""
    found = examination("mlp")
    assert found.answered
    confusion = [[0] * 10 for _ in range(10)]
    confusion[3][5], confusion[0][1], confusion[1][0], confusion[2][0], confusion[9][8] = 2, 1, 1, 1, 1
    tied = replace(found.answered, confusion=confusion)
    text = report(tmp_path, [replace(found, answered=tied)], language)
    assert {"en": "; other pairs of classes as often as the last: 2.", "zh": "同样常见的另有 2 种。"}[language] in text
    right = replace(found.answered, confusion=[[0] * 10 for _ in range(10)], mistakes=[])
    text = report(tmp_path, [replace(found, answered=right)], language)
    assert {"en": "No test picture is taken for", "zh": "没有一张测试图片被认作"}[language] in text
    assert "MLP_mistakes.png" not in text


def test_an_examination_of_other_runs_is_refused(tmp_path: Path) -> None:
    runs, records = sweep_records(as_written, [0], MODELS)
    (file,) = write_examinations(tmp_path, [examination("cnn")], runs, records)
    remedy = re.escape(f"remove it and run the same command again: rm -f {file}")

    def render(**models: Any) -> None:
        report(tmp_path, [], models=models or None)
        place = (tmp_path / "grid.json", tmp_path / "settings.json", tmp_path, tmp_path, TEMPLATES)
        render_report(*place, tmp_path / "new.md", examinations=[file])

    render()
    with pytest.raises(SweepError, match=f"{file}: the grid has no model 'cnn'; {remedy}"):
        render(mlp=MODELS["mlp"])
    examination("cnn").write(file)
    with pytest.raises(SweepError, match=f"{file}: cnn/128_0.001_0.2/seed0 is not, or no longer, the run .+; {remedy}"):
        render()
    compared = nearest("cnn", ["128_0.001_0.4"])
    write_examinations(tmp_path, [examination("cnn", nearest=compared)], runs, records)
    render()
    by_path = {str(run.path): record for run, record in zip(runs, records, strict=True)}
    content_hash = by_path["cnn/128_0.001_0.2/seed0"]["content_hash"]
    examination("cnn", nearest=compared, content_hash=content_hash).write(file)
    with pytest.raises(SweepError, match=f"{file}: cnn/128_0.001_0.4/seed0 is not, or no longer, the run .+; {remedy}"):
        render()
    # What names the run does not fit together, though the hash is right.
    of = examination("cnn")
    forged: list[dict[str, Any]] = [{"model": "../../x", "run": f"../../x/{of.name}/seed0"}, {"model": "mlp"}]
    forged += [{"series": each} for each in ("../x", "5" * 63, 5, None)]
    forged += [{"nearest": replace(compared, compared=[replace(compared.compared[0], name="128_0.001_0.6")])}]
    forged += [{"name": "other"}, {"name": None}, {"run": None}, {"epochs": 2.0}, {"epochs": True}, {"epochs": None}]
    for changes in forged:
        replace(of, **changes).write(file)
        with pytest.raises(SweepError, match=f"is missing or damaged; {remedy}"):
            render()
    of.write(file)
    file.write_text(file.read_text().replace("cnn", "cmm"))
    with pytest.raises(SweepError, match=f"is missing or damaged; {remedy}"):
        render()
