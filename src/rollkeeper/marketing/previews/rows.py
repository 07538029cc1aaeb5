"""The people of a plan as a preview shows them: what would happen to each, with old and new values (B4).

It reads subscribers and writes none: the plan's rows beside those that are stored, a batch at a time, so that
memory does not grow with the list. The status that a person would have is `sync/permission.py`'s rule, which the
database's own column follows too; that a preview counts what a run then does is held by a test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.rows import dict_row

from rollkeeper.marketing.previews.models import PreviewRow
from rollkeeper.marketing.subscribers import arrivals, history
from rollkeeper.postgres import copy
from rollkeeper.sync.merge import rows_where
from rollkeeper.sync.permission import OwnOptOuts, Status, status
from rollkeeper.sync.plan import Plan, Verdict

Kind, Flag = PreviewRow.Kind, PreviewRow.Flag
COLUMNS = {
    "preview_id": pa.int64(),
    "kind": pa.string(),
    "flag": pa.string(),
    "subscriber_id": pa.int64(),
    "master_customer_id": pa.string(),
    "sub_customer_id": pa.string(),
    "first_name": pa.string(),
    "last_name": pa.string(),
    "email": pa.string(),
    "status_before": pa.string(),
    "status_after": pa.string(),
    "changes": pa.string(),
    "reason": pa.string(),
    "answer": pa.string(),
    "row": pa.string(),
}
TABLE = "sync_preview_row"
SCHEMA = pa.schema(list(COLUMNS.items()))
Stored = Mapping[str, Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moves:
    """How many statuses the CRM's flag would move, as a run counts them."""

    unsubscribed: int
    resubscribed: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """A row of `write_schema`, by position: a field may have any name."""

    master_customer_id: str
    sub_customer_id: str
    email: str | None
    first_name: str | None
    last_name: str | None
    allow_email: bool
    denied_by: str | None
    fields: tuple[str | None, ...]
    hash_hi: int
    hash_lo: int
    address_valid: bool
    subscriber_id: int | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Incoming:
        """A row as it stands in the plan: what is fixed, the fields, then hash, address_valid, subscriber_id."""
        master, sub, email, first_name, last_name, allow_email, denied_by, *rest = row
        *fields, high, low, address_valid, subscriber_id = rest
        return cls(
            master, sub, email, first_name, last_name, allow_email, denied_by, tuple(fields), high, low,
            address_valid, subscriber_id,
        )  # fmt: skip

    @property
    def values(self) -> tuple[str | bool | None, ...]:
        """What is compared, in the order of `history.NOTED_COLUMNS`, then the fields."""
        return (*(getattr(self, name) for name in history.NOTED_COLUMNS), *self.fields)


class RowWriter:
    """Writes a plan's people as rows of a preview. `reader` sees one snapshot; `writer` is in a transaction."""

    def __init__(
        self,
        reader: psycopg.Connection[Any],
        writer: psycopg.Connection[Any],
        preview_id: int,
        bridge_id: int,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._preview_id, self._bridge_id = preview_id, bridge_id
        self._knows_people = arrivals.has_subscribers(reader, bridge_id)
        self._moves = {Flag.UNSUBSCRIBED: 0, Flag.RESUBSCRIBED: 0}

    def write(self, made: Plan, verdict: Verdict) -> Moves:
        """All rows of a plan."""
        values = _values(self._reader, self._bridge_id, made)
        for batch in made.writes.batches():
            self._write_batch(batch, values)
        kind = Kind.HELD if verdict.held else Kind.REMOVED
        words = _words_of_notices(made)
        for batch in made.removals.batches():
            self._copy(self._leaving(batch, kind, words))
        for batch in made.set_aside.batches():
            self._copy(self._aside(batch))
        return Moves(self._moves[Flag.UNSUBSCRIBED], self._moves[Flag.RESUBSCRIBED])

    def _write_batch(self, batch: pa.RecordBatch, values: Mapping[str, str | None]) -> None:
        """People who are new here as they come, column by column; of those who are known each with what changes."""
        keys = list(zip(*(batch.column(place).to_pylist() for place in range(2)), strict=True))
        known = self._known(keys, values) if self._knows_people else {}
        is_known = pa.array([key in known for key in keys], pa.bool_())
        new_here = rows_where(batch, pc.invert(is_known))
        if new_here.num_rows:
            copy.write(self._writer, TABLE, SCHEMA.names, [_fresh(new_here, self._preview_id)])
        rows = zip(*(column.to_pylist() for column in batch.filter(is_known).columns), strict=True)
        self._copy([self._row(Incoming.of(row), known[row[:2]], values) for row in rows])

    def _row(self, new: Incoming, stored: Stored, values: Mapping[str, str | None]) -> Row:
        after = status(new.allow_email, new.email, new.address_valid, _own(stored))
        row: Row = {
            "kind": Kind.ADDED if new.subscriber_id is None else Kind.UPDATED,
            "subscriber_id": stored["id"],
            "master_customer_id": new.master_customer_id,
            "sub_customer_id": new.sub_customer_id,
            "first_name": new.first_name,
            "last_name": new.last_name,
            "email": new.email,
            "status_before": stored["status"],
            "status_after": after.value,
        }
        if (stored["hash_hi"], stored["hash_lo"]) != (new.hash_hi, new.hash_lo):
            pairs = zip(values, stored["values"], new.values, strict=True)
            changes = {name: [old, now] for name, old, now in pairs if old != now}
            row |= {
                "changes": json.dumps(changes, ensure_ascii=False),
                "flag": self._flag(stored["status"], after),
            }
        return row

    def _flag(self, before: str, after: Status) -> PreviewRow.Flag | None:
        remote = Status.UNSUBSCRIBED_REMOTE
        if (before == remote) == (after == remote):
            return None
        flag = Flag.UNSUBSCRIBED if after == remote else Flag.RESUBSCRIBED
        self._moves[flag] += 1
        return flag

    def _leaving(
        self, batch: pa.RecordBatch, kind: PreviewRow.Kind, words: Mapping[tuple[str, str], str]
    ) -> list[Row]:
        rows = batch.select(["master_customer_id", "sub_customer_id", "subscriber_id"]).to_pylist()
        people = self._by_id([row["subscriber_id"] for row in rows])
        return [
            row
            | {"kind": kind, "reason": words.get((row["master_customer_id"], row["sub_customer_id"]), "left")}
            | people.get(row["subscriber_id"], {})
            for row in rows
        ]

    def _aside(self, batch: pa.RecordBatch) -> list[Row]:
        """Rows set aside, with the subscriber who keeps the data there is (B7)."""
        rows: list[Row] = batch.to_pylist()
        keys = [(row["master_customer_id"], row["sub_customer_id"]) for row in rows]
        known = self._known([(master, sub) for master, sub in keys if master and sub], {})
        return [
            row | {"kind": Kind.SET_ASIDE, "subscriber_id": known[key]["id"] if key in known else None}
            for row, key in zip(rows, keys, strict=True)
        ]

    def _known(
        self, keys: Sequence[tuple[str, str]], values: Mapping[str, str | None]
    ) -> dict[tuple[str, str], Stored]:
        """The subscribers among these customer ids; under "values" what is stored of each of `values`, in order."""
        query = sql.SQL(
            "SELECT s.id, s.master_customer_id, s.sub_customer_id, s.status, s.hash_hi, s.hash_lo, "
            "s.unsubscribed_at IS NOT NULL AS unsubscribed, s.bounced_at IS NOT NULL AS bounced, "
            "s.complained_at IS NOT NULL AS complained, s.suppressed_at IS NOT NULL AS suppressed{} "
            "FROM subscriber s JOIN unnest(%s::text[], %s::text[]) AS wanted (master_customer_id, sub_customer_id) "
            'ON s.master_customer_id = wanted.master_customer_id COLLATE "C" '
            'AND s.sub_customer_id = wanted.sub_customer_id COLLATE "C" WHERE s.bridge_id = %s'
        ).format(
            sql.SQL("").join(
                sql.SQL(", {} AS {}").format(
                    sql.Identifier("s", column) if column else sql.SQL("NULL"), sql.Identifier(f"value {place}")
                )
                for place, column in enumerate(values.values())
            )
        )
        masters, subs = [key[0] for key in keys], [key[1] for key in keys]
        with self._reader.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(query, [masters, subs, self._bridge_id]).fetchall()
        for row in found:
            row["values"] = [row.pop(f"value {place}") for place in range(len(values))]
        return {(row["master_customer_id"], row["sub_customer_id"]): row for row in found}

    def _by_id(self, ids: Sequence[int]) -> dict[int, Row]:
        with self._reader.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(
                "SELECT id, first_name, last_name, email, status AS status_before, status AS status_after "
                "FROM subscriber WHERE id = ANY(%s)",
                [list(ids)],
            ).fetchall()
        return {row.pop("id"): row for row in found}

    def _copy(self, rows: list[Row]) -> None:
        if rows:
            for row in rows:
                row["preview_id"] = self._preview_id
            copy.write(self._writer, TABLE, SCHEMA.names, [pa.RecordBatch.from_pylist(rows, schema=SCHEMA)])


def _fresh(batch: pa.RecordBatch, preview_id: int) -> pa.RecordBatch:
    """Rows of the plan whose people nobody knows here, as rows of the preview: all but a status is as it came."""
    master, sub, email, first_name, last_name, allow_email = batch.columns[:6]
    nobody = OwnOptOuts()
    facts = zip(allow_email.to_pylist(), email.to_pylist(), batch.columns[-2].to_pylist(), strict=True)
    statuses = [status(allowed, address, valid, nobody).value for allowed, address, valid in facts]
    columns = {
        "preview_id": pa.repeat(pa.scalar(preview_id, pa.int64()), batch.num_rows),
        "kind": pa.repeat(Kind.ADDED.value, batch.num_rows),
        "master_customer_id": master,
        "sub_customer_id": sub,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "status_after": pa.array(statuses, pa.string()),
    }
    nothing = {name: pa.nulls(batch.num_rows, kind) for name, kind in COLUMNS.items() if name not in columns}
    return pa.RecordBatch.from_pydict(columns | nothing, schema=SCHEMA)


def _values(connection: psycopg.Connection[Any], bridge_id: int, made: Plan) -> dict[str, str | None]:
    """What of a subscriber is compared: name → column of `subscriber`; None for a field that is new in the view.

    In the order of `Incoming.values`. A field that comes back into the view finds its old values.
    """
    rows = connection.execute(
        "SELECT name, slot FROM bridge_withdrawn_field WHERE bridge_id = %(bridge)s "
        "UNION ALL SELECT name, slot FROM bridge_field WHERE bridge_id = %(bridge)s",
        {"bridge": bridge_id},
    ).fetchall()
    slots = {name: f"f{slot}" for name, slot in rows}
    fields = {history.field_key(field.name): slots.get(field.name) for field in made.fields}
    return {**{name: name for name in history.NOTED_COLUMNS}, **fields}


def _own(stored: Stored) -> OwnOptOuts:
    return OwnOptOuts(stored["unsubscribed"], stored["bounced"], stored["complained"], stored["suppressed"])


def _words_of_notices(made: Plan) -> dict[tuple[str, str], str]:
    """For whoever the CRM said so: that the constituent is deleted. Where nothing is said, they left the list."""
    return {
        (master, sub): word
        for batch in made.notices.batches()
        for master, sub, word in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        if word != "left"
    }
