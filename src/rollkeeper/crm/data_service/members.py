"""The members of a list, in the order and shape in which they travel (`sync/member.py`), from one snapshot.

Membership is the list as last regenerated; names, addresses, permission and personalization fields are those
of this moment (S15). List, version, fields, count and rows are read in one REPEATABLE READ transaction, so
they belong together whatever runs beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from psycopg import sql

from rollkeeper.crm.personalization.profile import refresh_profiles
from rollkeeper.postgres.arrow import Query, Snapshot, set_local, snapshot
from rollkeeper.sync.member import Field
from rollkeeper.sync.member_stream import Opening

REFRESHES = 5  # tries to find the profiles whole while others write
BYTES_A_HASHED_ID = 32  # PostgreSQL's own estimate for a bigint in a hashed subplan
SCAN_SHARE = 3  # lists of more than a third of all profiles are read by a scan in key order
SCAN_MOST = 4_000_000  # ... unless their ids would need too much of the server's memory


class NoSuchList(LookupError):
    """There is no list of that code."""


class ListNotBuilt(LookupError):
    """MKT510 has not built the list: it has no members yet, which is not the same as none (S11)."""


class ProfilesBusy(RuntimeError):
    """The personalization view or the constituents kept changing; trying again helps."""


class MembersInconsistent(RuntimeError):
    """Fewer or more rows came than the list has members: what was sent must not pass for the list."""


@dataclass(frozen=True, slots=True)
class Members:
    """A list's members, opened for reading. `count` is the number of rows that `batches` gives."""

    opening: Opening
    count: int
    _snapshot: Snapshot
    _query: Query

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Record batches of `member_schema(opening.fields)`'s columns, strictly ascending by (master, sub).

        Raises `QueryFailed`, or `MembersInconsistent` before it would end with a wrong number of rows.
        """
        rows = 0
        for batch in self._snapshot.batches(self._query):
            rows += batch.num_rows
            yield batch
        if rows != self.count:
            raise MembersInconsistent(
                f"List {self.opening.code} has {self.count} members, but {rows} rows were read."
            )


@contextmanager
def open_members(code: str) -> Iterator[Members]:
    """The members of the list of that code. Holds a database connection and a snapshot until it is left.

    Raises `NoSuchList`, `ListNotBuilt`, `ProfilesBusy`, `QueryFailed`.
    """
    for _ in range(REFRESHES):
        refresh_profiles()
        with snapshot() as found:
            if _profiles_whole(found):
                yield _members(found, code)
                return
    raise ProfilesBusy("The constituents or the personalization view are being changed. Try again in a moment.")


def _members(found: Snapshot, code: str) -> Members:
    rows = found.rows(
        sql.SQL(
            "SELECT id, version, last_regenerated_at FROM marketing_list WHERE code = {}"
        ).format(sql.Literal(code))
    )  # fmt: skip
    if not rows:
        raise NoSuchList(f"There is no list {code}.")
    if rows[0]["last_regenerated_at"] is None:
        raise ListNotBuilt(f"MKT510 has not built list {code}.")
    fields, slots = _fields(found)
    opening = Opening(code, str(rows[0]["version"]), rows[0]["last_regenerated_at"], fields)
    size = found.rows(_SIZE.format(list_id=sql.Literal(rows[0]["id"])))[0]
    query = members_query(rows[0]["id"], slots, size["members"], size["profiles"])
    if size["members"]:
        set_local(found, {"work_mem": f"{64 + size['members'] * BYTES_A_HASHED_ID // 2**20}MB"})
    return Members(opening, size["members"], found, query)


def members_query(list_id: int, slots: list[int], members: int, profiles: int) -> Query:
    """The query for a list's members in key order, by its size.

    A list of most constituents is a walk along the key's index that keeps the list's ids in a hash: nothing is
    sorted, and rows come at once. A short list is a join and a sort of its few rows. PostgreSQL does not find the
    first by itself (its hash joins promise no order). The LIMIT, which takes nothing away, tells the planner
    how many ids there are at most: with stale statistics it might otherwise not hash them, and take for ever.
    """
    columns = sql.SQL(", ").join(
        sql.SQL("p.") + sql.Identifier(name)
        for name in [
            "master_customer_id", "sub_customer_id", "email", "first_name", "last_name", "allow_email", "denied_by",
            *(f"f{slot}" for slot in slots), "hash_hi", "hash_lo",
        ]
    )  # fmt: skip
    scan = members * SCAN_SHARE > profiles and members <= SCAN_MOST
    return (_SCAN if scan else _JOIN).format(
        columns=columns, list_id=sql.Literal(list_id), members=sql.Literal(members)
    )


_SCAN = sql.SQL("""
    SELECT {columns} FROM profile p
    WHERE (p.constituent_id IN (
        SELECT m.constituent_id FROM list_member m WHERE m.list_id = {list_id} AND m.went IS NULL LIMIT {members}
    )) IS TRUE
    ORDER BY p.master_customer_id, p.sub_customer_id""")

_JOIN = sql.SQL("""
    SELECT {columns} FROM list_member m JOIN profile p ON p.constituent_id = m.constituent_id
    WHERE m.list_id = {list_id} AND m.went IS NULL
    ORDER BY p.master_customer_id, p.sub_customer_id""")

_SIZE = sql.SQL("""
    SELECT (SELECT count(*) FROM list_member WHERE list_id = {list_id} AND went IS NULL) AS members,
           (SELECT reltuples::bigint FROM pg_class WHERE oid = 'profile'::regclass) AS profiles""")

# Dirt that would show: every profile is of another view than the fields (dirt 0), or a constituent has none yet.
_WHOLE = sql.SQL("""
    SELECT NOT EXISTS (
        SELECT FROM profile_dirt d WHERE d.constituent_id = 0 OR (
            EXISTS (SELECT FROM constituent c WHERE c.id = d.constituent_id)
            AND NOT EXISTS (SELECT FROM profile p WHERE p.constituent_id = d.constituent_id))
    ) AS whole""")


def _profiles_whole(found: Snapshot) -> bool:
    """Whether each constituent has a profile of the present view, in this snapshot.

    Someone may have committed between the refresh and the snapshot. A profile that is a moment old is right
    as of that moment; one that is missing would be a member missed.
    """
    return bool(found.rows(_WHOLE)[0]["whole"])


def _fields(found: Snapshot) -> tuple[tuple[Field, ...], list[int]]:
    """The personalization view's fields in order, and the slots of their values."""
    rows = found.rows(sql.SQL("SELECT name, label, type, slot FROM personalization_field ORDER BY position, id"))
    fields = tuple(Field(row["name"], row["label"], row["type"]) for row in rows)
    return fields, [row["slot"] for row in rows]
