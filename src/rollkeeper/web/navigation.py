"""The menu of a site, as the pages' frame shows it. Each site's `navigation.py` says what is in its own.

A site's module defines `SITE = SiteMenu(...)`; the setting `SITE_MENU` names it. The shared templates know no site:
they show what this module gives them, and the style sheet takes the accent colour from `SiteMenu.key`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.module_loading import import_string

from rollkeeper.configuration import Site


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu, in the document's words.

    Without `url_name` it is a heading over its children. With `permission` only those who have it see it.
    """

    label: str
    url_name: str = ""
    icon: str = ""
    children: tuple[Entry, ...] = ()
    permission: str = ""


@dataclass(frozen=True, slots=True)
class SiteMenu:
    """What makes one site's frame its own: its name, what it is for in a few words, its menu."""

    key: Site
    name: str
    purpose: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry as one request sees it. `is_here`: the page is its own. `is_open`: it or a child of it is here."""

    label: str
    url: str
    icon: str
    children: tuple[ShownEntry, ...]
    is_here: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The menu and the trail (from the menu's top to the page's own entry) of one request."""

    site: SiteMenu
    entries: tuple[ShownEntry, ...] = ()
    trail: tuple[ShownEntry, ...] = field(default=())


def site_menu() -> SiteMenu:
    """The menu of the site that this process serves."""
    menu = import_string(settings.SITE_MENU)
    assert isinstance(menu, SiteMenu)  # noqa: S101  # a programmer's error, found by the first page
    return menu


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `frame`. Before sign-in the menu is empty."""
    site = site_menu()
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"frame": Frame(site)}
    visible = _visible(site.entries, user)
    here = _entry_of(request.path, visible)
    entries = tuple(_shown(entry, here) for entry in visible)
    return {"frame": Frame(site, entries, _trail(entries))}


def _visible(entries: tuple[Entry, ...], user: Any) -> tuple[Entry, ...]:
    allowed = [entry for entry in entries if not entry.permission or user.has_perm(entry.permission)]
    return tuple(
        Entry(entry.label, entry.url_name, entry.icon, _visible(entry.children, user)) for entry in allowed
    )


def _entry_of(path: str, entries: tuple[Entry, ...]) -> Entry | None:
    """The entry whose address is the longest beginning of this path; the site's root only for itself."""
    addressed = [entry for entry in _flat(entries) if entry.url_name]
    holding = [entry for entry in addressed if _holds(reverse(entry.url_name), path)]
    return max(holding, key=lambda entry: len(reverse(entry.url_name)), default=None)


def _holds(address: str, path: str) -> bool:
    return path == address or (address != "/" and path.startswith(address))


def _flat(entries: tuple[Entry, ...]) -> list[Entry]:
    return [found for entry in entries for found in (entry, *_flat(entry.children))]


def _shown(entry: Entry, here: Entry | None) -> ShownEntry:
    children = tuple(_shown(child, here) for child in entry.children)
    is_here = entry is here
    return ShownEntry(
        label=entry.label,
        url=reverse(entry.url_name) if entry.url_name else "",
        icon=entry.icon,
        children=children,
        is_here=is_here,
        is_open=is_here or any(child.is_open for child in children),
    )


def _trail(entries: tuple[ShownEntry, ...]) -> tuple[ShownEntry, ...]:
    for entry in entries:
        if entry.is_open:
            return (entry, *_trail(entry.children))
    return ()
