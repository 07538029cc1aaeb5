"""The rows of a plan on their way in: new subscribers straight into their tables, known ones to be compared.

A first sync is all new people, so their rows go by COPY into `subscriber` and `group_member` and nowhere
else; ids are taken from the sequence in one block. Rows of people that the bridge knows go into the
temporary tables `change` and `arrived`, from which set-based statements take them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.postgres import copy
from rollkeeper.sync.merge import HASHES, row_keys, rows_where

if TYPE_CHECKING:
    from rollkeeper.marketing.subscribers.store import Target
    from rollkeeper.sync.plan import Plan

KEYS = ("master_customer_id", "sub_customer_id")
SUBSCRIBER_SEQUENCE_LOCK = 7_421_001  # advisory: one block of ids is taken at a time


def write(
    connection: psycopg.Connection[Any],
    plan: Plan,
    target: Target,
    revision: int,
    crm_columns: tuple[str, ...],
    *,
    all_new: bool,
) -> int:
    """Write the plan's new subscribers and fill `change` and `arrived`; the number of new subscribers.

    `all_new`: the bridge has no subscribers yet, so none need be looked for.
    """
    new_rows = 0
    remember_new = plan.members_before > 0
    for batch in plan.writes.batches():
        ids = batch.column("subscriber_id")
        differs = pc.is_valid(ids)  # a member in the plan differs from what is stored
        arriving = pc.invert(differs)
        if not all_new and pc.any(arriving).as_py():
            found, same = _known(connection, target.bridge_id, batch, arriving)
            ids = pc.coalesce(ids, found)
            differs = pc.or_(differs, pc.and_(pc.is_valid(found), pc.invert(same)))
            joining = pc.and_(arriving, pc.is_valid(ids))
            _write_arrived(connection, batch.filter(joining), ids.filter(joining), is_new=False)
        _write_change(connection, batch.filter(differs), ids.filter(differs), target, crm_columns)
        fresh = rows_where(batch, pc.is_null(ids))
        if fresh.num_rows:
            _write_new(connection, fresh, target, revision, crm_columns, remember=remember_new)
            new_rows += fresh.num_rows
    return new_rows


def has_subscribers(connection: psycopg.Connection[Any], bridge_id: int) -> bool:
    """Whether the bridge has brought anyone yet."""
    return (
        connection.execute("SELECT 1 FROM subscriber WHERE bridge_id = %s LIMIT 1", [bridge_id]).fetchone()
        is not None
    )


def _known(
    connection: psycopg.Connection[Any], bridge_id: int, batch: pa.RecordBatch, arriving: pa.BooleanArray
) -> tuple[pa.Int64Array, pa.BooleanArray]:
    """For each row the id of the subscriber with its customer id (null: none), and whether its data is the same."""
    rows = batch.filter(arriving)
    found = connection.execute(
        "SELECT s.master_customer_id, s.sub_customer_id, s.id, s.hash_hi, s.hash_lo FROM subscriber s "
        "JOIN unnest(%s::text[], %s::text[]) AS wanted (master_customer_id, sub_customer_id) "
        'ON s.master_customer_id = wanted.master_customer_id COLLATE "C" '
        'AND s.sub_customer_id = wanted.sub_customer_id COLLATE "C" WHERE s.bridge_id = %s',
        [rows.column("master_customer_id").to_pylist(), rows.column("sub_customer_id").to_pylist(), bridge_id],
    ).fetchall()
    schema = pa.schema([*((name, pa.string()) for name in KEYS), *((name, pa.int64()) for name in ("id", *HASHES))])
    known = pa.RecordBatch.from_arrays(
        [pa.array([row[place] for row in found], field.type) for place, field in enumerate(schema)], schema=schema
    )
    place = pc.index_in(row_keys(batch), value_set=row_keys(known))
    same = [pc.equal(known.column(name).take(place), batch.column(name)) for name in HASHES]
    return known.column("id").take(place), pc.fill_null(pc.and_(*same), False)


def _write_change(
    connection: psycopg.Connection[Any],
    batch: pa.RecordBatch,
    ids: pa.Int64Array,
    target: Target,
    crm_columns: tuple[str, ...],
) -> None:
    if not batch.num_rows:
        return
    names = [*KEYS, *crm_columns, *HASHES, *target.slots]
    rows = pa.RecordBatch.from_arrays(
        [ids, *(batch.column(name) for name in names)], names=["subscriber_id", *names]
    )
    columns = ["subscriber_id", *KEYS, *crm_columns, *HASHES, *target.slots.values()]
    copy.write(connection, "change", columns, [rows])


def _write_arrived(
    connection: psycopg.Connection[Any], batch: pa.RecordBatch, ids: pa.Int64Array, *, is_new: bool
) -> None:
    if not batch.num_rows:
        return
    names = ["subscriber_id", *KEYS, *HASHES, "is_new"]
    columns = [ids, *(batch.column(name) for name in (*KEYS, *HASHES)), pa.array([is_new] * batch.num_rows)]
    copy.write(connection, "arrived", names, [pa.RecordBatch.from_arrays(columns, names=names)])


def _write_new(
    connection: psycopg.Connection[Any],
    batch: pa.RecordBatch,
    target: Target,
    revision: int,
    crm_columns: tuple[str, ...],
    *,
    remember: bool,
) -> None:
    ids = _take_ids(connection, batch.num_rows)
    constants = {
        "bridge_id": target.bridge_id,
        "group_id": target.group_id,
        "revision": revision,
        "first_run": target.run_id,
        "last_run": target.run_id,
        "since_run": target.run_id,
    }

    def rows(names: list[str], columns: list[str]) -> Iterator[pa.RecordBatch]:
        arrays = [
            ids if name in {"id", "subscriber_id"}
            else _constant(constants[name], batch.num_rows) if name in constants
            else batch.column(name)
            for name in names
        ]  # fmt: skip
        yield pa.RecordBatch.from_arrays(arrays, names=columns)

    names = ["id", "bridge_id", *KEYS, *crm_columns, *HASHES, "revision", "first_run", "last_run", *target.slots]
    columns = [target.slots.get(name, name) for name in names]
    copy.write(connection, "subscriber", columns, rows(names, columns))
    members = ["group_id", *KEYS, "subscriber_id", *HASHES, "since_run"]
    copy.write(connection, "group_member", members, rows(members, members))
    if remember:
        _write_arrived(connection, batch, ids, is_new=True)


def _constant(value: int, rows: int) -> pa.Int64Array:
    return pa.array(np.full(rows, value, np.int64))


def _take_ids(connection: psycopg.Connection[Any], count: int) -> pa.Int64Array:
    """A block of subscriber ids. All inserts of subscribers come through here."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [SUBSCRIBER_SEQUENCE_LOCK])
    row = connection.execute(
        "SELECT setval(seq, nextval(seq) + %s - 1) FROM "
        "(SELECT pg_get_serial_sequence('subscriber', 'id')::regclass AS seq) AS sequence",
        [count],
    ).fetchone()
    if row is None:
        raise RuntimeError("The sequence of subscriber ids is missing.")
    last = int(row[0])
    return pa.array(np.arange(last - count + 1, last + 1, dtype=np.int64))
