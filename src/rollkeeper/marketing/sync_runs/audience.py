"""The audience sync of one target group: the straight line of its rows (S2, S7, S15, S26, S28, S30, B1, B3, B8)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from rollkeeper.marketing.bridges.fields import slot_columns, store_fields
from rollkeeper.marketing.guard.limits import limits_now
from rollkeeper.marketing.previews import bound
from rollkeeper.marketing.subscribers import store
from rollkeeper.marketing.subscribers.refusals import REFUSALS, refused_rows
from rollkeeper.marketing.subscribers.store import Moved, Overtaken, Target
from rollkeeper.marketing.sync_runs import record, set_aside
from rollkeeper.marketing.sync_runs.charge import Heartbeat
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.proof import (
    ALL_PULLED,
    NOTHING,
    Found,
    NotProved,
    before,
    concluded,
    correct_kept,
    is_proved,
    narrowed,
)
from rollkeeper.marketing.sync_runs.since import since_last
from rollkeeper.marketing.sync_runs.unchanged import met_unchanged
from rollkeeper.sync.connector import Connector, Mode, SourceNonsense, SourceUnavailable, TellsChanges, TellsRanges
from rollkeeper.sync.merge import STORED_SCHEMA
from rollkeeper.sync.plan import Plan
from rollkeeper.sync.run import EVERYTHING, NOTHING_REFUSED, Arriving, Download, Refused, plan
from rollkeeper.sync.spool import Spool

PLANS = (
    2  # how often a plan is made without a lock, where another sync writes meanwhile, before one is made under it
)
PULLS = 4  # how often a list is pulled again because a sync of another group wrote newer data of its people
APPLIED = Found(words="It was applied.")  # as an answer: nothing is left to do


class Superseded(Exception):
    """This run is no longer in charge; its successor writes."""


class TooBusy(Exception):
    """The people of this list are changed by other syncs faster than it can be pulled. Try again later."""

    def __str__(self) -> str:
        return str(self.__doc__)


def sync(
    run: SyncRun, connection: psycopg.Connection[Any], connector: Connector, heartbeat: Heartbeat, folder: Path
) -> None:
    """Make the run's target group what its list is in the CRM, in one transaction.

    Only what changed is asked for, where that can be. What came of it is proved; where it cannot be right, the rows
    that differ are looked for, or all of the list is pulled, in the same run, and the run says so.
    """
    assert run.group is not None  # noqa: S101  # held by create_run
    found = NOTHING
    for _ in range(PULLS):
        pull_revision, since = since_last(connection, run.group.pk)
        if run.force_full or found is not NOTHING or not isinstance(connector, TellsChanges):
            since = EVERYTHING
        heartbeat.phase = "Receiving members"
        try:
            with Arriving(connector, run.group.code, folder, heartbeat.received, since) as source:
                if met_unchanged(run, connection, source, pull_revision, folder):
                    return
                found = _proved(run, connection, connector, source, pull_revision, heartbeat, folder, found)
        except Overtaken:
            continue
        except SourceNonsense as error:
            if not since.token:
                raise
            words = f"The list's changes as the CRM sent them cannot be right: {error} All of it was pulled."
            found = Found(words=words)
        except store.Fenced as error:
            raise Superseded(str(error)) from error
        if found is APPLIED:
            return
    raise TooBusy


def _proved(
    run: SyncRun,
    connection: psycopg.Connection[Any],
    connector: Connector,
    source: Arriving,
    pull_revision: int,
    heartbeat: Heartbeat,
    folder: Path,
    found: Found,
) -> Found:
    """Apply what is pulled, with the rows that nothing accounts for where there are such; `APPLIED`, or what was
    found where all of the list must be pulled."""
    try:
        _plan_and_apply(run, connection, source, pull_revision, heartbeat, folder, found)
    except NotProved as mismatch:
        if not isinstance(connector, TellsRanges) or run.preview_id is not None:
            return Found(words=ALL_PULLED, told=mismatch.changes)
        heartbeat.phase = "Looking for what differs"
        assert run.group is not None  # noqa: S101  # held by create_run
        group = (run.group.pk, run.group.code)
        try:
            narrow = narrowed(connection, connector, group, source.whole(), mismatch, folder, heartbeat.received)
        except SourceUnavailable:  # what costs the CRM too much now may not keep a list from being synced
            return Found(words=ALL_PULLED, told=mismatch.changes)
        if narrow.source is None:
            return narrow.found
        heartbeat.phase = "Repairing"
        try:
            with closing(narrow.source) as repaired, connection.transaction():
                apply_alone(run, connection, repaired, pull_revision, folder, narrow.found)
        except (NotProved, *REFUSALS):  # or the list moved meanwhile: what changed then is counted as well
            return Found(words=ALL_PULLED, told=mismatch.changes)
    return APPLIED


def _plan_and_apply(
    run: SyncRun,
    connection: psycopg.Connection[Any],
    source: Arriving,
    pull_revision: int,
    heartbeat: Heartbeat,
    folder: Path,
    found: Found = NOTHING,
) -> None:
    """Plan without a lock; where other syncs keep writing meanwhile, plan once more under the bridge's lock.

    A whole list is compared while it comes. Of changes, all have to be there to know whom they concern.
    """
    if source.mode is not Mode.FULL:
        source.whole()
    refused = NOTHING_REFUSED
    for _ in range(PLANS):
        revision, made = plan_now(connection, run.bridge_id, _group_id(run), source, folder, refused)
        with closing(made):
            try:
                heartbeat.phase = "Writing changes"
                with connection.transaction():
                    _apply(run, connection, made, pull_revision, revision, found)
            except Moved:
                heartbeat.phase = "Comparing"
            except REFUSALS as error:
                heartbeat.phase = "Looking for the row that was refused"
                refused = refused_rows(connection, made, _target(connection, run, pull_revision, revision))
                if not refused:
                    raise error from None
            else:
                return
    with connection.transaction():
        apply_alone(run, connection, source.whole(), pull_revision, folder, found, refused)


def apply_alone(
    run: SyncRun,
    connection: psycopg.Connection[Any],
    source: Download,
    pull_revision: int,
    folder: Path,
    found: Found = NOTHING,
    refused: Refused = NOTHING_REFUSED,
) -> None:
    """Plan and apply under the bridge's lock, in the caller's transaction: nobody can come between."""
    store_fields(connection, run.bridge_id, source.fields)  # first: it may change what is stored of rows
    revision = store.bridge_revision(connection, run.bridge_id, lock=True)
    if found.defect.ours_moved:
        correct_kept(connection, _group_id(run))
    with closing(planned(connection, _group_id(run), source, folder, refused)) as made:
        _apply(run, connection, made, pull_revision, revision, found)


def plan_now(
    connection: psycopg.Connection[Any],
    bridge_id: int,
    group_id: int,
    source: Download | Arriving,
    folder: Path,
    refused: Refused = NOTHING_REFUSED,
) -> tuple[int, Plan]:
    """The plan against one snapshot of the stored side, and the bridge's revision in it. Writes nothing.

    The snapshot ends before the list comes, however long that takes: the stored keys wait on disk, 50 bytes each.
    """
    with closing(Spool(STORED_SCHEMA, folder)) as stored:
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            revision = store.bridge_revision(connection, bridge_id)
            kept = store.kept(connection, group_id)
            for batch in store.stored_members(connection, group_id, source):
                stored.write(batch)
        return revision, plan(source, stored.finish().batches(), folder, kept, refused)


def planned(
    connection: psycopg.Connection[Any],
    group_id: int,
    source: Download,
    folder: Path,
    refused: Refused = NOTHING_REFUSED,
) -> Plan:
    """The plan as the caller's transaction sees the stored side."""
    kept = store.kept(connection, group_id)
    return plan(source, store.stored_members(connection, group_id, source), folder, kept, refused)


def _apply(
    run: SyncRun,
    connection: psycopg.Connection[Any],
    made: Plan,
    pull_revision: int,
    revision: int,
    found: Found,
) -> None:
    state = before(connection, _group_id(run), made)
    if not is_proved(made, state.excess, found.defect.excess):
        # Where another sync wrote since the pull began, people may be newer here than in the pull: it is repeated.
        raise Overtaken if revision != pull_revision else NotProved(made)
    store_fields(connection, run.bridge_id, made.fields)
    target = _target(connection, run, pull_revision, revision)
    guard = limits_now(connection, target.group_id)
    verdict = guard.judge(made, run.approve_held, run.approved_removals)
    if run.preview_id is not None:
        bound.check_world(connection, run.preview_id, target.group_id, made, verdict, guard)
    applied = store.apply(connection, made, target, verdict)
    set_aside.write(connection, made, target)
    if run.preview_id is not None:
        bound.check_result(connection, run.preview_id, applied)
    alarm = guard.alarm(applied.unsubscribed, applied.members)
    if state.moved:
        correct_kept(connection, target.group_id)
    defect = concluded(made, verdict, found, state)
    record.applied(connection, run, made, applied, verdict, alarm=alarm, defect=defect, words=found.words)


def _target(connection: psycopg.Connection[Any], run: SyncRun, pull_revision: int, revision: int) -> Target:
    return Target(
        bridge_id=run.bridge_id,
        group_id=_group_id(run),
        run_id=run.pk,
        attempt=run.attempt,
        pull_revision=pull_revision,
        plan_revision=revision,
        slots=slot_columns(connection, run.bridge_id),
    )


def _group_id(run: SyncRun) -> int:
    assert run.group_id is not None  # noqa: S101  # held by create_run
    return run.group_id
