"""A target group's subscribers as a file, as they are or as a past run left them (B6): CSV or Parquet.

`docs/reference/command-line.md` has the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from rollkeeper.marketing.bridges.fields import slot_columns
from rollkeeper.marketing.target_groups import as_of
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres import copy
from rollkeeper.postgres.connection import connect
from rollkeeper.table_file import Format, table_file

COLUMNS = ("master_customer_id", "sub_customer_id", "email", "first_name", "last_name", "status")


def export_group(group: TargetGroup, form: Format, path: Path) -> int:
    """Write the group's subscribers, ascending by customer id, and the number of them.

    Columns: customer id, address, names, status, then the personalization fields in the catalog's order. The
    file appears whole or not at all. Raises `OSError` where it cannot be written.
    """
    with connect() as connection:
        connection.execute(
            "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )  # fields and rows of one sync
        slots = slot_columns(connection, group.bridge_id)
        return _write(connection, _query(group, slots), list(slots), form, path)


def export_group_as_of(group: TargetGroup, run_id: int, form: Format, path: Path) -> int:
    """Write what `export_group` would have written when that run had ended: its members, data and fields.

    Raises `PastUnknown` where that cannot be told, `OSError` where the file cannot be written.
    """
    past = as_of.PastRun.of(run_id, group)
    with connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # it makes temporary tables
        query = as_of.prepare(connection, past)
        return _write(connection, query, past.field_names, form, path, check=past.check_members)


def _write(
    connection: psycopg.Connection[Any],
    query: sql.Composed,
    fields: Sequence[str],
    form: Format,
    path: Path,
    check: Callable[[int], None] | None = None,
) -> int:
    """Write the query's rows; the number of them. Where `check` raises for it there is no file."""
    schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, *fields)])
    rows = 0
    with table_file(path, form, schema) as writer:
        for batch in copy.read(connection, query, schema):
            writer.write_batch(batch)
            rows += batch.num_rows
        if check is not None:
            check(rows)
    return rows


def _query(group: TargetGroup, slots: dict[str, str]) -> sql.Composed:
    return sql.SQL(
        "SELECT m.master_customer_id, m.sub_customer_id, s.email, s.first_name, s.last_name, s.status{} "
        "FROM group_member m JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = {} "
        "ORDER BY m.master_customer_id, m.sub_customer_id"
    ).format(
        sql.SQL("").join(sql.SQL(", s.{}").format(sql.Identifier(slot)) for slot in slots.values()),
        sql.Literal(group.pk),
    )
