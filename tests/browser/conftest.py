"""Debian's Chromium, and the pages that it opens."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from made_up import AXES, MODELS, Pages, write_pages


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    if executable is None:
        assert "SWEEP_BROWSER" not in os.environ, "there is no chromium, and SWEEP_BROWSER says that it is needed"
        pytest.skip("they open pages in Chromium, which is not here: apt-get install chromium")
    with sync_playwright() as playwright:
        # Parallel coordinates are drawn by WebGL, here without a GPU.
        options = ["--no-sandbox", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file in a window of its own; nothing may be fetched or go wrong in it, to the test's end."""
    contexts, faults = [], []

    def look(file: Path, width: int = 1400, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda request: request.url.startswith(("file:", "data:", "blob:")) or faults.append(request.url)
        )
        page.goto(file.as_uri())
        return page

    yield look
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Those of 120 runs, two of them diverged."""
    return write_pages(tmp_path_factory.mktemp("pages"), MODELS)


@pytest.fixture(scope="session")
def axes_pages(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """Those of 126 runs with further hyper-parameters."""
    return write_pages(tmp_path_factory.mktemp("axes"), AXES)
