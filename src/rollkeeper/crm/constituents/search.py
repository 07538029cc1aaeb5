"""Searching constituents (S5): one field, and *ways* to look for what is typed, each a walk along an index.

A search reads one way after the other until the page is full, so its cost is a page's, however many constituents
there are and however many match. `docs/reference/crm-pages.md` says what a text finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from rollkeeper.crm.constituents.search_ways import Column, Exact, Match, Way
from rollkeeper.crm.constituents.search_words import Words
from rollkeeper.web.paging import Place, require_types

# A match's key: the way's number, what the way needs to go on, the text that matched, what tells equal ones apart.
KEY_LENGTH = 4
LONGEST_TEXT = 200
ID_WIDTHS = range(2, 13)  # digits that a zero-padded customer id may have
ADDRESS = '(fold_case(address) COLLATE "C")'


class By(StrEnum):
    """What a search text is part of."""

    NAME = "name"
    CUSTOMER_ID = "customer_id"
    EMAIL = "email"

    @property
    def label(self) -> str:
        return {"name": "Name or organization", "customer_id": "Customer id", "email": "E-mail"}[self.value]


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was understood. Empty text: all constituents, by customer id.

    `guessed`: nobody said what the text is; what looks like an id may then also be a name (3M, 1st Bank).
    """

    text: str
    by: By
    guessed: bool = False


def understood(text: str, by: str = "") -> Search:
    """What a text means: with an @ an address, with a digit first a customer id, else a name or organisation.

    `by` (a `By` value) overrules the guess.
    """
    text = text.replace("\x00", "").strip()[:LONGEST_TEXT]
    if not text:
        return Search("", By.CUSTOMER_ID)
    if by in set(By):
        return Search(text, By(by))
    if text[0].isdigit():
        return Search(text, By.CUSTOMER_ID, guessed=True)
    return Search(text, By.EMAIL if "@" in text else By.NAME, guessed=True)


def find(search: Search, place: Place, limit: int) -> list[Match]:
    """Up to `limit` matches beyond a place (in reverse where it is read backwards).

    Nobody is found twice, but by each of their addresses. Raises `BadRequest` where the place is one of another
    search.
    """
    ways = ways_of(search)
    at = _number(place, len(ways))
    require_types(place, (int, int, str, ways[at].tie))
    found: list[Match] = []
    for number in range(at, -1, -1) if place.backwards else range(at, len(ways)):
        start = place if place.key is not None and number == at else Place(None, place.backwards)
        found += ways[number].matches(number, start, limit - len(found))
        if len(found) == limit:
            break
    return found


def ways_of(search: Search) -> list[Way]:
    """The ways to look for a text, in the order of the page."""
    if search.by is By.NAME:
        return [Words(search.text)]
    if search.by is By.EMAIL:
        return [Column("email_address", "constituent_id", ADDRESS, "id", int, _folded(search.text))]
    master, dash, sub = search.text.rpartition("-")
    if dash and _is_number(sub):
        ids, beginning = Exact((master, *padded(master)), sub), ""
        ways: list[Way] = [ids]
    else:
        ids, beginning = Exact(padded(search.text)), search.text
        ways = [ids, Column("constituent", "id", "master_customer_id", "sub_customer_id", str, beginning)]
    if search.guessed:
        ways.append(Words(search.text, but_not_id=beginning, but_not_ids=ids.masters))
    return ways


def padded(text: str) -> tuple[str, ...]:
    """The zero-padded ids that a number typed without its zeros may mean: 17 is 00000017."""
    if not _is_number(text):
        return ()
    ids = (text.zfill(width) for width in ID_WIDTHS if width > len(text))
    return tuple(master for master in ids if not master.startswith(text))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _number(place: Place, ways: int) -> int:
    """The way that a place is in; the first (or, backwards, the last) one for a page without a place."""
    if place.key is None:
        return ways - 1 if place.backwards else 0
    require_types(Place(place.key[:1]), (int,))
    return min(max(int(place.key[0]), 0), ways - 1)


def _folded(text: str) -> str:
    """The text as the database folds case."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fold_case(%s)", [text])
        return str(cursor.fetchone()[0])
