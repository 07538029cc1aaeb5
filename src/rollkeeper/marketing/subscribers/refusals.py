"""Rows that the database refuses, found among those of a plan that it did not take (B7).

Our checks know what PostgreSQL cannot store, but not all of it: an index takes no value of thousands of random
bytes. Such a row aborts the whole write. It is looked for by halves in a table like `subscriber`, and set aside.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pyarrow as pa

from rollkeeper.marketing.bridges.fields import slot_columns, store_fields
from rollkeeper.marketing.subscribers import arrivals
from rollkeeper.marketing.subscribers.store import CRM_COLUMNS, Target
from rollkeeper.postgres import copy
from rollkeeper.sync.merge import row_keys
from rollkeeper.sync.plan import Plan

# What PostgreSQL raises for a row's contents; all else is no row's fault.
REFUSALS = (psycopg.errors.DataError, psycopg.errors.ProgramLimitExceeded)
MOST_REFUSED = 200  # a list that is refused by the hundred has another fault than single rows


def refused_rows(connection: psycopg.Connection[Any], plan: Plan, target: Target) -> dict[str, str]:
    """Which of the plan's rows the database refuses: key (`merge.row_keys`) → its words. Writes nothing.

    Raises the database's error where it is more than `MOST_REFUSED`.
    """
    refused: dict[str, str] = {}
    with connection.transaction(force_rollback=True):
        store_fields(connection, target.bridge_id, plan.fields)
        target = replace(target, slots=slot_columns(connection, target.bridge_id))
        connection.execute("CREATE TEMP TABLE trial (LIKE subscriber INCLUDING ALL) ON COMMIT DROP")
        for batch in arrivals.in_slots(plan, target):
            _try(connection, batch, target, refused)
    return refused


def _try(
    connection: psycopg.Connection[Any], batch: pa.RecordBatch, target: Target, refused: dict[str, str]
) -> None:
    """Write rows into the table of trials; where they are refused, each half by itself."""
    try:
        with connection.transaction():
            columns = arrivals.subscriber_columns(target, CRM_COLUMNS)
            rows = arrivals.completed(iter([batch]), 1, columns, target, 0)
            copy.write(connection, "trial", columns, rows)
            connection.execute("TRUNCATE trial")
    except REFUSALS as error:
        if len(refused) >= MOST_REFUSED:
            raise
        if batch.num_rows == 1:
            refused[row_keys(batch)[0].as_py()] = str(error.diag.message_primary or error)
            return
        half = batch.num_rows // 2
        _try(connection, batch.slice(0, half), target, refused)
        _try(connection, batch.slice(half), target, refused)
