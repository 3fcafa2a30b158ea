"""A real browser, on a running site with its worker and simulator."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from tests.needs import chromium
from tests.world import World

ARTEFACTS = Path(__file__).parents[1] / "artefacts"
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chrome():
    path = chromium()
    if path is None:
        pytest.fail("Chromium is missing: run `make test`, or name it in UMSTRIPE_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def context(chrome):
    one = chrome.new_context(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )
    one.set_default_timeout(15_000)
    yield one
    one.close()


@pytest.fixture
def page(context):
    """A page on which an error in a script or a breach of the content policy fails the test."""
    wrong: list[str] = []
    one = context.new_page()
    one.on("pageerror", lambda error: wrong.append(str(error)))
    one.on("console", lambda line: wrong.append(line.text) if _is_wrong(line) else None)
    yield one
    assert not wrong, wrong


def _is_wrong(line) -> bool:
    return line.type == "error" and "Failed to load resource" not in line.text


@pytest.fixture
def world(database_url, tmp_path):
    one = World(database_url, tmp_path)
    yield one
    one.stop()


@pytest.fixture
def look(page):
    return Look(page)


class Look:
    """What is asked of every page, in three widths of a sentence."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def picture(self, name: str) -> None:
        """Keep a screenshot of the whole page among the test's artefacts."""
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    def check(self, name: str = "") -> None:
        """No violation that axe knows; nothing sticks out at 360 pixels. With a name: pictures of both widths."""
        self.accessible()
        if name:
            self.picture(name)
        self.page.set_viewport_size({"width": 360, "height": 740})
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, f"{self.page.url} is {width} pixels wide on a phone"
        self.accessible()
        if name:
            self.picture(f"{name}-360")
        self.page.set_viewport_size({"width": 1280, "height": 900})

    def accessible(self) -> None:
        self.page.wait_for_load_state()  # a click's new page may still be without its style sheets
        found = Axe().run(self.page).response["violations"]
        told = [f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}" for one in found]
        assert not told, f"{self.page.url}: {told}"
