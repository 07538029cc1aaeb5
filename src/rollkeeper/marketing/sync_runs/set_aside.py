"""The rows that a run set aside, kept so that a person can look at them and download them (B7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from rollkeeper.postgres import copy
from rollkeeper.sync.set_aside import Reason

if TYPE_CHECKING:
    from rollkeeper.marketing.subscribers.store import Target
    from rollkeeper.sync.plan import Plan


def write(connection: psycopg.Connection[Any], plan: Plan, target: Target) -> None:
    """Keep the plan's set-aside rows with their reason, in the transaction that applies the plan."""
    connection.execute(
        "CREATE TEMP TABLE aside (master_customer_id text, sub_customer_id text, reason text, row text) "
        "ON COMMIT DROP"
    )
    copy.write(connection, "aside", plan.set_aside.schema.names, plan.set_aside.batches())
    sentences = {reason.value: reason.sentence for reason in Reason}
    connection.execute(
        "INSERT INTO set_aside_row (run_id, group_id, master_customer_id, sub_customer_id, kind, "
        "reason, detail, row) "
        "SELECT %s, %s, master_customer_id, sub_customer_id, 'invalid', reason, d.detail, row::jsonb "
        "FROM aside JOIN unnest(%s::text[], %s::text[]) AS d (code, detail) ON d.code = aside.reason",
        [target.run_id, target.group_id, list(sentences), list(sentences.values())],
    )
