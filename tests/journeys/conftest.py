from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys.desk import Desk
from tests.journeys.up import Up, brought_up
from tests.web.browser import browser

__all__ = ["browser"]


@pytest.fixture(scope="session")
def up() -> Iterator[Up]:
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-journey-"))
    home.chmod(0o755)  # the server's own user must be able to walk in
    try:
        up = brought_up(home)
        yield up
        up.end()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def desk(browser: Browser, up: Up) -> Iterator[Desk]:
    """Somebody's browser, not signed in anywhere. Nothing may be wrong on any page that it opened."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    desk = Desk(context.new_page(), up)
    yield desk
    assert desk.errors == []
    context.close()
