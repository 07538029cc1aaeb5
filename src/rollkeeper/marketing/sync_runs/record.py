"""What came of an audience sync: the run's result and the group's facts, in the transaction that made them true."""

from __future__ import annotations

from typing import Any

import psycopg
from django.utils import timezone
from psycopg.types.json import Jsonb

from rollkeeper.marketing.subscribers.store import Applied, Fenced
from rollkeeper.marketing.sync_runs import proof
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.sync.defect import Defect
from rollkeeper.sync.member import field_set_key, fingerprint_text
from rollkeeper.sync.plan import Plan, Verdict


def fingerprints_after(made: Plan, verdict: Verdict) -> tuple[str, str]:
    """The CRM's fingerprint of the list, and ours of the group once the plan is true (B1)."""
    ours = made.stored_sum_without_removals if verdict.held else made.stored_sum
    return proof.crm_fingerprint(made), fingerprint_text(ours)


def applied(
    connection: psycopg.Connection[Any],
    run: SyncRun,
    made: Plan,
    applied: Applied,
    verdict: Verdict,
    *,
    alarm: str,
    defect: Defect,
    words: str,
) -> None:
    """Record a plan that was made true. Raises `Fenced` where another worker has the run now."""
    counts, now, closing = made.counts, timezone.now(), made.closing
    crm, ours = fingerprints_after(made, verdict)
    ended = connection.execute(
        "UPDATE sync_run SET status = %s, message = %s, finished_at = %s, phase = '', mode = %s, "
        "received = %s, rows_received = %s, added = %s, updated = %s, unchanged = %s, removed = %s, "
        "set_aside = %s, held = %s, members = %s, unsubscribed = %s, resubscribed = %s, all_added = %s, "
        "crm_fingerprint = %s, stored_fingerprint = %s, list_as_of = %s, list_version = %s, "
        "alarm = %s, revision = %s, field_names = %s, defect = %s, repaired = %s "
        "WHERE id = %s AND attempt = %s AND status = 'running'",
        [
            SyncRun.Status.HELD.value if verdict.held else SyncRun.Status.COMPLETED.value,
            verdict.reason, now, made.mode.value,
            counts.received, counts.received, counts.added, counts.updated, counts.unchanged,
            0 if verdict.held else counts.removed, counts.set_aside, verdict.held,
            applied.members, applied.unsubscribed, applied.resubscribed, applied.all_added,
            crm, ours, closing.as_of, closing.version,
            alarm, applied.revision, Jsonb([field.name for field in made.fields]),
            f"{defect} {words}".strip(), defect.rows,
            run.pk, run.attempt,
        ],
    )  # fmt: skip
    if not ended.rowcount:
        raise Fenced("Another worker has taken this run over; what this one wrote is taken back.")
    connection.execute(
        "UPDATE target_group SET synced_at = %s, synced_list_as_of = %s, fingerprint = %s, crm_fingerprint = %s, "
        "verified_at = CASE WHEN %s THEN %s ELSE verified_at END, missing_at_source = false, missing_since = NULL, "
        "list_members = coalesce(%s, list_members), list_regenerated_at = coalesce(%s, list_regenerated_at), "
        "change_token = %s, applied_run = %s, crm_excess = %s, field_set = %s WHERE id = %s",
        [
            now, closing.as_of, ours, crm, crm == ours, now, made.list_members, closing.as_of,
            closing.token or "", run.pk, str(defect.excess), field_set_key(made.fields), run.group_id,
        ],
    )  # fmt: skip
