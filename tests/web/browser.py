"""A real browser for the page tests: Chromium through Playwright, and axe to find what some readers cannot read.

A test package's conftest takes the fixtures it needs: `from tests.web.browser import browser, window`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

NARROW, WIDE = 390, 1440
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
CHROMIUM = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
PICTURES = os.environ.get("ROLLKEEPER_PAGE_PICTURES")  # a folder: every page that a test looks at is saved there


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread; the ORM would take our plain calls for asynchronous ones.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@dataclass(frozen=True)
class Window:
    """A browser window on the live server. Whatever the page logs as an error (a CSP violation, say) is kept."""

    page: Page
    address: str
    errors: list[str]

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def sign_in(self, cookies: Any, name: str) -> None:
        """Take over the session of a signed-in test client."""
        self.page.context.add_cookies([{"name": name, "value": cookies[name].value, "url": self.address}])

    def violations(self) -> list[str]:
        """What axe finds on the page that is open: rule, and the elements that break it."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{rule['id']}: {node['target']} {node['html'][:200]} {node.get('failureSummary', '')}"
            for rule in found
            for node in rule["nodes"]
        ]

    def examine(self, path: str, picture: str) -> None:
        """Open a page narrow and wide, light and dark; nothing may be wrong in any of the four."""
        for width in (WIDE, NARROW):
            self.page.set_viewport_size({"width": width, "height": 900})
            for theme in ("light", "dark"):
                self.page.emulate_media(color_scheme=theme)
                self.open(path)
                self.save(f"{picture}-{width}-{theme}")
                found = self.violations()
                assert not found, "\n".join([f"{path} at {width} pixels, {theme}:", *found])
                assert self.overflow() <= 0, f"{path} scrolls sideways at {width} pixels"
        assert self.errors == [], path

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def save(self, name: str) -> None:
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@pytest.fixture
def window(browser: Browser, live_server: Any) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": WIDE, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Window(page, live_server.url, errors)
    context.close()
