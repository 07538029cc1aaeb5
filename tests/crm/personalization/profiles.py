"""The profiles as members, for the tests: what the data service would send."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from django.db import connection

from rollkeeper.crm.personalization.fields import member_fields, view_fields
from rollkeeper.sync.member import FIXED_COLUMNS, member_schema


def stored_members() -> pa.RecordBatch:
    """Every profile in key order, in the members' schema."""
    fields = view_fields()
    slots = [f"f{field.slot}" for field in fields]
    names = [*(name for name, _ in FIXED_COLUMNS), *slots, "hash_hi", "hash_lo"]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(names)} FROM profile ORDER BY master_customer_id, sub_customer_id")
        columns = list(zip(*cursor.fetchall(), strict=True)) or [[]] * len(names)
    schema = member_schema(member_fields(fields))
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def stored_member(master: str, sub: str = "0") -> dict[str, Any]:
    """One profile's values by name."""
    [found] = [
        row
        for row in stored_members().to_pylist()
        if (row["master_customer_id"], row["sub_customer_id"]) == (master, sub)
    ]
    return found


def changed_xids() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT master_customer_id, changed_xid::text FROM profile")
        return dict(cursor.fetchall())
