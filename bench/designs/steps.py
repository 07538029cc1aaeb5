"""What is done with each design."""

from __future__ import annotations

import time
from collections.abc import Iterable
from statistics import median
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import sql

from bench.designs.layouts import Columns, Layout
from bench.designs.people import changed_people, people
from rollkeeper.postgres import copy

Connection = psycopg.Connection[Any]
PAGES = 200


def narrow(layout: Layout, rows: int, every: int = 1) -> list[pa.RecordBatch]:
    """Key and hash of each member, as a pull would bring them for this design."""
    found = []
    for batch in people(rows):
        columns = {**layout.key_of(batch), **_hash_as_read(layout, batch)}
        wanted = pa.RecordBatch.from_pydict(columns)
        found.append(
            wanted.filter(pa.array(batch.column("number").to_numpy() % every == 0)) if every > 1 else wanted
        )
    return found


def _hash_as_read(layout: Layout, batch: pa.RecordBatch) -> Columns:
    encoded = layout.encode_hash(batch)
    if not layout.hash_type:
        return encoded
    texts = [value.hex() for value in encoded["hash"].to_pylist()]
    if layout.hash_type == "uuid":
        return {"hash": pa.array([f"{t[:8]}-{t[8:12]}-{t[12:16]}-{t[16:20]}-{t[20:]}" for t in texts])}
    return {"hash": pa.array(["\\x" + text for text in texts])}


def load(connection: Connection, layout: Layout, rows: int) -> None:
    """All members, new, in one transaction; then the statistics that the next step needs."""
    with connection.transaction():
        for table in ("subscriber", "group_member"):
            made = (getattr(layout, _ROWS_OF[table])(batch) for batch in people(rows))
            _copy_in(connection, layout, table, made)


_ROWS_OF = {"subscriber": "subscriber_rows", "group_member": "member_rows"}


def _copy_in(connection: Connection, layout: Layout, table: str, made: Iterable[Columns]) -> None:
    encoder: ArrowToPostgresBinaryEncoder | None = None
    batches = (pa.RecordBatch.from_pydict(columns) for columns in made)
    first = next(batches)
    builders = (
        {"field_values": StringEncoderBuilder.new_with_output(first.schema.field("field_values"), Jsonb())}
        if layout.fields == "jsonb" and "field_values" in first.schema.names
        else {}
    )
    encoder = ArrowToPostgresBinaryEncoder.new_with_encoders(first.schema, _all_builders(first.schema, builders))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, first.schema.names))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as into:
        into.write(encoder.write_header())
        into.write(encoder.write_batch(first))
        for batch in batches:
            into.write(encoder.write_batch(batch))
        into.write(encoder.finish())


def _all_builders(schema: pa.Schema, known: dict[str, Any]) -> dict[str, Any]:
    return {
        field.name: known.get(field.name) or ArrowToPostgresBinaryEncoder.infer_encoder(field) for field in schema
    }


def add_second_group(connection: Connection, layout: Layout) -> None:
    """A group of one member in ten, spread over the first one."""
    columns = ", ".join((*(layout.keys if layout.copied else ()), *(layout.hashes if layout.copied else ())))
    more = f", {columns}" if columns else ""
    connection.execute(
        f"INSERT INTO group_member (group_id, subscriber_id, since_run{more}) "
        f"SELECT 2, subscriber_id, 2{more} FROM group_member WHERE group_id = 1 AND subscriber_id % 10 = 0"
    )


def compare(
    connection: Connection, layout: Layout, group: int, incoming: list[pa.RecordBatch], expected: int
) -> None:
    """The stored side read, and each of its rows found equal to the incoming one."""
    types = [(name, pa.string()) for name in layout.keys]
    halves = [(name, pa.string() if layout.hash_type else pa.int64()) for name in layout.hashes]
    schema = pa.schema([*types, ("subscriber_id", pa.int64()), *halves])
    stored = pa.Table.from_batches(copy.read(connection, sql.SQL(layout.stored(group)), schema), schema)
    place = same = 0
    for batch in incoming:
        part = stored.slice(place, batch.num_rows).combine_chunks()
        keys = [_keys(columns, layout) for columns in (batch, part)]
        assert keys[0].equals(keys[1].combine_chunks() if isinstance(keys[1], pa.ChunkedArray) else keys[1])
        equal = [pc.equal(batch.column(name), part.column(name)) for name in layout.hashes]
        same += int(pc.sum(pc.and_(equal[0], equal[-1])).as_py() or 0)
        place += batch.num_rows
    assert place == same == expected


def _keys(columns: Any, layout: Layout) -> Any:
    if len(layout.keys) == 1:
        return columns.column(layout.keys[0])
    return pc.binary_join_element_wise(*(columns.column(name) for name in layout.keys), "\x00")


def change(connection: Connection, layout: Layout, rows: int, wanted: int, turn: int) -> None:
    """So many members' data changed, spread evenly."""
    with connection.transaction():
        connection.execute("CREATE TEMP TABLE change (LIKE subscriber) ON COMMIT DROP")
        made = (layout.subscriber_rows(batch) for batch in changed_people(rows, wanted, turn))
        drop = ", ".join(
            f"ALTER {name} DROP NOT NULL" for name in ("address_key", "status") if name not in layout.keys
        )
        connection.execute(f"ALTER TABLE change {drop}")
        _copy_in(connection, layout, "change", made)
        connection.execute("ANALYZE change")
        for statement in layout.apply():
            found = connection.execute(statement)
            assert found.rowcount >= wanted


def export(connection: Connection, layout: Layout) -> None:
    """The whole group as a file would get it."""
    with connection.cursor() as cursor, cursor.copy(f"COPY ({layout.export()}) TO STDOUT (FORMAT csv)") as out:
        for _ in out:
            pass


def page_milliseconds(connection: Connection, layout: Layout, rows: int) -> float:
    """A page of fifty members anywhere in the group, as the client waits for it."""
    places = np.random.default_rng(1).integers(0, rows, PAGES)
    waits = []
    for place in places:
        start = time.perf_counter()
        connection.execute(layout.page(f"{place:012d}")).fetchall()
        waits.append(time.perf_counter() - start)
    return 1000 * median(waits)


def megabytes(connection: Connection) -> float:
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(name)) FROM (VALUES ('subscriber'), ('group_member')) AS t (name)"
    ).fetchone()
    assert row is not None
    return float(row[0]) / 2**20
