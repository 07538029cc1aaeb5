"""The funnel of Count Details (S32): from the list to who will receive, each step with its people.

    in the list → has an address → valid → not a duplicate → allowed → will receive

The first three count people, the rest count addresses: one message goes to an address (B14). Of those who
share an address in a group, the one who can be mailed stands for it; among equals, the lowest customer id.
So a shared address is mailed when at least one of its people may be mailed, and it is that person's mail.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the funnel. `count` is the column of `target_group` that keeps it."""

    key: str
    label: str
    lost: str
    count: str


STEPS = (
    Step("in_list", "In the list", "", "count_members"),
    Step("has_address", "Has an address", "No address", "count_with_address"),
    Step("valid", "Valid", "Invalid address", "count_valid"),
    Step(
        "distinct", "Not a duplicate", "Shares an address with another member who stands for it", "count_distinct"
    ),
    Step("allowed", "Allowed", "E-mail not allowed by the CRM", "count_allowed"),
    Step("receiving", "Will receive", "Own unsubscribe, bounce, complaint or suppression", "count_receiving"),
)


@dataclass(frozen=True, slots=True)
class Tally:
    """The funnel's counts over some people of a group; differences of tallies move the kept counts."""

    count_members: int = 0
    count_with_address: int = 0
    count_valid: int = 0
    count_distinct: int = 0
    count_allowed: int = 0
    count_receiving: int = 0


COUNTS = tuple(field.name for field in fields(Tally))

# `{people}` joins p (group_id) and subscriber s; whoever shares an address must be in it together.
_TALLY = """
SELECT group_id,
       coalesce(sum(people), 0) AS count_members,
       coalesce(sum(people) FILTER (WHERE address_key <> ''), 0) AS count_with_address,
       coalesce(sum(people) FILTER (WHERE valid), 0) AS count_valid,
       count(*) FILTER (WHERE valid) AS count_distinct,
       count(*) FILTER (WHERE valid AND allowed) AS count_allowed,
       count(*) FILTER (WHERE valid AND receiving) AS count_receiving
FROM (
    SELECT p.group_id, s.address_key, count(*) AS people, bool_or(s.address_valid) AS valid,
           bool_or(s.allow_email) AS allowed, bool_or(s.status = 'Subscribed') AS receiving
    FROM {people}
    GROUP BY p.group_id, s.address_key
) AS addresses
GROUP BY group_id
"""

_WHOLE_GROUP = "group_member p JOIN subscriber s ON s.id = p.subscriber_id WHERE p.group_id = %(group)s"

# All members, in whatever group, of the people in `counted`.
_SLICE = (
    "counted JOIN group_member p ON p.subscriber_id = counted.subscriber_id "
    "JOIN subscriber s ON s.id = p.subscriber_id WHERE p.since_run <> %(not_since)s"
)


def before(connection: psycopg.Connection[Any], bridge_id: int, run_id: int) -> dict[int, Tally]:
    """Tally, by group, everyone whom the coming writes touch and all who share an address with them.

    Reads the apply's temporary tables; makes `counted`, which `settle` reads again after the writes. New
    subscribers are in the tables already: memberships since this run do not count as before.
    """
    connection.execute(
        "CREATE TEMP TABLE counted_address ON COMMIT DROP AS "
        "SELECT address_key FROM noted WHERE address_key IS NOT NULL "
        'UNION SELECT lower(email COLLATE "C") FROM change WHERE email IS NOT NULL '
        "UNION SELECT s.address_key FROM arrived a JOIN subscriber s ON s.id = a.subscriber_id "
        "WHERE s.address_key IS NOT NULL"
    )
    connection.execute("ANALYZE counted_address")
    connection.execute(
        "CREATE TEMP TABLE counted ON COMMIT DROP AS "
        "SELECT subscriber_id FROM noted UNION SELECT subscriber_id FROM arrived "
        "UNION SELECT s.id FROM counted_address a JOIN subscriber s "
        "ON s.bridge_id = %s AND s.address_key = a.address_key",
        [bridge_id],
    )
    connection.execute("ANALYZE counted")
    return _tally(connection, _SLICE, {"not_since": run_id})


def settle(
    connection: psycopg.Connection[Any],
    earlier: dict[int, Tally],
    *,
    recount: int | None,
    counted: Tally | None = None,
) -> None:
    """After the writes: move the kept counts of all groups by what changed; `recount` is counted anew, or is
    `counted` already."""
    later = _tally(connection, _SLICE, {"not_since": -1})
    for group in sorted({*earlier, *later} - {recount}):
        old, new = earlier.get(group, Tally()), later.get(group, Tally())
        if old != new:
            moves = sql.SQL(", ").join(
                sql.SQL("{0} = {0} + {1}").format(
                    sql.Identifier(name), sql.Literal(getattr(new, name) - getattr(old, name))
                )
                for name in COUNTS
            )
            connection.execute(
                sql.SQL("UPDATE target_group SET {} WHERE id = {}").format(moves, sql.Literal(group))
            )
    if recount is not None and counted is not None:
        _store(connection, recount, counted)
    elif recount is not None:
        store_recount(connection, recount)


def store_recount(connection: psycopg.Connection[Any], group_id: int) -> None:
    """Count a whole group from its rows and keep the result."""
    _store(connection, group_id, counted_from_rows(connection, group_id))


def _store(connection: psycopg.Connection[Any], group_id: int, tally: Tally) -> None:
    values = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(getattr(tally, name))) for name in COUNTS
    )
    connection.execute(sql.SQL("UPDATE target_group SET {} WHERE id = {}").format(values, sql.Literal(group_id)))


def counted_from_rows(connection: psycopg.Connection[Any], group_id: int) -> Tally:
    """The funnel of a group from its rows alone, whatever the kept counts say."""
    return _tally(connection, _WHOLE_GROUP, {"group": group_id}).get(group_id, Tally())


def _tally(connection: psycopg.Connection[Any], people: str, values: dict[str, int]) -> dict[int, Tally]:
    rows = connection.execute(_TALLY.format(people=people), values).fetchall()
    return {group: Tally(*(int(count) for count in counts)) for group, *counts in rows}


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a group as Count Details lists it."""

    subscriber_id: int
    master_customer_id: str
    sub_customer_id: str
    first_name: str | None
    last_name: str | None
    email: str | None
    status: str


_STANDS_FOR_ADDRESS = """
NOT EXISTS (
    SELECT FROM subscriber o JOIN group_member om ON om.subscriber_id = o.id AND om.group_id = m.group_id
    WHERE o.bridge_id = s.bridge_id AND o.address_key = s.address_key AND o.id <> s.id
      AND (o.status <> 'Subscribed', NOT o.allow_email, o.master_customer_id, o.sub_customer_id)
        < (s.status <> 'Subscribed', NOT s.allow_email, s.master_customer_id, s.sub_customer_id)
)
"""

_PASSES = {
    "in_list": "true",
    "has_address": "coalesce(s.address_key, '') <> ''",
    "valid": "s.address_valid",
    "distinct": _STANDS_FOR_ADDRESS,
    "allowed": "s.allow_email",
    "receiving": "s.status = 'Subscribed'",
}


def people(
    connection: psycopg.Connection[Any],
    group_id: int,
    step: str,
    *,
    kept: bool,
    after: tuple[str, str] | None = None,
    before: tuple[str, str] | None = None,
    limit: int = 50,
) -> list[Person]:
    """Members that pass a step, or that are lost at it, by customer id: ascending after a given one, or
    descending before one (to page backwards)."""
    order = [each.key for each in STEPS]
    earlier = [_PASSES[key] for key in order[: order.index(step)]]
    conditions = [*earlier, _PASSES[step] if kept else f"NOT ({_PASSES[step]})"]
    direction = "DESC" if before else "ASC"
    query = (
        "SELECT s.id AS subscriber_id, m.master_customer_id, m.sub_customer_id, s.first_name, s.last_name, "  # noqa: S608
        "s.email, s.status FROM group_member m JOIN subscriber s ON s.id = m.subscriber_id "
        f"WHERE m.group_id = %(group)s AND {' AND '.join(conditions)} "
        f"AND (m.master_customer_id, m.sub_customer_id) {'<' if before else '>'} (%(master)s, %(sub)s) "
        f"ORDER BY m.master_customer_id {direction}, m.sub_customer_id {direction} LIMIT %(limit)s"
    )
    master, sub = before or after or ("", "")
    values = {"group": group_id, "master": master, "sub": sub, "limit": limit}
    with connection.cursor(row_factory=class_row(Person)) as cursor:
        return cursor.execute(query, values).fetchall()
