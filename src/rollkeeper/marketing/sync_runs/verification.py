"""Verifying a target group: both sides computed anew from their rows, and compared (B1). `rollkeeper verify`.

    ours      integrity of every row (`target_groups/integrity.py`)
    theirs    the CRM computes its list from its rows, where it offers that; and sums over ranges
    between   the rows that differ and that nothing accounts for

Nothing is written but what `mark` does: it declares what is kept of wrong rows void, so that the next sync finds
them, repairs them from the CRM and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from rollkeeper.marketing.subscribers import store
from rollkeeper.marketing.target_groups.integrity import SUBSCRIBER_ID, Integrity, check, fields_of
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.marketing.target_groups.ranges import CAME_SCHEMA, GroupRanges
from rollkeeper.postgres import copy
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.connector import Closing, Connector, Key, Pull, RangeSum, TellsRanges
from rollkeeper.sync.member import FINGERPRINT_MODULUS, Field
from rollkeeper.sync.member_stream import batch_fingerprint
from rollkeeper.sync.narrow import WHOLE, narrow
from rollkeeper.sync.repair import Differing, FieldsMoved, differing_rows
from rollkeeper.sync.run import Progress
from rollkeeper.sync.spool import Spool

VOID = "repeat('f', 32)"  # surely not what it was; also in migration subscribers/0005


@dataclass(frozen=True, slots=True)
class Theirs:
    """The CRM's list: what it keeps of it, what its rows add up to, and whether it was regenerated or changed since
    the last sync. `kept` None: it does not say."""

    kept: RangeSum | None
    rows: RangeSum
    changed_since: bool

    @property
    def is_consistent(self) -> bool:
        return self.kept is None or self.kept == self.rows


@dataclass(frozen=True, slots=True)
class Between:
    """The rows that differ and that nothing accounts for: see `sync.repair.Differing`. `held` removals and rows
    `set_aside` account for the rest. `fields_moved`: the CRM's personalization view is another one by now, and so
    is every row."""

    missing: int
    surplus: int
    other: int
    held: int
    set_aside: int
    fields_moved: bool = False

    @property
    def count(self) -> int:
        return self.missing + self.surplus + self.other


@dataclass(frozen=True, slots=True)
class Verification:
    """All that was found of one group."""

    ours: Integrity
    theirs: Theirs
    between: Between

    @property
    def is_identical(self) -> bool:
        """Row by row the same, on both sides as each side says of itself."""
        return (
            self.ours.is_sound
            and self.theirs.is_consistent
            and self.ours.rows == self.theirs.rows
            and not self.between.count
            and not self.between.fields_moved
        )

    @property
    def is_explained(self) -> bool:
        """Not identical, but all that differs is held by the guard or set aside."""
        return (
            not self.is_identical
            and self.ours.is_sound
            and self.theirs.is_consistent
            and not self.between.count
            and not self.between.fields_moved
        )

    def close(self) -> None:
        self.ours.close()


def verify(group: TargetGroup, connector: Connector, folder: Path, progress: Progress) -> Verification:
    """Compare the group with the CRM's list, row by row in the end. Raises a `ConnectorError`; writes nothing."""
    with _snapshot() as connection:
        ours = check(connection, group, folder)
        try:
            theirs, between = _compare(connection, group, connector, folder, progress)
        except BaseException:
            ours.close()
            raise
    return Verification(ours, theirs, between)


@contextmanager
def _snapshot() -> Iterator[psycopg.Connection[Any]]:
    """A transaction that sees one instant and is taken back: what it lays over is in temporary tables."""
    with connect(autocommit=True) as connection, connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield connection


def _compare(
    connection: psycopg.Connection[Any], group: TargetGroup, connector: Connector, folder: Path, progress: Progress
) -> tuple[Theirs, Between]:
    fields, _ = fields_of(connection, group.bridge_id)
    with closing(_set_aside(connection, group, folder)) as aside:
        ranges = GroupRanges(connection, group.pk, aside.batches())
        counts = (group.count_held, aside.rows)
    try:
        if isinstance(connector, TellsRanges):
            search = narrow(group.code, connector, ranges)
            kept = RangeSum(search.source.list_members, int(search.source.list_fingerprint, 16))
            theirs = _theirs(group, kept, search.source_sum)
            rows = differing_rows(connector, group.code, fields, search.ranges, ranges.expected, folder, progress)
            return theirs, _between(rows, *counts)
        whole = _Whole(connector)
        rows = differing_rows(whole, group.code, fields, [WHOLE], ranges.expected, folder, progress)
        return _theirs(group, whole.kept, whole.total), _between(rows, *counts)
    except FieldsMoved:
        theirs = Theirs(None, RangeSum(0, 0), changed_since=True)
        return theirs, Between(0, 0, 0, *counts, fields_moved=True)


def _theirs(group: TargetGroup, kept: RangeSum | None, rows: RangeSum) -> Theirs:
    return Theirs(kept, rows, changed_since=f"{rows.fingerprint:032x}" != group.crm_fingerprint)


def _between(rows: Differing, held: int, set_aside: int) -> Between:
    rows.close()
    return Between(rows.missing, rows.surplus, rows.other, held, set_aside)


@dataclass
class _Whole:
    """A CRM that tells no ranges: its whole list as the one range there is, summed as it passes by."""

    connector: Connector
    total: RangeSum = field(default_factory=lambda: RangeSum(0, 0))
    kept: RangeSum | None = None

    @contextmanager
    def members_between(self, code: str, first: Key | None, end: Key | None) -> Iterator[Pull]:
        with self.connector.members(code) as pull:
            yield _Summed(pull, self)


class _Summed:
    """A pull whose rows are summed."""

    def __init__(self, pull: Pull, whole: _Whole) -> None:
        self.fields: tuple[Field, ...] = pull.fields
        self.mode = pull.mode
        self._pull, self._whole = pull, whole

    def batches(self) -> Iterator[pa.RecordBatch]:
        for batch in self._pull.batches():
            total = self._whole.total
            fingerprint = (total.fingerprint + batch_fingerprint(batch)) % FINGERPRINT_MODULUS
            self._whole.total = RangeSum(total.members + batch.num_rows, fingerprint)
            yield batch

    def closing(self) -> Closing:
        closing = self._pull.closing()
        if closing.list_members is not None and closing.list_fingerprint is not None:
            self._whole.kept = RangeSum(closing.list_members, int(closing.list_fingerprint, 16))
        return closing


def _set_aside(connection: psycopg.Connection[Any], group: TargetGroup, folder: Path) -> Spool:
    """The rows that are set aside, as the CRM had them: keys and hashes."""
    query = sql.SQL(
        "SELECT master_customer_id, sub_customer_id, (row->>'hash_hi')::bigint, (row->>'hash_lo')::bigint "
        "FROM set_aside_row WHERE run_id = {} AND group_id = {}"
    ).format(sql.Literal(group.applied_run), sql.Literal(group.pk))
    rows = Spool(CAME_SCHEMA, folder)
    try:
        for batch in copy.read(connection, query, CAME_SCHEMA):
            rows.write(batch)
        return rows.finish()
    except BaseException:
        rows.close()
        raise


def mark(group: TargetGroup, ours: Integrity) -> None:
    """Declare void what is kept of the rows that were found wrong, in one transaction, under the bridge's lock.

    A subscriber whose data is wrong gets a hash that none has, in every group; a membership without a subscriber
    goes; a membership gets the hash of its subscriber. Whatever group was touched has a fingerprint then that it
    surely has not: its next sync looks for the rows that differ, repairs them from the CRM and says so.
    """
    with connect(autocommit=True) as connection, connection.transaction():
        revision = store.bridge_revision(connection, group.bridge_id, lock=True)
        connection.execute("CREATE TEMP TABLE wrong (id bigint) ON COMMIT DROP")
        copy.write(connection, "wrong", SUBSCRIBER_ID.names, ours.wrong_subscribers.batches())
        values = {"group": group.pk, "bridge": group.bridge_id}
        for statement in _MARK:
            connection.execute(statement, values)
        connection.execute("UPDATE bridge SET revision = %s WHERE id = %s", [revision + 1, group.bridge_id])


_VOID_WHAT_IS_KEPT = f"""
UPDATE target_group SET fingerprint = {VOID} WHERE id = %(group)s
OR id IN (SELECT m.group_id FROM group_member m JOIN wrong w ON w.id = m.subscriber_id)"""  # noqa: S608  # a constant
_VOID_SUBSCRIBERS = "UPDATE subscriber SET hash_hi = 0, hash_lo = 0 WHERE id IN (SELECT id FROM wrong)"
_VOID_MEMBERSHIPS = "UPDATE group_member SET hash_hi = 0, hash_lo = 0 WHERE subscriber_id IN (SELECT id FROM wrong)"
_DELETE_ORPHANS = """
DELETE FROM group_member m WHERE m.group_id = %(group)s AND NOT EXISTS (
    SELECT FROM subscriber s WHERE s.id = m.subscriber_id AND s.bridge_id = %(bridge)s
    AND s.master_customer_id = m.master_customer_id AND s.sub_customer_id = m.sub_customer_id)"""
_GIVE_MEMBERSHIPS_THE_HASH = """
UPDATE group_member m SET hash_hi = s.hash_hi, hash_lo = s.hash_lo FROM subscriber s
WHERE m.group_id = %(group)s AND s.id = m.subscriber_id AND (m.hash_hi, m.hash_lo) <> (s.hash_hi, s.hash_lo)"""
_MARK = (
    _VOID_WHAT_IS_KEPT, _VOID_SUBSCRIBERS, _VOID_MEMBERSHIPS, _DELETE_ORPHANS, _GIVE_MEMBERSHIPS_THE_HASH,
)  # fmt: skip
