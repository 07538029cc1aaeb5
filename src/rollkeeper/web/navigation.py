"""The menus of a site, as the pages' frame shows them. Each site's `navigation.py` lists its own entries."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context for the frame."""
    return {}
