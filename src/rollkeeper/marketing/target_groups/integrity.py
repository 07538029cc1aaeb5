"""Whether what is kept of a target group is what its rows say, computed anew from every row (B1).

    each subscriber's data  ─► its hash      the hash of each membership    the group's fingerprint and counts
        (canonical form)         is stored       is its subscriber's            are those of its rows

One pass over the rows in whatever order they come; memory does not grow with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.rows import dict_row

from rollkeeper.marketing.target_groups import funnel
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres import copy
from rollkeeper.sync.address import valid_addresses
from rollkeeper.sync.connector import Key, RangeSum
from rollkeeper.sync.member import FINGERPRINT_MODULUS, Field, field_set_key, hash_sum, member_schema, row_hashes
from rollkeeper.sync.spool import Spool

EXAMPLES = 20  # customer ids that are named of each kind of defect
PIECE_BYTES = 2**18  # what is hashed at once holds many copies of a piece in memory; larger ones are no faster
SUBSCRIBER_ID = pa.schema([("id", pa.int64())])


@dataclass(frozen=True, slots=True)
class Integrity:
    """What was found in the group's rows. Each list holds the first customer ids of its kind.

    `data` has other contents than its hash says; `memberships` another hash than their subscriber; `orphans` no
    subscriber of the bridge with their customer id. `counts` are those of Count Details that are not what the rows
    give: name, kept, counted. `rows` and `stored` are sums of the hashes of the contents and of the memberships.
    Where the personalization fields changed since the group was synced, hashes may be of other fields than the
    contents: those are `unchecked` until it is synced again. `wrong_subscribers` names those whose data is wrong.
    """

    data: int
    data_examples: Sequence[Key]
    memberships: int
    membership_examples: Sequence[Key]
    orphans: int
    orphan_examples: Sequence[Key]
    counts: Sequence[tuple[str, int, int]]
    kept: RangeSum
    stored: RangeSum
    rows: RangeSum
    unchecked: int
    wrong_subscribers: Spool

    @property
    def is_sound(self) -> bool:
        found = self.data or self.memberships or self.orphans or self.counts or self.unchecked
        return not found and self.kept == self.stored

    def close(self) -> None:
        self.wrong_subscribers.close()


def check(connection: psycopg.Connection[Any], group: TargetGroup, folder: Path) -> Integrity:
    """Read every row of the group in the transaction's snapshot. Writes nothing."""
    fields, slots = fields_of(connection, group.bridge_id)
    tally = _Tally(fields, group.field_set in {"", field_set_key(fields)}, Spool(SUBSCRIBER_ID, folder))
    try:
        for batch in copy.read(connection, _query(group, slots), _schema(len(slots)), PIECE_BYTES):
            tally.take(batch)
        tally.wrong.finish()
        return tally.result(connection, group.pk)
    except BaseException:
        tally.wrong.close()
        raise


class _Tally:
    """The findings as the rows pass by."""

    def __init__(self, fields: tuple[Field, ...], fields_known: bool, wrong: Spool) -> None:
        """`fields_known`: the rows were compared with the CRM under these fields."""
        self.fields, self.fields_known, self.wrong = fields, fields_known, wrong
        self.unchecked = 0
        self.found: dict[str, int] = {"data": 0, "memberships": 0, "orphans": 0}
        self.examples: dict[str, list[Key]] = {"data": [], "memberships": [], "orphans": []}
        self.members = self.rows = self.stored = 0

    def take(self, batch: pa.RecordBatch) -> None:
        columns = batch.columns
        keys, hashes, subscriber, stored_hashes = columns[:2], columns[2:4], columns[4], columns[5:7]
        is_orphan = pc.is_null(subscriber)
        contents = [*keys, *columns[7:12], *columns[13:], *hashes]
        members = pa.RecordBatch.from_arrays(contents, schema=member_schema(self.fields))
        computed: Sequence[pa.Int64Array] = row_hashes(members, self.fields)
        if not self.fields_known:
            self.unchecked += pc.sum(_and_no_orphan(_differ(computed, stored_hashes), is_orphan)).as_py() or 0
            computed = stored_hashes
        invalid = pc.not_equal(valid_addresses(columns[7]), columns[12])
        is_wrong = _and_no_orphan(pc.or_(_differ(computed, stored_hashes), invalid), is_orphan)
        self._note("orphans", keys, is_orphan)
        self._note("data", keys, is_wrong)
        self._note("memberships", keys, _and_no_orphan(_differ(hashes, stored_hashes), is_orphan))
        self.wrong.write(pa.RecordBatch.from_arrays([subscriber.filter(is_wrong)], schema=SUBSCRIBER_ID))
        self.members += batch.num_rows
        self.stored += _sum(hashes)
        self.rows += _sum([column.filter(pc.invert(is_orphan)) for column in computed])

    def _note(self, kind: str, keys: Sequence[pa.StringArray], chosen: pa.BooleanArray) -> None:
        count = pc.sum(chosen).as_py() or 0
        self.found[kind] += count
        room = EXAMPLES - len(self.examples[kind])
        if count and room > 0:
            named = [column.filter(chosen)[:room].to_pylist() for column in keys]
            self.examples[kind] += zip(*named, strict=True)

    def result(self, connection: psycopg.Connection[Any], group_id: int) -> Integrity:
        kept = _kept(connection, group_id)
        counted = funnel.counted_from_rows(connection, group_id)
        counts = [(name, kept[name], getattr(counted, name)) for name in funnel.COUNTS]
        held = _held(connection, group_id)
        counts.append(("count_held", kept["count_held"], held))
        return Integrity(
            data=self.found["data"],
            data_examples=self.examples["data"],
            memberships=self.found["memberships"],
            membership_examples=self.examples["memberships"],
            orphans=self.found["orphans"],
            orphan_examples=self.examples["orphans"],
            counts=[each for each in counts if each[1] != each[2]],
            kept=RangeSum(kept["count_members"], int(kept["fingerprint"], 16)),
            stored=RangeSum(self.members, self.stored % FINGERPRINT_MODULUS),
            rows=RangeSum(self.members - self.found["orphans"], self.rows % FINGERPRINT_MODULUS),
            unchecked=self.unchecked,
            wrong_subscribers=self.wrong,
        )


def _differ(left: Sequence[pa.Int64Array], right: Sequence[pa.Int64Array]) -> pa.BooleanArray:
    """Where two pairs of halves of a hash are not the same."""
    return pc.or_(*(pc.not_equal(*halves) for halves in zip(left, right, strict=True)))


def _and_no_orphan(found: pa.BooleanArray, is_orphan: pa.BooleanArray) -> pa.BooleanArray:
    return pc.and_(pc.fill_null(found, True), pc.invert(is_orphan))


def _sum(halves: Sequence[pa.Int64Array]) -> int:
    return hash_sum(*(half.to_numpy(zero_copy_only=False) for half in halves))


def fields_of(connection: psycopg.Connection[Any], bridge_id: int) -> tuple[tuple[Field, ...], list[str]]:
    """The bridge's personalization fields in order, and the columns of their values."""
    rows = connection.execute(
        "SELECT name, label, type, slot FROM bridge_field WHERE bridge_id = %s ORDER BY position, id", [bridge_id]
    ).fetchall()
    return tuple(Field(name, label, type_) for name, label, type_, _ in rows), [f"f{row[3]}" for row in rows]


def _query(group: TargetGroup, slots: Sequence[str]) -> sql.Composed:
    """Each membership with its subscriber (nulls where it has none), in the columns that `take` knows by place."""
    return sql.SQL(
        "SELECT m.master_customer_id, m.sub_customer_id, m.hash_hi, m.hash_lo, s.id, s.hash_hi, s.hash_lo, "
        "s.email, s.first_name, s.last_name, s.allow_email, s.denied_by, s.address_valid{slots} "
        "FROM group_member m LEFT JOIN subscriber s ON s.id = m.subscriber_id AND s.bridge_id = {bridge} "
        "AND s.master_customer_id = m.master_customer_id AND s.sub_customer_id = m.sub_customer_id "
        "WHERE m.group_id = {group}"
    ).format(
        slots=sql.SQL("").join(sql.SQL(", s.{}").format(sql.Identifier(slot)) for slot in slots),
        bridge=sql.Literal(group.bridge_id),
        group=sql.Literal(group.pk),
    )


def _schema(slots: int) -> pa.Schema:
    text, number, flag = pa.string(), pa.int64(), pa.bool_()
    types = [
        text,
        text,
        number,
        number,
        number,
        number,
        number,
        text,
        text,
        text,
        flag,
        text,
        flag,
        *[text] * slots,
    ]
    return pa.schema([(f"c{place}", type_) for place, type_ in enumerate(types)])


def _kept(connection: psycopg.Connection[Any], group_id: int) -> dict[str, Any]:
    """What the group's own row says."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT * FROM target_group WHERE id = %s", [group_id]).fetchone()
    assert row is not None  # noqa: S101  # the group is there in this snapshot
    return row


def _held(connection: psycopg.Connection[Any], group_id: int) -> int:
    """Held removals of people who are in the group."""
    row = connection.execute(
        "SELECT count(*) FROM held_removal h JOIN group_member m "
        "USING (group_id, master_customer_id, sub_customer_id) WHERE h.group_id = %s",
        [group_id],
    ).fetchone()
    return int(row[0]) if row else 0
