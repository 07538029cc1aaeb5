"""The rows of a plan on their way in: new subscribers straight into their tables, known ones to be compared.

A first sync is all new people, so their rows go by COPY into `subscriber` and `group_member` and nowhere
else; ids are taken from the sequence in one block. Rows of people that the bridge knows go into the
temporary tables `change` and `arrived`, from which set-based statements take them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.marketing.target_groups.first_count import FirstCount
from rollkeeper.marketing.target_groups.funnel import Tally
from rollkeeper.postgres import copy
from rollkeeper.sync.member import FIXED_COLUMNS
from rollkeeper.sync.merge import HASHES, row_keys, rows_where

if TYPE_CHECKING:
    from rollkeeper.marketing.subscribers.store import Target
    from rollkeeper.sync.plan import Plan

KEYS = ("master_customer_id", "sub_customer_id")
SUBSCRIBER_SEQUENCE_LOCK = 7_421_001  # advisory: one block of ids is taken at a time


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many subscribers are new, and, where all of the group are, its funnel."""

    new: int
    tally: Tally | None


def write(
    connection: psycopg.Connection[Any],
    plan: Plan,
    target: Target,
    revision: int,
    crm_columns: tuple[str, ...],
    *,
    all_new: bool,
) -> Arrivals:
    """Write the plan's new subscribers and fill `change` and `arrived`.

    `all_new`: the bridge has no subscribers yet, so none need be looked for.
    """
    destination = _Destination(connection, target, revision, crm_columns)
    if all_new:
        counted = FirstCount(plan.writes.rows)
        readings = iter((counted.first_reading, counted.second_reading))
        destination.add(lambda: next(readings)(in_slots(plan, target)), plan.writes.rows)
        return Arrivals(plan.writes.rows, counted.tally())
    new_rows = 0
    for batch in in_slots(plan, target):
        ids = batch.column("subscriber_id")
        differs = pc.is_valid(ids)  # a member in the plan differs from what is stored
        arriving = pc.invert(differs)
        if pc.any(arriving).as_py():
            found, same = _known(connection, target.bridge_id, batch, arriving)
            ids = pc.coalesce(ids, found)
            differs = pc.or_(differs, pc.and_(pc.is_valid(found), pc.invert(same)))
            joining = pc.and_(arriving, pc.is_valid(ids))
            _write_arrived(connection, batch.filter(joining), ids.filter(joining), is_new=False)
        destination.change(batch.filter(differs), ids.filter(differs))
        fresh = rows_where(batch, pc.is_null(ids))
        new_ids = destination.add(partial(iter, [fresh]), fresh.num_rows)
        if plan.members_before > 0:
            _write_arrived(connection, fresh, new_ids, is_new=True)
        new_rows += fresh.num_rows
    return Arrivals(new_rows, None)


def in_slots(plan: Plan, target: Target) -> Iterator[pa.RecordBatch]:
    """The plan's rows under the names of `subscriber`'s columns: a field may have any name, also one of those."""
    fields = len(plan.fields)
    for batch in plan.writes.batches():
        names = batch.schema.names
        yield batch.rename_columns(
            [*names[: len(FIXED_COLUMNS)], *target.slots.values(), *names[len(FIXED_COLUMNS) + fields :]]
        )


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


def _write_arrived(
    connection: psycopg.Connection[Any], batch: pa.RecordBatch, ids: pa.Int64Array, *, is_new: bool
) -> None:
    if not batch.num_rows:
        return
    names = ["subscriber_id", *KEYS, *HASHES, "is_new"]
    columns = [ids, *(batch.column(name) for name in (*KEYS, *HASHES)), pa.array([is_new] * batch.num_rows)]
    copy.write(connection, "arrived", names, [pa.RecordBatch.from_arrays(columns, names=names)])


@dataclass(frozen=True, slots=True)
class _Destination:
    """The tables that rows go to, and what is the same for all rows of a run."""

    connection: psycopg.Connection[Any]
    target: Target
    revision: int
    crm_columns: tuple[str, ...]

    def change(self, batch: pa.RecordBatch, ids: pa.Int64Array) -> None:
        """Rows of known subscribers into `change`."""
        if batch.num_rows:
            names = [*KEYS, *self.crm_columns, *HASHES, *self.target.slots.values()]
            columns = ["subscriber_id", *names]
            rows = pa.RecordBatch.from_arrays([ids, *(batch.column(name) for name in names)], names=columns)
            copy.write(self.connection, "change", columns, [rows])

    def add(self, batches: Callable[[], Iterator[pa.RecordBatch]], count: int) -> pa.Int64Array:
        """New people into `subscriber` and `group_member`, one table after the other; their ids."""
        if not count:
            return pa.array([], pa.int64())
        first = _take_ids(self.connection, count)
        subscriber = subscriber_columns(self.target, self.crm_columns)
        group_member = ["group_id", *KEYS, "subscriber_id", *HASHES, "since_run"]
        for table, columns in (("subscriber", subscriber), ("group_member", group_member)):
            rows = completed(batches(), first, columns, self.target, self.revision)
            copy.write(self.connection, table, columns, rows)
        return pa.array(np.arange(first, first + count, dtype=np.int64))


def subscriber_columns(target: Target, crm_columns: tuple[str, ...]) -> list[str]:
    """The columns of `subscriber` that a new row gives."""
    run = ("revision", "first_run", "last_run")
    return ["id", "bridge_id", *KEYS, *crm_columns, *HASHES, *run, *target.slots.values()]


def completed(
    batches: Iterator[pa.RecordBatch], first: int, columns: list[str], target: Target, revision: int
) -> Iterator[pa.RecordBatch]:
    """The rows with a table's columns: ids ascend from `first`, the rest is theirs or the run's."""
    run = dict.fromkeys(("first_run", "last_run", "since_run"), target.run_id)
    constants = {"bridge_id": target.bridge_id, "group_id": target.group_id, "revision": revision, **run}
    for batch in batches:
        ids = pa.array(np.arange(first, first + batch.num_rows, dtype=np.int64))
        arrays = [
            ids if name in {"id", "subscriber_id"}
            else _constant(constants[name], batch.num_rows) if name in constants
            else batch.column(name)
            for name in columns
        ]  # fmt: skip
        yield pa.RecordBatch.from_arrays(arrays, names=columns)
        first += batch.num_rows


def _constant(value: int, rows: int) -> pa.Int64Array:
    return pa.array(np.full(rows, value, np.int64))


def _take_ids(connection: psycopg.Connection[Any], count: int) -> int:
    """The first of a block of subscriber ids. All inserts of subscribers come through here."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [SUBSCRIBER_SEQUENCE_LOCK])
    row = connection.execute(
        "SELECT setval(seq, nextval(seq) + %s - 1) FROM "
        "(SELECT pg_get_serial_sequence('subscriber', 'id')::regclass AS seq) AS sequence",
        [count],
    ).fetchone()
    if row is None:
        raise RuntimeError("The sequence of subscriber ids is missing.")
    return int(row[0]) - count + 1
