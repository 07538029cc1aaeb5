"""What a data service address names: the part of the URL's path after `/odata/`, taken apart.

MarketingLists                              an entity set
MarketingLists('TX')                        one entity, by key (a quote in a key is written twice)
MarketingLists('TX')/Members                the members of a list
…/$count                                    how many
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rollkeeper.crm.data_service.errors import Refusal, not_found

_STRING = r"'(?:[^']|'')*'"
_SEGMENT = re.compile(rf"(?P<name>[A-Za-z_]\w*)(?:\((?P<key>(?:[^'()]|{_STRING})*)\))?(?:/|$)", re.ASCII)
_KEY_PART = re.compile(rf"\s*(?:(?P<name>[A-Za-z_]\w*)\s*=\s*)?(?P<value>{_STRING})\s*(?:,|$)", re.ASCII)

Key = tuple[tuple[str | None, str], ...]  # (property name or None, value), as written


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a name, and the key predicate where there is one."""

    name: str
    key: Key | None


@dataclass(frozen=True, slots=True)
class Address:
    """The segments of a path, and whether only the count is wanted."""

    segments: tuple[Segment, ...]
    count_only: bool = False


def parse_address(path: str) -> Address:
    """Take a path apart. Raises a 404 `Refusal` where it is none of this service."""
    count_only = path.endswith("/$count")
    rest = path.removesuffix("/$count")
    segments: list[Segment] = []
    position = 0
    while position < len(rest):
        match = _SEGMENT.match(rest, position)
        if match is None:
            raise not_found(f"There is nothing at {path[:200]!r}.")
        key = match["key"]
        segments.append(Segment(match["name"], None if key is None else _parse_key(key)))
        position = match.end()
    return Address(tuple(segments), count_only)


def key_values(key: Key, names: tuple[str, ...]) -> dict[str, str]:
    """The key predicate's values by property name. Raises a 400 `Refusal` where they are not these names."""
    if len(names) == 1 and len(key) == 1 and key[0][0] is None:
        return {names[0]: key[0][1]}
    given = {name: value for name, value in key if name is not None}
    if len(given) != len(key) or set(given) != set(names):
        wanted = ",".join(f"{name}='…'" for name in names)
        raise Refusal(400, "BadKey", f"The key is written ({wanted}).")
    return given


def _parse_key(text: str) -> Key:
    parts: list[tuple[str | None, str]] = []
    position = 0
    while position < len(text):
        match = _KEY_PART.match(text, position)
        if match is None:
            raise Refusal(400, "BadKey", f"The key ({text[:200]}) cannot be read: values stand in single quotes.")
        parts.append((match["name"], match["value"][1:-1].replace("''", "'")))
        position = match.end()
    if not parts:
        raise Refusal(400, "BadKey", "The key is empty.")
    return tuple(parts)
