"""What came of an audience sync: the run's result and the group's facts, in the transaction that made them true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from django.utils import timezone
from psycopg.types.json import Jsonb

from rollkeeper.marketing.subscribers.store import Applied, Fenced
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.sync.member import fingerprint_text
from rollkeeper.sync.plan import Plan, Verdict
from rollkeeper.sync.proof import changes_of, unannounced


@dataclass(frozen=True, slots=True)
class Found:
    """A defect that this run found before it pulled all of the list: a sentence, and what the CRM had said instead.

    `told` names the changes that it had sent; None where they could not be read.
    """

    defect: str
    told: pa.ChunkedArray | None = None


def fingerprints_after(made: Plan, verdict: Verdict) -> tuple[str, str]:
    """The CRM's fingerprint of the list, and ours of the group once the plan is true (B1)."""
    ours = made.stored_sum_without_removals if verdict.held else made.stored_sum
    return made.crm_fingerprint, fingerprint_text(ours)


def applied(
    connection: psycopg.Connection[Any],
    run: SyncRun,
    made: Plan,
    applied: Applied,
    verdict: Verdict,
    *,
    alarm: str,
    found: Found | None,
) -> None:
    """Record a plan that was made true. Raises `Fenced` where another worker has the run now."""
    counts, now, closing = made.counts, timezone.now(), made.closing
    crm, ours = fingerprints_after(made, verdict)
    defect = " ".join(filter(None, [found.defect if found else "", made.defect()]))
    repaired = unannounced(changes_of(made), found.told) if found is not None and found.told is not None else 0
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
            alarm, applied.revision, Jsonb([field.name for field in made.fields]), defect, repaired,
            run.pk, run.attempt,
        ],
    )  # fmt: skip
    if not ended.rowcount:
        raise Fenced("Another worker has taken this run over; what this one wrote is taken back.")
    # What contradicts itself is no state to go on from: the next sync pulls everything again.
    token = "" if made.defect() else closing.token or ""
    connection.execute(
        "UPDATE target_group SET synced_at = %s, synced_list_as_of = %s, fingerprint = %s, crm_fingerprint = %s, "
        "verified_at = CASE WHEN %s THEN %s ELSE verified_at END, missing_at_source = false, missing_since = NULL, "
        "list_members = coalesce(%s, list_members), list_regenerated_at = coalesce(%s, list_regenerated_at), "
        "change_token = %s, applied_run = %s WHERE id = %s",
        [
            now, closing.as_of, ours, crm, crm == ours, now, made.list_members, closing.as_of, token, run.pk,
            run.group_id,
        ],
    )  # fmt: skip
