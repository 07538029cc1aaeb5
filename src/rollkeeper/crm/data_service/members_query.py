"""The queries for a list's members in key order, by the size of the list and of the span that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from rollkeeper.crm.changes.delta import BY_INDEX
from rollkeeper.crm.changes.present import PresentList
from rollkeeper.crm.changes.state import SQL
from rollkeeper.postgres.arrow import Query, Snapshot, set_local
from rollkeeper.sync.connector import Key
from rollkeeper.sync.member import FIXED_COLUMNS

SCAN_SHARE = 3  # lists of more than a third of all profiles are read by a scan in key order
SCAN_MOST = 4_000_000  # ... unless their ids would need too much of the server's memory

BYTES_A_HASHED_ID = 32  # PostgreSQL's own estimate for a bigint in a hashed subplan


@dataclass(frozen=True, slots=True)
class Span:
    """Customer ids from `first` (None: from the beginning) until before `end` (None: to the end)."""

    first: Key | None = None
    end: Key | None = None


def column_names(slots: Sequence[int]) -> list[str]:
    """The columns of `profile` that make a member, in the order of `member_schema`."""
    return [*(name for name, _ in FIXED_COLUMNS), *(f"f{slot}" for slot in slots), "hash_hi", "hash_lo"]


def for_all_members(found: Snapshot, now: PresentList, columns: Sequence[str]) -> tuple[Query, int]:
    """The query for these columns of all members, in key order, and how many there are; settings are made for it.

    Counted anew, not taken from the facts kept: were those wrong, the list could still be read, and it would show.
    """
    size = found.rows(_SIZE.format(list_id=sql.Literal(now.id)))[0]
    if size["members"]:
        set_local(found, {"work_mem": f"{64 + size['members'] * BYTES_A_HASHED_ID // 2**20}MB"})
    return members_query(now.id, columns, size["members"], size["profiles"]), size["members"]


def members_query(list_id: int, columns: Sequence[str], members: int, profiles: int) -> Query:
    """The query for a list's members in key order, by its size.

    A list of most constituents is a walk along the key's index that keeps the list's ids in a hash: nothing is
    sorted, and rows come at once. A short list is a join and a sort of its few rows. PostgreSQL does not find the
    first by itself (its hash joins promise no order). The LIMIT, which takes nothing away, tells the planner
    how many ids there are at most: with stale statistics it might otherwise not hash them, and take for ever.
    """
    scan = members * SCAN_SHARE > profiles and members <= SCAN_MOST
    return (_SCAN if scan else _JOIN).format(
        columns=_listed(columns), list_id=sql.Literal(list_id), members=sql.Literal(members), within=sql.SQL("true")
    )


def members_between(found: Snapshot, now: PresentList, span: Span) -> tuple[Query, int]:
    """The query for the members in a span of customer ids, and how many there are at most.

    Where the span holds fewer profiles than the list has members, each of them is looked up in the list; else
    the list is read and narrowed.
    """
    set_local(found, BY_INDEX | {"enable_sort": "on"})
    within = _within(span)
    most = now.members + 1
    in_span = found.rows(_COUNT.format(within=within, most=sql.Literal(most)))[0]["profiles"]
    columns, list_id = _listed(column_names(now.slots)), sql.Literal(now.id)
    if in_span < most:
        return _PROBE.format(columns=columns, list_id=list_id, within=within), in_span
    set_local(found, dict.fromkeys(BY_INDEX, "on") | {"jit": "off"})
    return _JOIN.format(columns=columns, list_id=list_id, within=within), now.members


def _listed(columns: Sequence[str]) -> SQL:
    return sql.SQL(", ").join(sql.SQL("p.{}").format(sql.Identifier(name)) for name in columns)


def _within(span: Span) -> SQL:
    bounds = [
        sql.SQL("(p.master_customer_id, p.sub_customer_id) {} ({}, {})").format(
            sql.SQL(operator), *(sql.Literal(part) for part in key)
        )
        for operator, key in ((">=", span.first), ("<", span.end))
        if key is not None
    ]
    return sql.SQL(" AND ").join(bounds) if bounds else sql.SQL("true")


_SCAN = sql.SQL("""
    SELECT {columns} FROM profile p
    WHERE (p.constituent_id IN (
        SELECT m.constituent_id FROM list_member m WHERE m.list_id = {list_id} AND m.went IS NULL LIMIT {members}
    )) IS TRUE
    ORDER BY p.master_customer_id, p.sub_customer_id""")

_JOIN = sql.SQL("""
    SELECT {columns} FROM list_member m JOIN profile p ON p.constituent_id = m.constituent_id
    WHERE m.list_id = {list_id} AND m.went IS NULL AND {within}
    ORDER BY p.master_customer_id, p.sub_customer_id""")

# OFFSET 0 keeps the sub-select from being turned into a join: one look into the list for each profile in the span.
_PROBE = sql.SQL("""
    SELECT {columns} FROM profile p
    WHERE {within} AND EXISTS (
        SELECT FROM list_member m
        WHERE m.list_id = {list_id} AND m.constituent_id = p.constituent_id AND m.went IS NULL OFFSET 0
    )
    ORDER BY p.master_customer_id, p.sub_customer_id""")

_SIZE = sql.SQL("""
    SELECT (SELECT count(*) FROM list_member WHERE list_id = {list_id} AND went IS NULL) AS members,
           (SELECT reltuples::bigint FROM pg_class WHERE oid = 'profile'::regclass) AS profiles""")

_COUNT = sql.SQL("""
    SELECT count(*) AS profiles FROM (
        SELECT FROM profile p WHERE {within} ORDER BY p.master_customer_id, p.sub_customer_id LIMIT {most}
    ) AS s""")
