"""Two people at one record: what the page showed, what was sent, and what is there now, brought together. Pure.

A page sends back what it showed. From that follows what its author changed, and what someone else changed
meanwhile; the page that then asks again has both, so that nobody types anything twice and nothing is written over
unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

Shown = str | bool
Values = Mapping[str, Shown]


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A value that someone else changed: as the page showed it, as it is now, and what this author wants instead.

    None: there was, or is, no such value. `wanted` None: the author left it as it was.
    """

    name: str
    seen: Shown | None
    now: Shown | None
    wanted: Shown | None


def written(values: Values) -> str:
    """What a page shows, as it sends it back."""
    return json.dumps(dict(values), ensure_ascii=False, sort_keys=True)


def read(text: str) -> dict[str, Shown]:
    """The reverse; nothing where a page sent none or nonsense."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, str | bool)}


def meanwhile(seen: Values, sent: Values, now: Values) -> list[Meanwhile]:
    """What changed since the page was shown, in the order of the record as it is now."""
    names = [*now, *(name for name in seen if name not in now)]
    return [
        Meanwhile(name, seen.get(name), now.get(name), sent[name] if _changed(name, seen, sent) else None)
        for name in names
        if seen.get(name) != now.get(name)
    ]


def brought_together(seen: Values, sent: Values, now: Values) -> dict[str, Shown]:
    """The record as it is now, with what this author changed in it."""
    return {name: sent[name] if _changed(name, seen, sent) else value for name, value in now.items()}


def _changed(name: str, seen: Values, sent: Values) -> bool:
    return name in sent and name in seen and sent[name] != seen[name]
