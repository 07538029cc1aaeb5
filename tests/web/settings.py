"""A site of its own for the frame's tests: the marketing site's settings with pages that show every component."""

from __future__ import annotations

from rollkeeper.web.settings import WEB, site_settings

globals().update(site_settings("marketing", ["rollkeeper.marketing.bridges"]))

ROOT_URLCONF = "tests.web.urls"
SITE_MENU = "tests.web.navigation.SITE"
TEMPLATES = globals()["TEMPLATES"]
TEMPLATES[0]["DIRS"] = [WEB.parent.parent.parent / "tests/web/templates"]
