"""The front-end files are those that the manifest names, and nothing else (decision 005)."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from rollkeeper.web.settings import WEB

VENDOR = WEB / "static/web/vendor"
MANIFEST = json.loads((VENDOR / "MANIFEST.json").read_text())
SOURCE = WEB.parent


def test_each_file_is_as_it_was_vendored() -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}
    del found["MANIFEST.json"]
    assert found == MANIFEST["files"]


def test_htmx_stays_at_its_second_version() -> None:
    assert MANIFEST["packages"]["htmx.org"].startswith("2.0.")


def test_every_package_comes_with_its_licence() -> None:
    for licence in ("tabler", "tabler-icons", "htmx", "bootstrap"):
        assert "Permission" in (VENDOR / f"LICENSE.{licence}.txt").read_text()


def test_no_file_names_a_source_map_or_another_host() -> None:
    for name in ("tabler.min.css", "htmx.min.js"):
        text = (VENDOR / name).read_text()
        assert "sourceMappingURL" not in text
        assert not re.search(r"@import|url\(\"?(https?:)?//", text)


def test_the_sprite_has_the_icons_that_pages_show_and_no_others() -> None:
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (VENDOR / "icons.svg").read_text()))
    shown: set[str] = set()
    for path in SOURCE.rglob("*.html"):
        text = path.read_text()
        shown.update(re.findall(r'{% icon "([^"]+)"', text))
        shown.update(re.findall(r'icon="([^"]+)"', text))
    for path in SOURCE.rglob("navigation.py"):
        shown.update(re.findall(r'Entry\("[^"]+", "[^"]*", "([^"]+)"', path.read_text()))
        shown.update(re.findall(r'icon="([^"]+)"', path.read_text()))
    assert shown <= sprite, "Add it to ICONS in scripts/vendor_front_end.py and run that."
    assert sprite <= shown, "Take it out of ICONS in scripts/vendor_front_end.py and run that."


def test_templates_have_no_inline_script_or_style() -> None:
    for path in [*SOURCE.rglob("*.html"), *Path(__file__).parent.rglob("*.html")]:
        text = path.read_text()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:|hx-on", text), path
