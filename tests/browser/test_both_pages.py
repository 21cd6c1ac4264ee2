"""Both pages for all: light and dark, on a phone, by the keyboard; the report's text as HTML."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from examined_example import examination
from made_up import AUTHOR, AXES, COMMIT, DEVICE, MODELS, Pages, traces, write_pages
from project import REPOSITORY

Open = Callable[..., Page]
TEMPLATES = REPOSITORY / "workflow" / "templates" / "explorer"
# The texts that have texts of their own.
PARTS = ("columns", "groups", "methods", "rests", "examined_facts", "unavailable", "mode_kinds")
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
PHONE = {"width": 360, "height": 740, "is_mobile": True, "has_touch": True}


def lightness(page: Page) -> int:
    colour = page.evaluate(BACKGROUND)
    return sum(map(int, colour.removeprefix("rgb(").removesuffix(")").split(",")))


def test_light_and_dark_follow_the_system_until_the_button_says_otherwise(pages: Pages, opened: Open) -> None:
    assert lightness(opened(pages.explorer)) > 600
    page = opened(pages.explorer, color_scheme="dark")
    assert lightness(page) < 150
    button = page.get_by_role("button", name="Dark")
    expect(button).to_have_attribute("aria-pressed", "true")
    traces(page, "loss")
    dark = page.evaluate("document.getElementById('loss').layout.font.color")
    button.click()
    assert lightness(page) > 600
    traces(page, "loss")
    assert page.evaluate("document.getElementById('loss').layout.font.color") != dark
    page.reload()
    assert lightness(page) > 600
    page.get_by_role("link", name="Report").click()
    expect(page).to_have_url(pages.report.as_uri())
    assert lightness(page) > 600
    page.get_by_role("link", name="Explorer").click()
    expect(page).to_have_url(pages.explorer.as_uri())


def test_a_phone_scrolls_boxes_and_never_the_page_sideways(pages: Pages, axes_pages: Pages, opened: Open) -> None:
    for file in (pages.explorer, axes_pages.explorer, pages.report):
        page = opened(file, **PHONE)
        if file != pages.report:
            page.get_by_role("button", name="Draw these").tap()
            page.locator("#leaderboard tbody button").first.tap()
            for plot in ("loss", "accuracy", "parallel", "heat"):
                traces(page, plot)
            assert page.evaluate("(box => box.scrollWidth > box.clientWidth)(document.querySelector('.scroll'))")
        page.evaluate("scrollTo(500, 0)")
        assert page.evaluate("[document.documentElement.scrollWidth, scrollX]") == [360, 0]


def test_everything_can_be_done_by_the_keyboard(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)

    def focused(script: str) -> str:
        return str(page.evaluate(f"(element => {script})(document.activeElement)"))

    def tab_to(script: str, text: str) -> None:
        for _ in range(100):
            page.keyboard.press("Tab")
            if focused(script) == text:
                break
        assert focused(script) == text
        assert focused("getComputedStyle(element).outlineStyle") == "solid"

    tab_to("element.textContent", "Skip to the content")
    tab_to("element.id", "theme")
    page.keyboard.press("Enter")
    assert lightness(page) < 150
    tab_to("element.id", "search")
    tab_to("element.name + element.value", "modelcnn")
    page.keyboard.press("Space")
    expect(page.locator("#count")).to_have_text("60 of 120 runs")
    tab_to("element.textContent", "Test accuracy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("columnheader", name="Test accuracy")).to_have_attribute("aria-sort", "descending")
    assert focused("element.textContent") == "Test accuracy"
    tab_to("element.getAttribute('aria-label')", "Draw cnn/16_0.001_0.2")
    page.keyboard.press("Space")
    expect(page.locator("#selected")).to_contain_text("cnn/16_0.001_0.2")
    tab_to("element.textContent", "16_0.001_0.4")
    page.keyboard.press("Enter")
    expect(page.locator("#record-name")).to_have_text("cnn/16_0.001_0.4")
    tab_to("element.id", "next")
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_have_text("26–50 of 60")
    tab_to("element.id", "copy")
    tab_to("element.getAttribute('aria-label')", "Remove mlp/16_0.001_0.0")
    page.keyboard.press("Enter")
    expect(page.locator("#selected")).not_to_contain_text("mlp/16_0.001_0.0")
    tab_to("element.id", "heat-metric")
    page.keyboard.press("ArrowDown")
    assert traces(page, "heat")[0]["z"][0][0] < 1


def test_the_report_has_its_tables_figures_and_anchors(pages: Pages, opened: Open) -> None:
    page = opened(pages.report)
    assert page.locator("p[align=center] img").count() == 25
    loaded = "[...document.images].every(image => image.complete && image.naturalWidth > 500)"
    page.wait_for_function(loaded)
    assert page.locator("table").count() == 11
    assert page.locator("h3#mlp").count() == page.locator("h3#cnn").count() == 1
    page.goto(f"{pages.report.as_uri()}#模型对比")
    top = page.locator("h2:target").bounding_box()
    assert top is not None
    assert 0 <= round(top["y"]) < 900


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_language_has_every_text(tmp_path: Path, opened: Open, language: str) -> None:
    texts = [json.loads((TEMPLATES / f"texts.{name}.json").read_text()) for name in ("en", "zh")]
    for one, other in zip(*([each, *(each[part] for part in PARTS)] for each in texts), strict=True):
        assert list(one) == list(other)
    made = examination(run="mlp/128_0.001_0.2/seed0", name="128_0.001_0.2")
    page = opened(write_pages(tmp_path, AXES, language=language, examinations=[made]).explorer)
    page.locator("#leaderboard tbody button").first.click()
    shown = page.locator("body").inner_text()
    assert not any(word in shown for word in ("undefined", "built-in", "NaN", "[object"))


def test_a_forged_record_is_shown_as_it_is_and_runs_nothing(tmp_path: Path, opened: Open) -> None:
    small = {**MODELS["mlp"], "batch_sizes": [16]}
    page = opened(write_pages(tmp_path / "report", {"mlp": small, "cnn": small}, own_report=True).report)
    shown = page.locator("main").inner_text()
    for text in (AUTHOR, DEVICE, COMMIT):
        assert text in shown
    assert page.locator("main script, main [onerror]").count() == 0
    # A table's numbers stand on the right, without a style attribute.
    assert page.evaluate("getComputedStyle(document.querySelector('td:first-child')).textAlign") == "right"

    model = "<a href='https://x.org'>$(id)</a>"
    page = opened(write_pages(tmp_path / "explorer", {model: small, "cnn": small}).explorer)
    name = f"{model}/16_0.001_0.0"
    assert name.replace("<", "&#60;").replace(">", "&#62;") + " training" in [
        trace["name"] for trace in traces(page, "loss")
    ]
    page.evaluate("Plotly.Fx.hover('loss', [{curveNumber: 0, pointNumber: 1}])")
    expect(page.locator("#loss .hoverlayer")).to_contain_text(name)
    traces(page, "parallel")
    assert model in (page.locator("#parallel").text_content() or "")
    assert page.locator("a[href*='x.org']").count() == 0
    page.locator("#leaderboard tbody button").first.click()
    quoted = model.replace("'", "'\\''")
    assert f"--model '{quoted}' --batch-size 16 " in page.locator("#command").inner_text()
