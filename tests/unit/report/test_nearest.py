"""The best run of a model beside those of the configurations that rank next, as the report says it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.contingency_tables import mcnemar

from examined_example import examination, nearest
from sweep.analysis.examined import Examination, Nearest, Paired
from sweep.analysis.paired import compare_losses
from sweep.report.citations import Citations
from sweep.report.examined import Examined
from sweep.report.nearest import count_told, nearest_context
from written import WRITEUP, as_written, sweep_records, write_report

MODELS = WRITEUP["sweep"]["models"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_best_is_compared_with_the_next_ones_picture_by_picture(
    tmp_path: Path, language: Literal["zh", "en"]
) -> None:
    """Or it is said that it is not: of the CNN the weights of the best run were not kept."""
    runs, records = sweep_records(as_written, [0, 1], MODELS)
    others = ["1024_0.001_0.4", "512_0.001_0.4", "512_0.001_0.0"]
    examinations = [
        examination("mlp", nearest=nearest("mlp", others, left_out=2)),
        examination("cnn", unavailable="no_weights"),
    ]
    text, _ = write_report(tmp_path, runs, records, MODELS, [0, 1], language, examinations=examinations)
    mlp, cnn = re.sub(r"\[(.+?)\]\(#.+?\)", r"\1", text).split("### CNN")[:2]
    percent = f"{100 * mcnemar([[0, 412], [381, 0]], exact=True).pvalue:.2g}"
    said = {
        "en": [
            "On the same 10000 validation pictures, the networks of `1024_0.001_0.2` and `1024_0.001_0.4`"
            " (of each the run with the best `val_loss`) differ by 0.0031 in accuracy at the last epoch:"
            " `1024_0.001_0.2` alone is right on 412 of them, `1024_0.001_0.4` alone on 381;"
            f" if they were equally good, a difference as large would come by chance in {percent} % of cases (McNemar",
            "mean losses differ by 0.0084 ± 0.0041 (the standard error, picture by picture),"
            " that of `1024_0.001_0.2` is the lower one; chance would make them differ by as much in 4 % of cases",
            # At 0.05 / 6, as for all pairs of four runs.
            "With 3 of the configurations that rank next the best one was compared so:"
            " 1 of them differ from it in accuracy by more than chance, 2 in loss",
            "Left out: 2 whose answers were not kept, or are damaged (see `make status`).",
            "another seed may turn it round",
        ],
        "zh": [
            "在同样的 10000 张验证图片上，`1024_0.001_0.2` 与 `1024_0.001_0.4` 的网络（各取 `val_loss` 最好的一次）"
            "最后一轮的准确率相差 0.0031："
            "只有 `1024_0.001_0.2` 答对的有 412 张，只有 `1024_0.001_0.4` 答对的有 381 张；"
            f"假如两者同样好，仅凭偶然也有 {percent} % 的情形会相差这么多（McNemar",
            "平均损失相差 0.0084 ± 0.0041（逐张图片相减所得的标准误），"
            "`1024_0.001_0.2` 的较低；仅凭偶然，有 4 % 的情形",
            "与其后的 3 组都这样比较过：其中准确率相差超出偶然的有 1 组，损失相差超出偶然的有 2 组",
            "有 2 组因答案没有保留或已损坏而未比较",
            "换一个种子，结果可能相反",
        ],
    }[language]
    assert [part for part in said if part not in mlp] == []
    assert {
        "en": "are not compared: those of the best run were not kept.",
        "zh": "没有逐张图片比较这些训练的答案：最好的一次的答案没有保留。",
    }[language] in cnn


def test_what_chance_hardly_does_has_no_number() -> None:
    first = replace(nearest("mlp", ["512_0.001_0.4"]).compared[0], accuracy=Paired(0.01, 0.001, 3e-25), loss=None)
    found = nearest_context(
        Citations(pd.DataFrame(columns=["model", "name"]), 1), examination(nearest=Nearest(9, [first], 0)), 9
    )
    assert (found["first"]["accuracy"]["chance"], found["first"]["loss"]) == (None, None)


@pytest.mark.parametrize(
    ("examined", "images", "reason"),
    [
        (None, 9, "unexamined"),
        (examination(unavailable="no_weights"), 1, "no_weights"),
        (examination(), 1, "one_image"),
        (examination(), 9, "own"),
        (examination(nearest=Nearest(9, [], 3)), 9, "others"),
    ],
)
def test_why_there_is_no_comparison_is_said(examined: Examination | None, images: int, reason: str) -> None:
    """In a sentence of each language that is no other reason's."""
    found = nearest_context(Citations(pd.DataFrame(columns=["model", "name"]), 1), examined, images)
    assert found == {"first": None, "reason": reason}
    for language in ("en", "zh"):
        text = Path(f"workflow/templates/report.{language}.md.j2").read_text(encoding="utf-8")
        (line,) = re.findall(rf'^    "{reason}": (.+),$', text, re.MULTILINE)
        assert text.count(line) == 1


def test_of_equal_networks_hardly_any_is_told_apart_from_the_best() -> None:
    """Twenty-one that are equally good: the best on these pictures is told apart from another one in at most 5 % of
    cases, where Bonferroni's inequality for the twenty alone would do it in a fifth."""
    generator = np.random.default_rng(16)
    citations, told = Citations(pd.DataFrame(columns=["model", "name"]), 1), []
    for _ in range(400):
        losses = generator.standard_normal((21, 400))
        losses = losses[losses.mean(axis=1).argsort()]
        compared = [
            replace(nearest("mlp", ["other"]).compared[0], loss=compare_losses(losses[0], other))
            for other in losses[1:]
        ]
        examined = Examined(citations, examination(nearest=Nearest(400, compared, 0)))
        told.append((count_told(examined, compared, "loss") or "")[-2] != "0")
    assert np.mean(told) <= 0.06
