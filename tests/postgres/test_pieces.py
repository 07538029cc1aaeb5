"""Narrow rows read in pieces are the rows that are there, each once, in key order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql
from psycopg.pq import TransactionStatus

from rollkeeper.postgres import pieces
from rollkeeper.postgres.server import server_url

KEY = ("master", "sub")
SCHEMA = pa.schema([("master", pa.string()), ("sub", pa.string()), ("number", pa.int64()), ("low", pa.int64())])
ALL = sql.SQL("SELECT master, sub, number, low FROM member WHERE number <> 0")


@pytest.fixture
def connection() -> Iterator[psycopg.Connection[Any]]:
    """Forty thousand members, some with ids of any script, in a table that was never analysed."""
    with psycopg.connect(server_url()) as found:
        found.execute(
            'CREATE TEMP TABLE member (master text COLLATE "C", sub text COLLATE "C", number bigint, low bigint, '
            "PRIMARY KEY (master, sub))"
        )
        found.execute(
            "INSERT INTO member SELECT CASE n % 3 WHEN 0 THEN 'Ωμέγα' WHEN 1 THEN '' ELSE 'Ä,\"\n' END || n, n % 2, "
            "n - 20000, -9223372036854775808 + n FROM generate_series(1, 40000) n"
        )
        yield found
        found.rollback()


@pytest.mark.parametrize("piece_rows", [1_000, 39_999, 50_000])
def test_all_rows_come_once_in_key_order(connection: psycopg.Connection[Any], piece_rows: int) -> None:
    """The last piece may be full, short, or the only one."""
    batches = list(pieces.read(connection, ALL, KEY, SCHEMA, piece_rows))
    assert all(batch.num_rows <= piece_rows for batch in batches)
    expected = connection.execute(
        "SELECT master, sub, number, low FROM member WHERE number <> 0 ORDER BY master, sub"
    ).fetchall()
    rows = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    assert [tuple(row.values()) for row in rows] == expected


def test_no_rows_are_no_batches(connection: psycopg.Connection[Any]) -> None:
    nobody = sql.SQL("SELECT master, sub, number, low FROM member WHERE false")
    assert not list(pieces.read(connection, nobody, KEY, SCHEMA))


def test_each_piece_goes_on_in_the_index(connection: psycopg.Connection[Any]) -> None:
    """Without figures the planner would sort all that is left for each piece."""
    plans = []
    for _ in pieces.read(connection, ALL, KEY, SCHEMA, 1_000):
        explained = connection.execute(
            "EXPLAIN SELECT * FROM (SELECT * FROM member WHERE number <> 0) m WHERE (master, sub) > ('1', '1') "
            "ORDER BY master, sub LIMIT 1000"
        ).fetchall()
        plans.append("\n".join(line for (line,) in explained))
    assert plans
    assert all("Sort" not in plan for plan in plans)


def test_who_stops_reading_leaves_a_connection_as_it_was(connection: psycopg.Connection[Any]) -> None:
    reading = pieces.read(connection, ALL, KEY, SCHEMA, 1_000)
    next(reading)
    reading.close()
    assert connection.info.transaction_status == TransactionStatus.INTRANS
    assert connection.execute("SELECT count(*), current_setting('enable_sort') FROM member").fetchone() == (
        40_000,
        "on",
    )


def test_an_error_in_the_middle_is_raised_as_it_is(connection: psycopg.Connection[Any]) -> None:
    broken = sql.SQL("SELECT master, sub, number, 1 / (number - 5) AS low FROM member")
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(pieces.read(connection, broken, KEY, SCHEMA, 1_000))


def test_a_null_is_refused_and_never_shifts_the_rows_after_it(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE member SET low = NULL WHERE number = 77")
    with pytest.raises(ValueError, match="null"):
        list(pieces.read(connection, ALL, KEY, SCHEMA))


def test_other_types_are_refused(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(TypeError, match="Only text and int64"):
        list(pieces.read(connection, ALL, KEY, pa.schema([("master", pa.string()), ("number", pa.int32())])))
