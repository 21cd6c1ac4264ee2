"""The explorer of a halved search in a real browser: who was stopped when, and what is compared with what."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from made_up import names, traces, write_pages
from sweep.grid import Run

Open = Callable[..., Page]

HALVED: dict[str, Any] = {
    "mlp": {
        "batch_sizes": [16],
        "learning_rates": [0.001, 0.01],
        "dropout_rates": [0, 0.2, 0.4],
        "epochs": 4,
        "halving": {"epochs": [1, 2], "keep": 0.5},
    },
    "cnn": {"batch_sizes": [16], "learning_rates": [0.001], "dropout_rates": [0], "epochs": 3},
}
# The loss falls with each epoch and rises with the dropout rate, but those that went on are not the best of each. The
# last diverged in epoch 2.
ENDS = {"16_0.001_0.4": 4, "16_0.01_0.2": 4, "16_0.01_0.4": 2, "16_0.01_0.0": 4}


def ended(run: Run) -> int:
    return ENDS.get(run.name, 1) if run.model == "mlp" else run.epochs


@pytest.mark.parametrize("language", ["en", "zh"])
def test_stopped_runs_come_last_and_are_compared_after_the_first_rung(
    tmp_path: Path, opened: Open, language: Literal["zh", "en"]
) -> None:
    pages = write_pages(tmp_path, HALVED, language=language, ended=ended)
    page = opened(pages.explorer)
    expect(page.locator("#halved")).to_contain_text("mlp")
    own = [name for name in names(page) if name.startswith("mlp/")]
    order = ["16_0.01_0.2", "16_0.001_0.4", "16_0.01_0.4", "16_0.001_0.0", "16_0.001_0.2", "16_0.01_0.0"]
    assert own == [f"mlp/{name}" for name in order]
    heading = page.locator("#leaderboard th[data-column=epochs]")
    expect(heading).to_have_text({"en": "Epochs", "zh": "轮数"}[language])
    lengths = page.locator("#leaderboard tr", has_text="mlp").locator("td[data-column=epochs]")
    assert lengths.all_inner_texts() == ["4", "4", "2", "1", "1", "4"]
    # The other way round, those that were stopped are still the last.
    page.locator("#leaderboard th[data-column=last_val_loss] button").click()
    assert [name for name in names(page) if name.startswith("mlp/")][:3] == [
        f"mlp/{name}" for name in ("16_0.001_0.4", "16_0.01_0.2", "16_0.01_0.4")
    ]
    # At the start that of the survivors is drawn which is the best; a curve ends with its run.
    curves = {trace["name"].split()[0]: trace["y"] for trace in traces(page, "loss")}
    assert {name: len(values) for name, values in curves.items()} == {"mlp/16_0.01_0.2": 4, "cnn/16_0.001_0.0": 3}
    # In the map are the losses of all after one epoch.
    (cells,) = traces(page, "heat")
    assert cells["x"] == ["0", "0.2", "0.4"]
    worst = [
        [1 + 2 * drop + 0.1 * abs(rate - 0.001) + 16 / 4096 + 1 / 3 + 1 / 3 for drop in (0, 0.2, 0.4)]
        for rate in (0.001, 0.01)
    ]
    worst[1][0] = 0.5
    assert [value for row in cells["z"] for value in row] == pytest.approx([v for row in worst for v in row], rel=1e-4)
    rung = {"en": "Epochs: 1, the first rung", "zh": "训练 1 轮之后（第一级"}[language]
    expect(page.locator("#heat-note")).to_contain_text(rung)
    page.locator("#heat-model").select_option("cnn")
    expect(page.locator("#heat-note")).not_to_contain_text(rung)
    expect(page.locator("#importance")).to_contain_text(rung)
    page.locator("#choices").get_by_role("group", name={"en": "Epochs", "zh": "轮数"}[language]).get_by_label(
        "4"
    ).check()
    expect(page.locator("#leaderboard tbody tr")).to_have_count(3)


def test_a_preview_says_that_the_halving_goes_on(tmp_path: Path, opened: Open) -> None:
    partial: dict[str, Any] = {"runs": 7, "missing": 0, "damaged": [], "stale": [], "left_out": []}
    ends = {"16_0.001_0.4": 2, "16_0.01_0.2": 2}
    pages = write_pages(
        tmp_path, HALVED, partial, ended=lambda run: ends.get(run.name, 1) if run.model == "mlp" else run.epochs
    )
    page = opened(pages.explorer)
    expect(page.locator("#partial")).to_contain_text(
        "The search of MLP is halved, and that is not finished; so far it has 6 configurations with 1 or more"
        " epochs, 2 configurations with 2 or more epochs, 0 configurations with 4 or more epochs."
    )
