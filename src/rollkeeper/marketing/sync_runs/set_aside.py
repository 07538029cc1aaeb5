"""The rows that a run set aside, kept so that a person can look at them and download them (B7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from django.db.models import QuerySet

from rollkeeper.marketing.sync_runs.models import SetAsideRow
from rollkeeper.marketing.target_groups.models import TargetGroup
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
        "reason, detail, row, since_run) "
        "SELECT %(run)s, %(group)s, master_customer_id, sub_customer_id, 'invalid', aside.reason, d.detail, "
        "row::jsonb, coalesce(before.since_run, %(run)s) "
        "FROM aside "
        "JOIN unnest(%(codes)s::text[], %(details)s::text[]) AS d (code, detail) ON d.code = aside.reason "
        "LEFT JOIN (SELECT coalesce(master_customer_id, '') AS master, coalesce(sub_customer_id, '') AS sub, "
        "reason, min(since_run) AS since_run FROM set_aside_row "
        "WHERE run_id = (SELECT applied_run FROM target_group WHERE id = %(group)s) GROUP BY 1, 2, 3) AS before "
        "ON (before.master, before.sub, before.reason) "
        "= (coalesce(master_customer_id, ''), coalesce(sub_customer_id, ''), aside.reason)",
        {
            "run": target.run_id,
            "group": target.group_id,
            "codes": list(sentences),
            "details": list(sentences.values()),
        },
    )


def present(group: TargetGroup) -> QuerySet[SetAsideRow]:
    """The rows of a group that are set aside now: those of the run that made the group what it is."""
    return SetAsideRow.objects.filter(run_id=group.applied_run)
