"""The least that the same work can cost on this machine: no checks, no history, no consent, no counts.

    first      the list's bytes from the socket into nowhere; then COPY, on the server, of ready binary files into
               empty copies of the same tables with the same indexes
    unchanged  the list's rows decoded; the stored keys and hashes read
    changed    that, and the changed rows written to the copies by hand-written SQL
    regenerate the bare filter; the changed memberships written to a copy of the table

The ready files are made from what Rollkeeper wrote, so both write the same bytes.
"""

from __future__ import annotations

import cProfile
import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg
import pyarrow as pa
from psycopg import sql

from bench.installation import connect
from rollkeeper.postgres import pieces
from rollkeeper.sync.member_stream import CONTENT_TYPE
from rollkeeper.sync.merge import STORED_SCHEMA

TABLES = ("subscriber", "group_member")
OF_ONE_RUN = (*TABLES, "run_change", "set_aside_row", "held_removal", "sync_run")
PIECE = 2**20


def copy_of(table: str) -> str:
    return f"bench_{table}"


def forget_members() -> None:
    """The marketing site as before its first audience sync."""
    with connect("marketing") as connection:
        connection.execute(f"TRUNCATE {', '.join(OF_ONE_RUN)} CASCADE")
        connection.execute(
            "UPDATE target_group SET synced_at = NULL, fingerprint = repeat('0', 32), count_members = 0, "
            "count_with_address = 0, count_valid = 0, count_distinct = 0, count_allowed = 0, count_receiving = 0"
        )


def make_copies() -> None:
    """Empty copies of the tables, with all their indexes, their pages as full."""
    with connect("marketing") as connection:
        for table in TABLES:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {copy_of(table)} (LIKE {table} INCLUDING ALL)")
            connection.execute(f"TRUNCATE {copy_of(table)}")
            options = connection.execute(
                "SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = to_regclass(%s)", [table]
            ).fetchone()
            if options and options[0]:
                connection.execute(f"ALTER TABLE {copy_of(table)} SET ({options[0]})")


def put_rows_ready(ready: Path) -> None:
    """What a first sync wrote, as binary files for COPY."""
    with connect("marketing") as connection:
        for table in TABLES:
            statement = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO {} (FORMAT binary)").format(
                _written_columns(connection, table),
                sql.Identifier(table),
                sql.SQL("id" if table == "subscriber" else "subscriber_id"),
                sql.Literal(str(ready / table)),
            )
            connection.execute(statement)


def put_changes_ready(ready: Path, run: int) -> None:
    """The subscribers that a run changed, as a binary file."""
    with connect("marketing") as connection:
        statement = sql.SQL("COPY (SELECT {} FROM subscriber WHERE last_run = {}) TO {} (FORMAT binary)").format(
            _written_columns(connection, "subscriber"), sql.Literal(run), sql.Literal(str(ready / "change"))
        )
        connection.execute(statement)


def _written_columns(connection: psycopg.Connection[Any], table: str) -> sql.Composed:
    """The columns that a sync writes: no computed one, no opt-out, and of the slots those in use."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped "
        "AND attgenerated = '' AND attname NOT LIKE '%%\\_at' AND (attname !~ '^f[0-9]+$' OR attname IN "
        "(SELECT 'f' || slot FROM bridge_field)) ORDER BY attnum",
        [table],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in rows)


def download(crm_url: str, token: str, code: str) -> int:
    """The list's stream into nowhere, by a bare socket; how many bytes came."""
    address = urlsplit(crm_url)
    request = (
        f"GET {_path(code)} HTTP/1.1\r\nHost: {address.netloc}\r\nAccept: {CONTENT_TYPE}\r\n"
        f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    piece, received, end = bytearray(PIECE), 0, b""
    with socket.create_connection((str(address.hostname), address.port or 80)) as connection:
        connection.sendall(request.encode())
        while size := connection.recv_into(piece):
            if not received and not piece.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"The CRM site answered {bytes(piece[:size])!r}.")
            received += size
            end = (end + bytes(piece[max(0, size - 8) : size]))[-8:]
    if not end.endswith(b"0\r\n\r\n"):
        raise RuntimeError("The CRM site broke off.")
    return received


def read_members(crm_url: str, token: str, code: str) -> int:
    """The list's rows, decoded; how many."""
    connection = http.client.HTTPConnection(urlsplit(crm_url).netloc)
    headers = {"Accept": CONTENT_TYPE, "Authorization": f"Bearer {token}"}
    with closing(connection):
        connection.request("GET", _path(code), headers=headers)
        with pa.ipc.open_stream(connection.getresponse()) as reader:
            return sum(batch.num_rows for batch in reader)


def _path(code: str) -> str:
    return f"/odata/MarketingLists('{code}')/Members"


def read_stored(code: str) -> int:
    """The stored keys and hashes in key order, in the cheapest way that we know; how many."""
    with connect("marketing") as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        query = sql.SQL(
            "SELECT master_customer_id, sub_customer_id, subscriber_id, hash_hi, hash_lo "
            "FROM group_member WHERE group_id = (SELECT id FROM target_group WHERE code = {})"
        ).format(sql.Literal(code))
        key = ("master_customer_id", "sub_customer_id")
        return sum(batch.num_rows for batch in pieces.read(connection, query, key, STORED_SCHEMA))


def load(ready: str) -> None:
    """The ready files into the copies, in one transaction."""
    with connect("marketing") as connection:
        for table in TABLES:
            connection.execute(
                sql.SQL("COPY {} ({}) FROM {} (FORMAT binary)").format(
                    sql.Identifier(copy_of(table)),
                    _written_columns(connection, table),
                    sql.Literal(str(Path(ready) / table)),
                )
            )


def apply_changes(ready: str) -> None:
    """The changed rows into the copies, in one transaction."""
    with connect("marketing") as connection:
        columns = _written_columns(connection, "subscriber")
        connection.execute(
            sql.SQL("CREATE TEMP TABLE change ON COMMIT DROP AS SELECT {} FROM subscriber WITH NO DATA").format(
                columns
            )
        )
        connection.execute(
            sql.SQL("COPY change FROM {} (FORMAT binary)").format(sql.Literal(str(Path(ready) / "change")))
        )
        connection.execute("ANALYZE change")
        names = [name.as_string(None).strip('"') for name in columns if isinstance(name, sql.Identifier)]
        kept = {"id", "bridge_id", "master_customer_id", "sub_customer_id", "first_run"}
        connection.execute(
            sql.SQL("UPDATE bench_subscriber s SET {} FROM change c WHERE s.id = c.id").format(
                sql.SQL(", ").join(
                    sql.SQL("{0} = c.{0}").format(sql.Identifier(name)) for name in names if name not in kept
                )
            )
        )
        connection.execute(
            "UPDATE bench_group_member m SET hash_hi = c.hash_hi, hash_lo = c.hash_lo FROM change c "
            "WHERE m.subscriber_id = c.id"
        )


def change_constituents(turn: int, wanted: int | None = None) -> None:
    """Another one in a hundred constituents, or so many, spread evenly over the list, get another job title."""
    with connect("crm") as connection:
        row = connection.execute("SELECT count(*) FROM constituent").fetchone()
        every = max(1, int(row[0]) // wanted) if wanted and row else 100
        connection.execute(
            "UPDATE constituent SET job_title = 'Member of the board ' || %s WHERE id %% %s = %s",
            [turn, every, turn % every],
        )


def settle() -> None:
    """Write out what earlier work left in memory."""
    with connect("marketing", autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def change_token(code: str) -> str:
    """The state of the list that the target group holds."""
    with connect("marketing") as connection:
        row = connection.execute("SELECT change_token FROM target_group WHERE code = %s", [code]).fetchone()
    if not row or not row[0]:
        raise RuntimeError("The target group has no change token.")
    return str(row[0])


def ask_for_changes(crm_url: str, token: str, code: str, since: str) -> int:
    """The bare question whether anything changed since then; how many bytes were answered."""
    connection = http.client.HTTPConnection(urlsplit(crm_url).netloc)
    headers = {"Accept": CONTENT_TYPE, "Authorization": f"Bearer {token}"}
    with closing(connection):
        connection.request("GET", f"{_path(code)}?{urlencode({'since': since})}", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"The CRM site answered {answer.status}.")
        return len(answer.read())


def change_statuses(turn: int) -> None:
    """One in a hundred constituents becomes inactive; those of the turn before are active again."""
    with connect("crm") as connection:
        change = "UPDATE constituent SET status = %s WHERE id %% 100 = %s AND status <> 'DUPLICATE'"
        connection.execute(change, ["ACTIVE", (turn - 1) % 100])
        connection.execute(change, ["INACTIVE", turn % 100])


def copy_list_members() -> None:
    """A copy of the CRM's list memberships."""
    with connect("crm") as connection:
        connection.execute("CREATE TABLE bench_list_member (LIKE list_member INCLUDING ALL)")
        connection.execute("INSERT INTO bench_list_member SELECT * FROM list_member")


def put_changes_of_list_ready(version: int) -> None:
    """Who came and who went with that version of the filtered list."""
    came_or_went = (
        "SELECT m.* FROM list_member m JOIN marketing_list l ON l.id = m.list_id "
        "WHERE l.code = 'BENCH_FILTERED' AND "
    )
    with connect("crm") as connection:
        connection.execute("DROP TABLE IF EXISTS bench_came; DROP TABLE IF EXISTS bench_went")
        connection.execute(f"CREATE TABLE bench_came AS {came_or_went} m.came = {version}")
        connection.execute(f"CREATE TABLE bench_went AS {came_or_went} m.went = {version}")
        connection.execute("ANALYZE bench_came; ANALYZE bench_went; ANALYZE bench_list_member")


def filter_and_write(query: str, parameters: tuple[Any, ...]) -> None:
    """The bare filter, its rows counted and left; then the changes into the copy of the table."""
    with connect("crm") as connection:
        connection.execute(f"SELECT count(*) FROM ({query}) AS chosen", parameters)
        connection.execute(
            "UPDATE bench_list_member m SET went = w.went FROM bench_went w "
            "WHERE m.list_id = w.list_id AND m.constituent_id = w.constituent_id AND m.went IS NULL"
        )
        connection.execute("INSERT INTO bench_list_member SELECT * FROM bench_came")


@contextmanager
def profiled(path: str) -> Iterator[None]:
    """Where a file is named: cProfile's figures of the block go there."""
    found = cProfile.Profile() if path else None
    with found or nullcontext():
        yield
    if found:
        found.dump_stats(path)
