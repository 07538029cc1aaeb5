"""What came of an audience sync: the run's result and the group's facts, in the transaction that made them true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.utils import timezone
from psycopg import sql
from psycopg.types.json import Jsonb

from rollkeeper.marketing.subscribers.store import Applied, Fenced
from rollkeeper.marketing.sync_runs import proof
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.sync.defect import Defect
from rollkeeper.sync.member import field_set_key, fingerprint_text
from rollkeeper.sync.plan import Plan, Verdict


def outcome(made: Plan, verdict: Verdict, *, unsubscribed: int, resubscribed: int, alarm: str) -> dict[str, object]:
    """What comes of a plan once it is true as far as the guard lets it: column of a run or preview → value."""
    counts, closing = made.counts, made.closing
    ours = made.stored_sum_without_removals if verdict.held else made.stored_sum
    return {
        "message": verdict.reason,
        "mode": made.mode.value,
        "received": counts.received,
        "rows_received": counts.received,
        "added": counts.added,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "unsubscribed": unsubscribed,
        "resubscribed": resubscribed,
        "removed": made.removed_by(verdict),
        "set_aside": counts.set_aside,
        "held": verdict.held,
        "members": made.members_after(verdict),
        "crm_fingerprint": proof.crm_fingerprint(made),
        "stored_fingerprint": fingerprint_text(ours),
        "list_as_of": closing.as_of,
        "list_version": closing.version,
        "alarm": alarm,
    }


def ended(
    connection: psycopg.Connection[Any], table: str, pk: int, attempt: int, values: Mapping[str, object]
) -> bool:
    """Write the end of a run (`sync_run`) or preview (`sync_preview`); False where another worker has it now."""
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in values)
    statement = sql.SQL(
        "UPDATE {} SET {}, phase = '' WHERE id = %s AND attempt = %s AND status = 'running'"
    ).format(sql.Identifier(table), assignments)
    return connection.execute(statement, [*values.values(), pk, attempt]).rowcount > 0


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
    now, closing = timezone.now(), made.closing
    moves = {"unsubscribed": applied.unsubscribed, "resubscribed": applied.resubscribed}
    result = outcome(made, verdict, **moves, alarm=alarm)
    values = {
        **result,
        "status": SyncRun.Status.HELD.value if verdict.held else SyncRun.Status.COMPLETED.value,
        "finished_at": now,
        "all_added": applied.all_added,
        "revision": applied.revision,
        "field_names": Jsonb([field.name for field in made.fields]),
        "defect": f"{defect} {words}".strip(),
        "repaired": defect.rows,
    }
    if not ended(connection, "sync_run", run.pk, run.attempt, values):
        raise Fenced("Another worker has taken this run over; what this one wrote is taken back.")
    crm, ours = result["crm_fingerprint"], result["stored_fingerprint"]
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
