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

# The data of whoever is a member already was last written by a run that ended then: a pattern of to_char.
KEEPS = '"The member keeps the data of" YYYY-MM-DD HH24:MI "UTC."'


def write(connection: psycopg.Connection[Any], plan: Plan, target: Target) -> None:
    """Keep the plan's set-aside rows with their reason, in the transaction that applies the plan.

    They are all that are set aside in the group from then on: what was set aside before has come again, or is gone.
    Of a member who keeps the data that it has, the detail says from when that is.
    """
    if not plan.set_aside.rows:
        return
    connection.execute(
        'CREATE TEMP TABLE aside (master_customer_id text COLLATE "C", sub_customer_id text COLLATE "C", '
        "reason text, answer text, row text) ON COMMIT DROP"
    )
    copy.write(connection, "aside", plan.set_aside.schema.names, plan.set_aside.batches())
    connection.execute(
        "INSERT INTO set_aside_row (run_id, group_id, master_customer_id, sub_customer_id, kind, "
        "reason, detail, row, since_run) "
        "SELECT %(run)s, %(group)s, aside.master_customer_id, aside.sub_customer_id, d.kind, aside.reason, "
        "concat_ws(' ', d.detail, nullif(aside.answer, ''), "
        "to_char(r.finished_at AT TIME ZONE 'UTC', %(keeps)s)), "
        "row::jsonb, coalesce(before.since_run, %(run)s) "
        "FROM aside "
        "LEFT JOIN group_member m ON m.group_id = %(group)s AND m.master_customer_id = aside.master_customer_id "
        "AND m.sub_customer_id = aside.sub_customer_id "
        "LEFT JOIN subscriber s ON s.id = m.subscriber_id LEFT JOIN sync_run r ON r.id = s.last_run "
        "JOIN unnest(%(codes)s::text[], %(details)s::text[], %(kinds)s::text[]) AS d (code, detail, kind) "
        "ON d.code = aside.reason "
        "LEFT JOIN (SELECT coalesce(master_customer_id, '') AS master, coalesce(sub_customer_id, '') AS sub, "
        "reason, min(since_run) AS since_run FROM set_aside_row "
        "WHERE run_id = (SELECT applied_run FROM target_group WHERE id = %(group)s) GROUP BY 1, 2, 3) AS before "
        "ON (before.master, before.sub, before.reason) "
        "= (coalesce(aside.master_customer_id, ''), coalesce(aside.sub_customer_id, ''), aside.reason)",
        {
            "run": target.run_id,
            "group": target.group_id,
            "codes": [reason.value for reason in Reason],
            "details": [reason.sentence for reason in Reason],
            "kinds": [reason.kind for reason in Reason],
            "keeps": KEEPS,
        },
    )


def present(group: TargetGroup) -> QuerySet[SetAsideRow]:
    """The rows of a group that are set aside now: those of the run that made the group what it is."""
    return SetAsideRow.objects.filter(run_id=group.applied_run)
