"""Ways to look for a constituent by one column: its beginning, or an exact customer id (`search.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import connection

from rollkeeper.postgres.collation import following
from rollkeeper.web.paging import Key, Place

Parameter = str | int | list[str]  # of a statement


@dataclass(frozen=True, slots=True)
class Match:
    """A constituent that was found; `key` is its place in the order of this search, its third part what matched."""

    constituent_id: int
    key: Key


class Way(Protocol):
    """One way to look. `tie` is the type of the last part of its keys."""

    @property
    def tie(self) -> type: ...

    def matches(self, number: int, place: Place, limit: int) -> list[Match]:
        """Up to `limit` matches beyond a place of this way (the `number`-th), without one from its start."""


@dataclass(frozen=True, slots=True)
class Column:
    """Walks along an index over `text` (what must begin with the prefix) and `tie_column`, in this order."""

    table: str
    constituent: str
    text: str
    tie_column: str
    tie: type
    prefix: str

    def matches(self, number: int, place: Place, limit: int) -> list[Match]:
        begins, parameters = begins_with(self.text, self.prefix)
        conditions = [begins]
        if place.key is not None:
            conditions.append(f"({self.text}, {self.tie_column}) {'<' if place.backwards else '>'} (%s, %s)")
            parameters += place.key[2:]
        order = "DESC" if place.backwards else "ASC"
        statement = (  # every name in it is one of `search.ways_of`
            f"SELECT {self.constituent}, {self.text}, {self.tie_column} FROM {self.table} "  # noqa: S608
            f"WHERE {' AND '.join(conditions)} ORDER BY {self.text} {order}, {self.tie_column} {order} LIMIT %s"
        )
        return read_matches((number, 0), statement, [*parameters, limit])


@dataclass(frozen=True, slots=True)
class Exact:
    """Constituents with one of these master ids; with `sub`, of that sub id alone."""

    masters: tuple[str, ...]
    sub: str = ""
    tie: type = str

    def matches(self, number: int, place: Place, limit: int) -> list[Match]:
        if not self.masters:
            return []
        conditions = ["master_customer_id = ANY(%s)"]
        parameters: list[Parameter] = [list(self.masters)]
        if self.sub:
            conditions.append("sub_customer_id = %s")
            parameters.append(self.sub)
        if place.key is not None:
            conditions.append(f"(master_customer_id, sub_customer_id) {'<' if place.backwards else '>'} (%s, %s)")
            parameters += place.key[2:]
        order = "DESC" if place.backwards else "ASC"
        statement = (
            "SELECT id, master_customer_id, sub_customer_id FROM constituent "  # noqa: S608
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY master_customer_id {order}, sub_customer_id {order} LIMIT %s"
        )
        return read_matches((number, 0), statement, [*parameters, limit])


def begins_with(text: str, prefix: str) -> tuple[str, list[Parameter]]:
    """The condition that a column's text begins with the prefix, as a range of its index, and its parameters."""
    end = following(prefix)
    return (f"{text} >= %s AND {text} < %s", [prefix, end]) if end else (f"{text} >= %s", [prefix])


def read_matches(front: tuple[int, int], statement: str, parameters: Sequence[Parameter]) -> list[Match]:
    """What a statement of (constituent, text, tie) finds; `front` are the first two parts of the keys."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Match(int(row[0]), (*front, row[1], row[2])) for row in cursor.fetchall()]
