"""Searching constituents (S5): one field, three meanings, each a walk along an index in the order of the page.

A search reads one *way* after the other (a name's ways: last name, first name, label) until the page is full, so
its cost is a page's, however many constituents there are and however many match.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from rollkeeper.postgres.collation import following
from rollkeeper.web.paging import Key, Place, require_types

# A match's key: the way's number, the text that matched, what tells equal texts apart.
KEY_LENGTH = 3
LONGEST_TEXT = 200


class By(StrEnum):
    """What a search text is the beginning of."""

    NAME = "name"
    CUSTOMER_ID = "customer_id"
    EMAIL = "email"

    @property
    def label(self) -> str:
        return {"name": "Name", "customer_id": "Customer id", "email": "E-mail"}[self.value]


@dataclass(frozen=True, slots=True)
class Search:
    """A search as it was understood. Empty text: all constituents, by customer id."""

    text: str
    by: By


@dataclass(frozen=True, slots=True)
class Match:
    """A constituent that was found; `key` is its place in the order of this search."""

    constituent_id: int
    key: Key


@dataclass(frozen=True, slots=True)
class Way:
    """An index to walk along: `text` (what must begin with the prefix) and `tie`, in this order.

    Rows of which one of `but_not` begins with the prefix were found by an earlier way.
    """

    table: str
    constituent: str
    text: str
    tie: str
    but_not: tuple[str, ...] = ()


LAST, FIRST, LABEL, ADDRESS = (
    f'(fold_case({column}) COLLATE "C")' for column in ("last_name", "first_name", "label_name", "address")
)
WAYS = {
    By.NAME: (
        Way("constituent", "id", LAST, "id"),
        Way("constituent", "id", FIRST, "id", (LAST,)),
        Way("constituent", "id", LABEL, "id", (LAST, FIRST)),
    ),
    By.CUSTOMER_ID: (Way("constituent", "id", "master_customer_id", "sub_customer_id"),),
    By.EMAIL: (Way("email_address", "constituent_id", ADDRESS, "id"),),
}


def understood(text: str, by: str = "") -> Search:
    """What a text means: with an @ an address, with a digit first a customer id, else a name.

    `by` (a `By` value) overrules the guess.
    """
    text = text.replace("\x00", "").strip()[:LONGEST_TEXT]
    if not text:
        return Search("", By.CUSTOMER_ID)
    if by in set(By):
        return Search(text, By(by))
    if text[0].isdigit():
        return Search(text, By.CUSTOMER_ID)
    return Search(text, By.EMAIL if "@" in text else By.NAME)


def find(search: Search, place: Place, limit: int) -> list[Match]:
    """Up to `limit` matches beyond a place (in reverse where it is read backwards), none of them twice.

    Names and addresses match without regard to upper and lower case; a customer id may end in `-sub`.
    Raises `BadRequest` where the place is one of another search.
    """
    require_types(place, (int, str, str if search.by is By.CUSTOMER_ID else int))
    ways = WAYS[search.by]
    prefix = search.text if search.by is By.CUSTOMER_ID else _folded(search.text)
    if search.by is By.CUSTOMER_ID and (exact := _exact(search.text)):
        return exact if place.key is None else []
    found: list[Match] = []
    for number, way in reversed(list(enumerate(ways))) if place.backwards else enumerate(ways):
        found += _walk(number, way, prefix, place, limit - len(found))
        if len(found) == limit:
            break
    return found


def _walk(number: int, way: Way, prefix: str, place: Place, limit: int) -> list[Match]:
    """Matches of one way, from the place on."""
    beyond = _beyond(number, way, place)
    if beyond is None:
        return []
    begins, bounds = _begins(way.text, prefix)
    conditions, parameters = [begins], list(bounds)
    for other in way.but_not:
        earlier, bounds = _begins(other, prefix)
        conditions.append(f"NOT ({earlier})")
        parameters += bounds
    conditions += beyond
    if beyond and place.key is not None:
        parameters += place.key[1:]
    order = "DESC" if place.backwards else "ASC"
    statement = (  # every name in it is one of WAYS
        f"SELECT {way.constituent}, {way.text}, {way.tie} FROM {way.table} WHERE {' AND '.join(conditions)} "  # noqa: S608
        f"ORDER BY {way.text} {order}, {way.tie} {order} LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, limit])
        return [Match(int(row[0]), (number, row[1], row[2])) for row in cursor.fetchall()]


def _beyond(number: int, way: Way, place: Place) -> list[str] | None:
    """The condition that a place sets for this way; None: the way lies wholly before it."""
    if place.key is None or place.key[0] == number:
        return [] if place.key is None else [f"({way.text}, {way.tie}) {'<' if place.backwards else '>'} (%s, %s)"]
    is_ahead = number < int(place.key[0]) if place.backwards else number > int(place.key[0])
    return [] if is_ahead else None


def _begins(text: str, prefix: str) -> tuple[str, list[str | int]]:
    end = following(prefix)
    return (f"{text} >= %s AND {text} < %s", [prefix, end]) if end else (f"{text} >= %s", [prefix])


def _folded(text: str) -> str:
    """The text as the database folds case."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fold_case(%s)", [text])
        return str(cursor.fetchone()[0])


def _exact(text: str) -> list[Match]:
    """The constituent whose whole customer id (`master-sub`) was typed."""
    master, dash, sub = text.rpartition("-")
    if not dash:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM constituent WHERE master_customer_id = %s AND sub_customer_id = %s", [master, sub]
        )
        row = cursor.fetchone()
    return [Match(int(row[0]), (0, master, sub))] if row else []
