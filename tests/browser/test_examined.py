"""What the explorer shows of the examinations of the best runs: their numbers, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from examined_example import examination
from made_up import Pages, traces, write_pages
from sweep.analysis.examined import Answered, ClassAccuracy

Open = Callable[..., Page]
# The grid has the best runs of the made-up examinations.
SMALL: dict[str, Any] = {
    model: {"batch_sizes": [128, 1024], "learning_rates": [0.001], "dropout_rates": [0.2], "epochs": 2}
    for model in ("mlp", "cnn")
}
NAMES = ["</script>", "<b>cat</b>", "<img src=x onerror=document.title='pwned'>", "plain"]
PLOTS = ("confusion", "class-accuracy", "shift")


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """A page with the examinations of both models."""
    return write_pages(
        tmp_path_factory.mktemp("examined"), SMALL, examinations=[examination("mlp"), examination("cnn")]
    )


def answers(page: Page) -> list[list[str]]:
    """The lines below each picture of a mistake."""
    return [item.locator("div").all_inner_texts() for item in page.locator("#mistakes li").all()]


def test_the_numbers_are_those_of_the_chosen_models_examination(examined: Pages, opened: Open) -> None:
    page = opened(examined.explorer)
    expect(page.locator("dd[data-fact=parameters]")).to_have_text("308,510")
    page.locator("#examined-model").select_option("cnn")
    cnn = examination("cnn")
    assert cnn.answered and cnn.modes and cnn.shift
    facts = page.locator("#examined-facts dd")
    accuracy = f"{cnn.answered.accuracy:.4f}"
    expect(facts).to_have_text(["cnn/128_0.001_0.2", str(cnn.best_epoch), "106,762", "18,178,560", accuracy])

    (matrix,) = traces(page, "confusion")
    assert [[cell[2] for cell in row] for row in matrix["customdata"]] == cnn.answered.confusion
    assert matrix["text"][3][:5] == [str(count or "") for count in cnn.answered.confusion[3][:5]]
    assert matrix["z"][3][4] == pytest.approx(cnn.answered.confusion[3][4] / sum(cnn.answered.confusion[3]))
    assert page.locator("#confusion .heatmap-label").count() > 50

    (points,) = traces(page, "class-accuracy")
    for position, each in enumerate(cnn.answered.classes):
        assert each
        middle = points["x"][position]
        assert (points["y"][position], middle) == (position, each.accuracy)
        assert middle + points["error_x"]["array"][position] == pytest.approx(each.high)
        assert middle - points["error_x"]["arrayminus"][position] == pytest.approx(each.low)

    names = cnn.class_names
    assert answers(page) == [
        [f"right: {names[each.right]}", f"given: {names[each.given]}", f"{each.probability * 100:.2f}\u00a0%"]
        for each in cnn.answered.mistakes
    ]
    images = page.locator("#mistakes img")
    assert images.nth(4).get_attribute("src") == f"data:image/png;base64,{cnn.answered.mistakes[4].png}"
    page.wait_for_function("[...document.querySelectorAll('#mistakes img')].every(image => image.naturalWidth === 32)")
    assert images.evaluate_all("all => all.every(each => getComputedStyle(each).imageRendering === 'pixelated')")

    rows = page.locator("#modes tbody tr")
    assert [row.locator("td").all_inner_texts() for row in rows.all()] == [
        [f"{row.accuracy:.4f}", f"{row.loss:.4f}"] for row in cnn.modes.rows
    ]
    expect(rows.last).to_contain_text("everything (training mode)")

    for trace, model in zip(traces(page, "shift"), ("mlp", "cnn"), strict=True):
        shift = examination(model).shift
        assert shift
        assert (trace["name"], trace["x"]) == (model, [0, 1, 2, 3, 4])
        assert trace["y"] == pytest.approx([fmean(values) for values in shift.accuracies])


def test_the_examined_run_is_opened_by_the_keyboard(examined: Pages, opened: Open) -> None:
    page = opened(examined.explorer)
    page.locator("#examined-model").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("dd[data-fact=run]")).to_have_text("cnn/128_0.001_0.2")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#record-name")).to_have_text("cnn/128_0.001_0.2")
    # The plots are told in words, too.
    traces(page, "class-accuracy")
    words = page.locator("#class-accuracy").get_attribute("aria-label") or ""
    assert words.startswith("Accuracy of each class, cnn: a 7")


def test_names_of_classes_are_shown_letter_by_letter(tmp_path: Path, opened: Open) -> None:
    model, name = "<i>mlp", "1024_0.001_0.2"
    forged = replace(examination("mlp", NAMES, images=400), model=model, run=f"{model}/{name}/seed0")
    page = opened(write_pages(tmp_path, {model: SMALL["mlp"]}, examinations=[forged]).explorer)
    expect(page.locator("#examined-model")).to_have_text(model)
    expect(page.locator("dd[data-fact=run]")).to_have_text(f"{model}/{name}")
    assert {lines[0] for lines in answers(page)} == {f"right: {name}" for name in NAMES}
    for plot in PLOTS:
        traces(page, plot)
    for plot in PLOTS[:2]:
        assert page.locator(f"#{plot} .ytick text").all_text_contents() == [
            NAMES[0],
            NAMES[1],
            "<img src=x on…",
            NAMES[3],
        ]
    for right, name in enumerate(NAMES):
        page.evaluate(f"Plotly.Fx.hover('confusion', {{xval: {right}, yval: {right}}})")
        expect(page.locator("#confusion .hoverlayer")).to_contain_text(name)
        page.evaluate(f"Plotly.Fx.hover('class-accuracy', [{{curveNumber: 0, pointNumber: {right}}}])")
        expect(page.locator("#class-accuracy .hoverlayer")).to_contain_text(name)
    assert page.locator("#examined b, #examined i, #examined [onerror], #examined script").count() == 0
    assert page.title() == "<I>MLP – Explorer"


def test_what_is_missing_of_an_examination_is_said(tmp_path: Path, opened: Open) -> None:
    models = [examination("mlp", unavailable="diverged"), examination("cnn", unavailable="no_weights")]
    page = opened(write_pages(tmp_path, SMALL, examinations=models).explorer)
    sentence = page.locator("#examined-unavailable")
    expect(sentence).to_contain_text("has a run that diverged")
    assert page.locator("#examined-facts dd").count() == 0
    page.locator("#examined-model").select_option("cnn")
    expect(sentence).to_contain_text("make remake")
    expect(page.locator("#examined-facts dd")).to_have_text(["cnn/128_0.001_0.2", "49", "106,762", "18,178,560"])
    expect(page.locator("#answered")).to_be_hidden()
    assert page.locator("#shift").count() == 0


def test_a_class_without_pictures_and_a_model_without_mistakes(tmp_path: Path, opened: Open) -> None:
    perfect = Answered(30, 1.0, [[30, 0], [0, 0]], [ClassAccuracy(30, 30, 1.0, 0.8865, 1.0), None], [])
    made = replace(examination("mlp", ["a", "b"], images=30), answered=perfect)
    page = opened(write_pages(tmp_path, SMALL, examinations=[made]).explorer)
    expect(page.locator("#mistakes-hint")).to_have_text("No picture has a wrong answer.")
    assert answers(page) == []
    assert traces(page, "class-accuracy")[0]["y"] == [0]
    assert traces(page, "confusion")[0]["z"] == [[1, 0], [0, 0]]
    # Mistakes are shown only if their probabilities are numbers, as a loss is; and one pass is no mean.
    assert made.modes
    modes = replace(made.modes, passes=1, rows=[replace(row, loss=None) for row in made.modes.rows])
    overflown = replace(made, answered=replace(perfect, accuracy=0.5, confusion=[[15, 15], [0, 0]]), modes=modes)
    page = opened(write_pages(tmp_path / "overflown", SMALL, examinations=[overflown]).explorer)
    expect(page.locator("#mistakes-hint")).to_have_text(
        "There are wrong answers, but their probabilities are no numbers."
    )
    assert set(page.locator("#modes tbody td:last-child").all_inner_texts()) == {"–"}
    assert "passes" not in page.locator("#modes-hint").inner_text()


def test_a_phone_scrolls_the_matrix_and_never_the_page_sideways(examined: Pages, tmp_path: Path, opened: Open) -> None:
    many = examination("mlp", [f"a long name of class number {k} without end" for k in range(100)])
    for file in (examined.explorer, write_pages(tmp_path, SMALL, examinations=[many]).explorer):
        page = opened(file, 390, 844, is_mobile=True, has_touch=True)
        for plot in PLOTS:
            traces(page, plot)
        page.evaluate("scrollTo(500, scrollY)")
        assert page.evaluate("[document.documentElement.scrollWidth, scrollX]") == [390, 0]
        assert page.locator("#confusion").evaluate(
            "plot => plot.parentElement.scrollWidth > plot.parentElement.clientWidth"
        )


def test_without_examinations_there_is_no_such_section(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    assert page.locator("#importance").count() == 1
    assert page.locator("#examined").count() == 0
