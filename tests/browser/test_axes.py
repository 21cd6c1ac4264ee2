"""The explorer of a grid with further hyper-parameters, which not every model has, and of a sampled one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from made_up import AXES, Pages, names, traces, write_pages
from sweep.analysis.importance import COLUMNS

Open = Callable[..., Page]
CNN_SHARES = {"batch_size": None, "weight_decay": 0.0}
MARKUP = "<img src=x onerror=document.title='pwned'>"


def choose(page: Page, name: str, value: str) -> None:
    page.locator(f"#heat-others select[name={name}]").select_option(value)


def chosen(page: Page) -> dict[str, str]:
    """The other hyper-parameters of the map, and their values."""
    selects = page.locator("#heat-others select").all()
    return {str(select.get_attribute("name")): select.input_value() for select in selects}


def test_every_hyper_parameter_filters_the_runs(axes_pages: Pages, opened: Open) -> None:
    page = opened(axes_pages.explorer)
    count = page.locator("#count")
    expect(count).to_have_text("126 of 126 runs")
    # Of fourteen values none has a tick.
    decay = page.get_by_role("group", name="Weight decay")
    assert decay.get_by_role("checkbox").count() == 0
    decay.get_by_label("from").fill("0.0005")
    decay.get_by_label("to").fill("0.0009")
    expect(count).to_have_text("46 of 126 runs")
    page.get_by_role("group", name="Batch norm").get_by_label("false").check()
    expect(count).to_have_text("3 of 126 runs")
    assert set(names(page)) == {
        f"mlp/128_{rates}_batch_norm=false_weight_decay=0.0005" for rates in ("0.001_0.0", "0.001_0.2", "0.01_0.0")
    }
    decay.get_by_label("from").fill("")
    expect(count).to_have_text("7 of 126 runs")
    page.get_by_role("button", name="Reset filters").click()
    expect(count).to_have_text("126 of 126 runs")
    assert decay.get_by_label("to").input_value() == ""
    # A default is in no name, and is found nevertheless.
    page.get_by_label("Search").fill("batch_norm=true mlp")
    expect(count).to_have_text("7 of 126 runs")


def test_a_model_that_lacks_a_hyper_parameter_has_a_dash(axes_pages: Pages, opened: Open) -> None:
    page = opened(axes_pages.explorer)
    header = page.get_by_role("columnheader", name="Batch norm")
    cells = page.locator("#leaderboard td[data-column=batch_norm]")
    header.get_by_role("button").click()
    assert cells.all_inner_texts() == ["false"] * 7 + ["true"] * 7 + ["–"] * 11
    header.get_by_role("button").click()
    assert cells.all_inner_texts() == ["true"] * 7 + ["false"] * 7 + ["–"] * 11

    (parallel,) = traces(page, "parallel")
    axes = {axis["label"]: axis for axis in parallel["dimensions"]}
    assert list(axes)[:6] == ["Model", "Batch size", "Learning rate", "Dropout rate", "Batch norm", "Weight decay"]
    ticks = dict(zip(axes["Batch norm"]["tickvals"], axes["Batch norm"]["ticktext"], strict=True))
    assert list(ticks.values()) == ["–", "false", "true"]
    shown = pd.Series(ticks[place] for place in axes["Batch norm"]["values"]).value_counts()
    assert shown.to_dict() == {"–": 112, "true": 7, "false": 6}  # one diverged
    assert sorted(set(axes["Weight decay"]["values"])) == [0.0, *(k / 10000 for k in range(1, 14))]


def test_the_map_shows_the_chosen_values_or_the_best_over_all(axes_pages: Pages, opened: Open) -> None:
    page = opened(axes_pages.explorer)
    page.locator("#heat-model").select_option("mlp")
    # Those of the best run.
    assert chosen(page) == {"batch_norm": "true", "weight_decay": "0.0005"}
    ours = axes_pages.runs[axes_pages.runs["model"] == "mlp"]
    best = ours[ours["batch_norm"].map(bool) & (ours["weight_decay"] == 0.0005)].set_index(
        ["learning_rate", "dropout_rate"]
    )
    (heat,) = traces(page, "heat")
    # The fourth is excluded: it is blank, and no zero.
    loss = best["last_val_loss"]
    assert heat["z"] == [[loss[0.001, 0.0], loss[0.001, 0.2]], [loss[0.01, 0.0], None]]
    expect(page.locator("#heat .annotation-text")).to_have_count(0)
    expect(page.locator("#heat-note")).to_have_text("Batch norm true, Weight decay 0.0005")

    choose(page, "batch_norm", "false")
    choose(page, "weight_decay", "0")
    assert traces(page, "heat")[0]["z"][1][0] is None
    expect(page.locator("#heat .annotation-text")).to_have_text("diverged")

    for name in ("batch_norm", "weight_decay"):
        choose(page, name, "")
    picks: dict[str, Any] = {"last_val_loss": "min", "last_val_acc": "max"}
    for metric, pick in picks.items():
        page.locator("#heat-metric").select_option(metric)
        table = ours[ours["status"] == "completed"].pivot_table(
            index="learning_rate", columns="dropout_rate", values=metric, aggfunc=pick
        )
        (heat,) = traces(page, "heat")
        assert heat["z"] == table.to_numpy().tolist()
    expect(page.locator("#heat-note")).to_have_text(
        "At each pair of rates the best over 4 combinations of: Batch norm, Weight decay"
    )
    assert heat["customdata"][1][0] == "128_0.01_0.0_weight_decay=0.0005"

    page.locator("#heat-model").select_option("cnn")
    assert chosen(page) == {"batch_size": "", "weight_decay": ""}
    expect(page.locator("#heat-note")).to_contain_text("28 combinations of: Batch size, Weight decay")


def test_the_command_sets_what_is_not_at_its_default(axes_pages: Pages, opened: Open) -> None:
    page = opened(axes_pages.explorer)
    for name, words in (
        ("128_0.001_0.2_batch_norm=false_weight_decay=0.0005", " --set batch_norm=false weight_decay=0.0005 "),
        ("128_0.001_0.2", " "),
    ):
        page.get_by_label("Search").fill(f"mlp/{name}")
        page.get_by_role("button", name=name, exact=True).click()
        assert f" --seed 0 --epochs 2{words}--data " in page.locator("#command").inner_text()
    expect(page.locator("dd[data-column=batch_norm]")).to_have_text("true")
    expect(page.locator("dd[data-column=weight_decay]")).to_have_text("0")


def importance(*rows: tuple[Any, ...]) -> Callable[..., pd.DataFrame]:
    return lambda *_: pd.DataFrame(rows, columns=COLUMNS)


def test_importance_is_that_of_the_table(tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[tuple[Any, ...]] = [
        ("mlp", metric, "anova", term, share, 1, f, p)
        for metric, f, p in (("val_acc", 12.345, 0.0123), ("val_loss", 1234.5, 1e-9))
        for term, share in (("learning_rate", 0.25), ("learning_rate:batch_norm", 0.5), ("seed noise", 0.2))
    ]
    rows += [("cnn", "val_loss", "least_squares", name, share, 1, None, None) for name, share in CNN_SHARES.items()]
    rows += [("mlp", "val_loss", "anova", f"x{k}", 0.0, 1, None, None) for k in range(12)]
    monkeypatch.setattr("sweep.analysis.tables.importance_table", importance(*rows))
    page = opened(write_pages(tmp_path, AXES).explorer)
    card = page.locator("#importance")
    table = card.locator("table[data-model=mlp]")
    lines = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr:visible").all()]
    assert lines[0] == ["Learning rate × Batch norm", "50.0 %", "12.3", "0.012", "50.0 %", "1235", "< 0.001"]
    assert lines[1][:2] == ["Learning rate", "25.0 %"]
    # A term that is missing for a metric is no zero.
    assert lines[2] == ["x0", "", "", "", "0.0 %", "", ""]
    assert lines[-1][:2] == ["Noise of the seeds", "20.0 %"]
    assert len(lines) == 13
    card.get_by_role("button", name="Show all 15 rows").click()
    expect(table.locator("tbody tr:visible")).to_have_count(15)
    expect(card).to_contain_text("By analysis of variance of the complete grid")
    # A share that is not known is last, and no zero.
    others = [row.inner_text().split("\t") for row in card.locator("table[data-model=cnn] tbody tr").all()]
    assert others == [["Weight decay", "0.0 %"], ["Batch size", "–"]]


def test_without_importance_the_card_says_why(tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sweep.analysis.tables.importance_table", importance())
    card = opened(write_pages(tmp_path, AXES).explorer).locator("#importance")
    expect(card).to_contain_text("There is nothing to compare")
    expect(card.locator("table")).to_have_count(0)


def test_a_sampled_space_is_a_map_of_points(tmp_path: Path, opened: Open) -> None:
    rates = {"learning_rate": {"from": 1e-4, "to": 1e-2, "scale": "log"}}
    rates["dropout_rate"] = {"from": 0.0, "to": 0.8, "scale": "linear"}
    space = {"sample": {"runs": 40, "seed": 0, "batch_size": [128, 256], **rates}, "epochs": 1}
    pages = write_pages(tmp_path, {"mlp": space})
    page = opened(pages.explorer)
    (points,) = traces(page, "heat")
    assert points["type"] == "scatter"
    order = ["learning_rate", "dropout_rate"]
    columns = {"learning_rate": points["y"], "dropout_rate": points["x"], "last_val_loss": points["marker"]["color"]}
    drawn = pd.DataFrame(columns).sort_values(order).reset_index(drop=True)
    pd.testing.assert_frame_equal(drawn, pages.runs[list(columns)].sort_values(order).reset_index(drop=True))
    assert page.evaluate("['xaxis', 'yaxis'].map(name => document.getElementById('heat').layout[name].type)") == [
        "linear",
        "log",
    ]
    best = points["marker"]["size"].index(max(points["marker"]["size"]))
    assert points["marker"]["color"][best] == pages.runs["last_val_loss"].min()
    page.evaluate("document.getElementById('heat').emit('plotly_click', {points: [{pointNumber: 3}]})")
    expect(page.locator("#record-name")).to_have_text(f"mlp/{points['customdata'][3]}")
    # One batch size has half of the points, which are still not cells.
    choose(page, "batch_size", "128")
    (half,) = traces(page, "heat")
    assert (half["type"], len(half["x"])) == ("scatter", int((pages.runs["batch_size"] == 128).sum()))
    page.get_by_role("group", name="Learning rate").get_by_label("from").fill("0.001")
    expect(page.locator("#count")).to_have_text(f"{(pages.runs['learning_rate'] >= 0.001).sum()} of 40 runs")


def test_forged_names_and_values_of_hyper_parameters_are_shown_letter_by_letter(
    tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, term = f"anova{MARKUP}", f"{MARKUP}:learning_rate"
    forged = importance(("mlp", "val_loss", method, term, 0.5, 1, None, None))
    monkeypatch.setattr("sweep.analysis.tables.importance_table", forged)
    name = f"kind{MARKUP}"
    space = {**AXES["mlp"], "axes": {name: ["a", MARKUP]}, "defaults": {name: "a"}, "exclude": []}
    page = opened(write_pages(tmp_path, {"mlp": space}).explorer)
    page.get_by_label("Search").fill(f"0.001_0.0 ={MARKUP}")
    page.locator("#leaderboard tbody button").first.click()
    assert MARKUP in page.locator("#record-name").inner_text()
    assert MARKUP in page.locator("#choices").inner_text()
    for plot in ("loss", "parallel", "heat"):
        traces(page, plot)
    page.locator("#heat-others select").select_option(MARKUP)
    traces(page, "heat")
    assert MARKUP in page.locator("#heat-note").inner_text()
    parallel = page.locator("#parallel").text_content() or ""
    assert parallel.count(MARKUP) == 2  # the axis and one of its values
    assert "&#" not in parallel
    page.evaluate("Plotly.Fx.hover('heat', [{curveNumber: 0, pointNumber: [0, 0]}])")
    page.wait_for_timeout(300)
    assert f"{MARKUP} × Learning rate" in page.locator("#importance").inner_text()
    assert method in page.locator("#importance").inner_text()
    assert page.locator("main [onerror], main img").count() == 0
    assert page.title() == "MLP – Explorer"
