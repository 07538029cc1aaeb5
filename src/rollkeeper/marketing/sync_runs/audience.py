"""The audience sync of one target group: the straight line of its rows (S2, S7, S15, S26, S28, S30, B1, B3, B8)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from django.utils import timezone
from psycopg.types.json import Jsonb

from rollkeeper.marketing.bridges.fields import slot_columns, store_fields
from rollkeeper.marketing.guard.limits import limits_now
from rollkeeper.marketing.previews import bound
from rollkeeper.marketing.subscribers import store
from rollkeeper.marketing.subscribers.store import Applied, Moved, Overtaken, Target
from rollkeeper.marketing.sync_runs import set_aside
from rollkeeper.marketing.sync_runs.charge import Heartbeat
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.sync.connector import Connector
from rollkeeper.sync.member import fingerprint_text
from rollkeeper.sync.plan import Plan, Verdict
from rollkeeper.sync.run import Download, download, plan

PULLS = 4  # how often a list is pulled again because a sync of another group wrote newer data of its people


class Superseded(Exception):
    """This run is no longer in charge; its successor writes."""


class TooBusy(Exception):
    """The people of this list are changed by other syncs faster than it can be pulled. Try again later."""

    def __str__(self) -> str:
        return str(self.__doc__)


def sync(
    run: SyncRun, connection: psycopg.Connection[Any], connector: Connector, heartbeat: Heartbeat, folder: Path
) -> None:
    """Make the run's target group what its list is in the CRM, in one transaction."""
    assert run.group is not None  # noqa: S101  # held by create_run
    for _ in range(PULLS):
        pull_revision = store.bridge_revision(connection, run.bridge_id)
        heartbeat.phase = "Receiving members"
        with closing(download(connector, run.group.code, folder, heartbeat.received)) as source:
            try:
                _plan_and_apply(run, connection, source, pull_revision, heartbeat, folder)
            except Overtaken:
                continue
            except store.Fenced as error:
                raise Superseded(str(error)) from error
            return
    raise TooBusy


def _plan_and_apply(
    run: SyncRun,
    connection: psycopg.Connection[Any],
    source: Download,
    pull_revision: int,
    heartbeat: Heartbeat,
    folder: Path,
) -> None:
    """Plan without a lock; where another sync wrote meanwhile, plan once more under the bridge's lock."""
    heartbeat.phase = "Comparing"
    revision, made = plan_now(connection, run.bridge_id, _group_id(run), source, folder)
    with closing(made):
        try:
            heartbeat.phase = "Writing changes"
            with connection.transaction():
                _apply(run, connection, made, pull_revision, revision)
        except Moved:
            pass
        else:
            return
    with connection.transaction():
        apply_alone(run, connection, source, pull_revision, folder)


def apply_alone(
    run: SyncRun, connection: psycopg.Connection[Any], source: Download, pull_revision: int, folder: Path
) -> None:
    """Plan and apply under the bridge's lock, in the caller's transaction: nobody can come between."""
    store_fields(connection, run.bridge_id, source.fields)  # first: it may change what is stored of rows
    revision = store.bridge_revision(connection, run.bridge_id, lock=True)
    with closing(plan(source, store.stored_members(connection, _group_id(run)), folder)) as made:
        _apply(run, connection, made, pull_revision, revision)


def plan_now(
    connection: psycopg.Connection[Any], bridge_id: int, group_id: int, source: Download, folder: Path
) -> tuple[int, Plan]:
    """The plan against one snapshot of the stored side, and the bridge's revision in it. Writes nothing."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        revision = store.bridge_revision(connection, bridge_id)
        return revision, plan(source, store.stored_members(connection, group_id), folder)


def fingerprints_after(made: Plan, verdict: Verdict) -> tuple[str, str]:
    """The CRM's fingerprint of the list, and ours of the group once the plan is true (B1)."""
    ours = fingerprint_text(made.stored_sum_without_removals if verdict.held else made.stored_sum)
    return made.closing.fingerprint or fingerprint_text(made.crm_sum), ours


def _apply(
    run: SyncRun, connection: psycopg.Connection[Any], made: Plan, pull_revision: int, revision: int
) -> None:
    store_fields(connection, run.bridge_id, made.fields)
    target = Target(
        bridge_id=run.bridge_id,
        group_id=_group_id(run),
        run_id=run.pk,
        attempt=run.attempt,
        pull_revision=pull_revision,
        plan_revision=revision,
        slots=slot_columns(connection, run.bridge_id),
    )
    guard = limits_now(connection, target.group_id)
    verdict = guard.judge(made, approved=run.approve_held)
    if run.preview_id is not None:
        bound.check_world(connection, run.preview_id, target.group_id, made, verdict, guard)
    applied = store.apply(connection, made, target, verdict)
    set_aside.write(connection, made, target)
    if run.preview_id is not None:
        bound.check_result(connection, run.preview_id, applied)
    alarm = guard.alarm(applied.unsubscribed, applied.members)
    _record(connection, run, made, applied, verdict, alarm)


def _record(
    connection: psycopg.Connection[Any], run: SyncRun, made: Plan, applied: Applied, verdict: Verdict, alarm: str
) -> None:
    """Write the run's result and the group's facts, in the transaction that made them true."""
    counts, now = made.counts, timezone.now()
    crm, ours = fingerprints_after(made, verdict)
    ended = connection.execute(
        "UPDATE sync_run SET status = %s, message = %s, finished_at = %s, phase = '', mode = 'full', "
        "received = %s, rows_received = %s, added = %s, updated = %s, unchanged = %s, removed = %s, "
        "set_aside = %s, held = %s, members = %s, unsubscribed = %s, resubscribed = %s, all_added = %s, "
        "crm_fingerprint = %s, stored_fingerprint = %s, list_as_of = %s, list_version = %s, "
        "alarm = %s, revision = %s, field_names = %s WHERE id = %s AND attempt = %s AND status = 'running'",
        [
            SyncRun.Status.HELD.value if verdict.held else SyncRun.Status.COMPLETED.value,
            verdict.reason, now,
            counts.received, counts.received, counts.added, counts.updated, counts.unchanged,
            0 if verdict.held else counts.removed, counts.set_aside, verdict.held,
            applied.members, applied.unsubscribed, applied.resubscribed, applied.all_added,
            crm, ours, made.closing.as_of, made.closing.version,
            alarm, applied.revision, Jsonb([field.name for field in made.fields]), run.pk, run.attempt,
        ],
    )  # fmt: skip
    if not ended.rowcount:
        raise store.Fenced("Another worker has taken this run over; what this one wrote is taken back.")
    connection.execute(
        "UPDATE target_group SET synced_at = %s, synced_list_as_of = %s, fingerprint = %s, crm_fingerprint = %s, "
        "verified_at = CASE WHEN %s THEN %s ELSE verified_at END, missing_at_source = false, "
        "missing_since = NULL, "
        "list_members = %s, list_regenerated_at = coalesce(%s, list_regenerated_at) WHERE id = %s",
        [now, made.closing.as_of, ours, crm, crm == ours, now, counts.received, made.closing.as_of, _group_id(run)],
    )


def _group_id(run: SyncRun) -> int:
    assert run.group_id is not None  # noqa: S101  # held by create_run
    return run.group_id
