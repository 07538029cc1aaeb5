"""A target group's subscribers as a file: CSV or Parquet (`docs/reference/command-line.md`)."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from psycopg import sql

from rollkeeper.marketing.bridges.fields import slot_columns
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
        schema = pa.schema([(name, pa.string()) for name in (*COLUMNS, *slots)])
        rows = 0
        with table_file(path, form, schema) as writer:
            for batch in copy.read(connection, _query(group, slots), schema):
                writer.write_batch(batch)
                rows += batch.num_rows
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
