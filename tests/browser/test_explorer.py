"""The explorer in a real browser: it sorts, filters, selects and draws, and shows what the tables say."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import statsmodels.formula.api as smf
from playwright.sync_api import Locator, Page, expect

from made_up import AUTHOR, DEVICE, MODELS, Pages, made_up, names, traces, write_pages
from sweep.analysis.comparisons import dunnett_quantile
from sweep.grid import Run

Open = Callable[..., Page]


def column(page: Page, name: str) -> list[str]:
    return page.locator(f"#leaderboard td[data-column={name}]").all_inner_texts()


def header(page: Page, title: str) -> Locator:
    return page.locator("#leaderboard").get_by_role("columnheader", name=title)


def test_everything_is_drawn_from_a_file_without_network(pages: Pages, opened: Open) -> None:
    assert pages.explorer.stat().st_size < 10_000_000
    assert "Licensed under the MIT license" in pages.explorer.read_text()
    page = opened(pages.explorer)
    assert {trace["name"] for trace in traces(page, "loss")} == {
        f"{run} {part}" for run in ("mlp/16_0.001_0.0", "cnn/16_0.001_0.0") for part in ("training", "validation")
    }
    assert len(traces(page, "accuracy")) == 4
    (parallel,) = traces(page, "parallel")
    assert len(parallel["line"]["color"]) == 118
    assert page.locator("#parallel canvas").count() > 0
    assert len(traces(page, "heat")[0]["z"]) == 3


def test_the_leaderboard_sorts_by_any_column_and_diverged_runs_come_last(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    completed = pages.runs[pages.runs["status"] == "completed"]
    by_loss = sorted(completed["last_val_loss"])
    assert column(page, "last_val_loss") == [f"{loss:.4f}" for loss in by_loss[:25]]
    expect(header(page, "Validation loss")).to_have_attribute("aria-sort", "ascending")
    for title in ("Validation loss", "Validation accuracy"):
        header(page, title).get_by_role("button").click()
        expect(header(page, title)).to_have_attribute("aria-sort", "descending")
    assert column(page, "last_val_acc") == [f"{value:.4f}" for value in sorted(completed["last_val_acc"])[::-1][:25]]
    header(page, "Batch size").get_by_role("button").click()
    expect(page.locator("[aria-sort=ascending], [aria-sort=descending]")).to_have_count(1)
    assert column(page, "batch_size") == ["16"] * 25
    header(page, "Batch size").get_by_role("button").click()
    assert column(page, "batch_size") == ["1024"] * 25
    # Natural order: 16, 32, 128.
    header(page, "Configuration").get_by_role("button").click()
    assert names(page)[0].endswith("/16_1e-05_0.0")
    for sign in range(2):
        header(page, "Validation loss").get_by_role("button").click()
        for _ in range(4):
            page.get_by_role("button", name="Next").click()
        expect(page.locator("#page")).to_have_text("101–120 of 120")
        assert set(names(page)[-2:]) == {"mlp/16_0.01_0.0", "cnn/32_1e-05_0.8"}, sign
        assert column(page, "status")[-2:] == ["diverged in epoch 2", "diverged in epoch 0"]
    assert column(page, "last_val_loss")[-2:] == ["0.5000", "–"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_configurations_that_cannot_be_told_apart_from_the_best_are_marked(
    tmp_path: Path, opened: Open, language: Literal["zh", "en"]
) -> None:
    """Of a grid without a diverged run, whose noise its interactions tell; of one with a diverged run nothing does."""
    whole = {**MODELS["mlp"], "dropout_rates": [0.2, 0.4, 0.6, 0.8]}

    def learn(run: Run) -> tuple[Any, ...]:
        losses, accuracies, diverged = made_up(run)
        place = [run.batch_size, round(1e5 * run.learning_rate), round(10 * run.dropout_rate)]
        return [loss + np.random.default_rng(place).normal(0, 0.1) for loss in losses], accuracies, diverged

    pages = write_pages(tmp_path, {**MODELS, "mlp": whole}, language=language, learn=learn)
    page = opened(pages.explorer)
    fit = smf.ols("last_val_loss ~ (C(batch_size) + C(learning_rate) + C(dropout_rate)) ** 2",
                  pages.runs[pages.runs["model"] == "mlp"]).fit()  # fmt: skip
    noise, df = fit.mse_resid**0.5, fit.df_resid
    losses = pages.runs[pages.runs["model"] == "mlp"].set_index("name")["last_val_loss"].sort_values()
    near = losses[losses <= losses.min() + dunnett_quantile(len(losses) - 1, df) * noise * 2**0.5]
    assert 3 < len(near) < 25
    known, unknown = page.locator("#sure li").all_inner_texts()
    start = {"en": f"mlp: the {len(near)} of 48", "zh": f"mlp：参加排名的 48 组配置中，带 ≈ 的 {len(near)} 组"}
    assert known.startswith(start[language])
    # Two significant digits, and no word of a measurement: one seed shows no noise of its own.
    assert f"{noise:.2g}" in known
    assert {"en": "is not measured", "zh": "不是实测的"}[language] in known
    assert {"en": "cannot be judged", "zh": "无法判定"}[language] in unknown
    page.locator("#search").fill("mlp")
    marked = page.locator("#leaderboard tbody tr", has=page.locator("abbr")).locator("button").all_inner_texts()
    assert marked == list(near.index)
    page.locator("#search").fill("cnn")
    expect(page.locator("#leaderboard abbr")).to_have_count(0)


def test_filters_narrow_the_leaderboard_and_the_parallel_coordinates(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    count = page.locator("#count")
    page.get_by_role("group", name="Model").get_by_label("cnn").check()
    expect(count).to_have_text("60 of 120 runs")
    batch_size = page.get_by_role("group", name="Batch size")
    batch_size.get_by_label("16", exact=True).check()
    batch_size.get_by_label("128", exact=True).check()
    page.get_by_role("group", name="Learning rate").get_by_label("0.00001").check()
    page.get_by_role("group", name="Dropout rate").get_by_label("0.4").check()
    expect(count).to_have_text("2 of 120 runs")
    assert names(page) == ["cnn/16_1e-05_0.4", "cnn/128_1e-05_0.4"]
    assert len(traces(page, "parallel")[0]["line"]["color"]) == 2
    page.get_by_role("button", name="Reset filters").click()
    expect(count).to_have_text("120 of 120 runs")
    assert page.locator("#choices :checked").count() == 0
    page.get_by_label("Search").fill("DIVERGED cnn")
    assert names(page) == ["cnn/32_1e-05_0.8"]
    page.get_by_label("Search").fill("no such run <b>")
    expect(page.locator("#page")).to_have_text("No run passes the filters.")
    assert names(page) == []


def test_a_part_of_an_axis_narrows_the_leaderboard(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    traces(page, "parallel")
    axis = page.locator("#parallel .axis-brush .background, #parallel .axis-brush").nth(0).bounding_box()
    assert axis is not None
    middle = axis["x"] + axis["width"] / 2
    page.mouse.move(middle, axis["y"] + axis["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(middle, axis["y"] + axis["height"] - 2, steps=5)
    page.mouse.up()
    expect(page.locator("#count")).to_have_text("59 of 120 runs")
    assert {name.split("/")[0] for name in names(page)} == {"mlp"}
    page.get_by_role("button", name="Lift the choice").click()
    expect(page.locator("#count")).to_have_text("120 of 120 runs")


def test_a_ticked_run_is_drawn_with_the_numbers_of_its_record(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    page.get_by_role("button", name="Remove all").click()
    assert traces(page, "loss") == []
    page.get_by_label("Search").fill("mlp/32_0.001")
    page.get_by_label("Draw mlp/32_0.001_0.2").check()
    expect(page.locator("#selected li")).to_have_count(1)
    drawn = {kind: {trace["name"].split()[1]: trace for trace in traces(page, kind)} for kind in ("loss", "accuracy")}
    row = pages.runs[(pages.runs["model"] == "mlp") & (pages.runs["name"] == "32_0.001_0.2")].iloc[0]
    for kind, suffix in (("loss", "loss"), ("accuracy", "acc")):
        for part, short in (("training", "train"), ("validation", "val")):
            assert drawn[kind][part]["x"] == [0, 1, 2, 3]
            assert drawn[kind][part]["y"][-1] == pytest.approx(row[f"last_{short}_{suffix}"], rel=1e-4)
    assert drawn["loss"]["training"]["line"]["color"] == drawn["accuracy"]["validation"]["line"]["color"]
    assert drawn["loss"]["training"]["line"]["dash"] != drawn["loss"]["validation"]["line"]["dash"]
    page.get_by_role("button", name="Draw these").click()
    expect(page.locator("#selected li")).to_have_count(5)
    page.get_by_role("button", name="Remove mlp/32_0.001_0.2").click()
    expect(page.get_by_label("Draw mlp/32_0.001_0.2")).not_to_be_checked()
    assert len(traces(page, "accuracy")) == 8


def test_a_chosen_run_shows_its_exact_record_and_the_command_that_repeats_it(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    page.get_by_label("Search").fill("cnn/128_1e-05_0.6")
    page.get_by_role("button", name="128_1e-05_0.6").click()
    shown = dict(zip(*(page.locator(f"#record {tag}").all_inner_texts() for tag in ("dt", "dd")), strict=True))
    row = pages.runs[(pages.runs["model"] == "cnn") & (pages.runs["name"] == "128_1e-05_0.6")].iloc[0]
    assert set(shown) == set(row.index)
    assert shown["name"] == "128_1e-05_0.6"
    for name in ("learning_rate", "last_val_loss", "best_test_acc", "training_s"):
        assert float(shown[name]) == row[name]
    for name in ("series", "data_hash", "code_hash", "content_hash", "commit", "device_name"):
        assert shown[name] == row[name]
    command = page.locator("#command").inner_text()
    assert "--model cnn --batch-size 128 --learning-rate 0.00001 --dropout-rate 0.6 --seed 0 --epochs 4 " in command
    assert "--device cpu --precision fp32 --gpus 0 --jobs-per-gpu 1 --threads 1 " in command
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("#copied")).to_have_text("Copied")
    page.get_by_label("Search").fill("diverged mlp")
    page.get_by_role("button", name="16_0.01_0.0").click()
    expect(page.locator("#record-name")).to_have_text("mlp/16_0.01_0.0 – diverged in epoch 2")
    assert len(next(trace for trace in traces(page, "loss") if "mlp/16_0.01_0.0" in trace["name"])["y"]) == 2


def test_a_heat_map_is_that_of_the_chosen_model_batch_size_and_metric(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    page.locator("#heat-model").select_option("mlp")
    page.locator("#heat-others select[name=batch_size]").select_option("16")
    page.locator("#heat-metric").select_option("last_train_acc")
    (heat,) = traces(page, "heat")
    chosen = pages.runs[(pages.runs["model"] == "mlp") & (pages.runs["batch_size"] == 16)]
    table = chosen.pivot_table(index="learning_rate", columns="dropout_rate", values="last_train_acc")
    assert heat["x"] == ["0", "0.2", "0.4", "0.6", "0.8"]
    assert heat["y"] == ["0.00001", "0.001", "0.01"]
    assert heat["z"][:2] == table.to_numpy()[:2].tolist()
    assert heat["z"][2] == [None, *table.to_numpy()[2, 1:]]
    expect(page.locator("#heat .annotation-text")).to_have_text("diverged")
    plot = page.locator("#heat .nsewdrag").bounding_box()
    assert plot is not None
    page.mouse.click(plot["x"] + plot["width"] * 0.9, plot["y"] + plot["height"] * 0.9)
    expect(page.locator("#record-name")).to_have_text("mlp/16_1e-05_0.8")
    expect(page.locator("#selected")).to_contain_text("mlp/16_1e-05_0.8")


def test_texts_from_outside_are_shown_letter_by_letter(pages: Pages, opened: Open) -> None:
    page = opened(pages.explorer)
    expect(page.locator("main > p")).to_contain_text(AUTHOR)
    page.locator("#leaderboard tbody button").first.click()
    expect(page.locator("dd[data-column=device_name]")).to_have_text(DEVICE)
    assert page.title() == "MLP, CNN – Explorer"


def test_a_preview_says_so_at_its_top(tmp_path: Path, opened: Open) -> None:
    fault = "results/<i>x</i>/metrics.json is damaged"
    partial = {"runs": 90, "missing": 29, "damaged": [fault], "left_out": ["cnn"]}
    partial["stale"] = [{"run": "mlp/16_0.01_0.0/seed0", "differs": ["epochs 1, not 2"]}]
    page = opened(write_pages(tmp_path, {"mlp": MODELS["mlp"]}, partial).explorer)
    note = page.locator("#partial")
    expect(note).to_contain_text(
        "A preview: not the sweep's result. Of 90 runs, 29 are missing and 1 left out as damaged."
    )
    note.locator("summary").click()
    expect(note.locator("li")).to_have_text(
        ["mlp/16_0.01_0.0/seed0 was made with epochs 1, not 2", fault, "CNN: none of its runs is finished"]
    )


def test_thousands_of_runs_are_filtered_and_some_of_them_are_drawn(tmp_path: Path, opened: Open) -> None:
    space = {
        "batch_sizes": [2**k for k in range(1, 14)],
        "learning_rates": [k / 1000 for k in range(1, 11)],
        "dropout_rates": [k / 20 for k in range(10)],
        "epochs": 20,
    }
    pages = write_pages(tmp_path, {"mlp": space, "cnn": space})
    page = opened(pages.explorer)
    expect(page.locator("#count")).to_have_text("2600 of 2600 runs")
    assert len(names(page)) == 25
    page.get_by_label("Search").fill("cnn/64_0.005")
    expect(page.locator("#count")).to_have_text("10 of 2600 runs")
    assert all(re.fullmatch(r"cnn/64_0\.005_0\.\d+", name) for name in names(page))
    page.get_by_role("button", name="Reset filters").click()
    drawn = traces(page, "parallel")[0]["line"]["color"]
    assert len(drawn) == 1300  # every second one of those that did not diverge
    assert drawn[0] == min(drawn) == pages.runs.loc[pages.runs["status"] == "completed", "last_val_loss"].min()
    expect(page.locator("#parallel-note")).to_contain_text("1300 of 2599 runs are drawn")
