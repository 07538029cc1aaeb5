"""A sync run from its start to its end: take charge, read, plan, guard, apply, say what came of it.

Safe to call again for the same run after a crash: nothing is visible before the one transaction that also
records the run as done.
"""

from __future__ import annotations

import errno
import logging
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from django.utils import timezone

from rollkeeper.configuration import configuration
from rollkeeper.marketing.bridges import catalog
from rollkeeper.marketing.bridges.connection import open_connector
from rollkeeper.marketing.previews.bound import WorldMoved
from rollkeeper.marketing.sync_runs import audience
from rollkeeper.marketing.sync_runs.charge import Busy, Cancelled, Heartbeat, taken_charge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import ConnectorError, ListMissing, ListNotBuilt
from rollkeeper.sync.events import Kind

logger = logging.getLogger(__name__)

MISSING_ADVICE = (
    "Nothing was removed: the target group keeps its members and its history. If the list was deleted by mistake, "
    "make it again in the CRM under the same code and press Refresh Target Group List."
)  # S29
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, this user's share of it, the size of one file

Status = SyncRun.Status


def perform(run_id: int, *, keep_connection: bool = False) -> SyncRun:
    """Perform a run that waits (or that a dead worker left running) and return it as it ended.

    `keep_connection`: for a process that performs one run after the other.

    A run that cannot be done ends as failed, with a sentence in `message` and the target group exactly as it
    was; an error of our own making is raised after that, so that the queue shows it. `Busy` ends as skipped.
    """
    run = SyncRun.objects.select_related("bridge", "group").get(pk=run_id)
    if run.status not in (Status.WAITING, Status.RUNNING):
        return run
    try:
        with taken_charge(run, keep=keep_connection) as charge:
            _start(run)
            with Heartbeat(run.pk, run.attempt) as heartbeat:
                _do(run, charge, heartbeat)
    except Busy as busy:
        _end(run, Status.SKIPPED, f"{busy} Try again when it is done.", "busy")
    except Cancelled as cancelled:
        _end(run, Status.SKIPPED, str(cancelled), "cancelled")
    except (ConnectorError, audience.TooBusy) as error:
        _end(run, Status.FAILED, *_failure(run, error))
    except WorldMoved as error:
        _end(run, Status.SKIPPED, str(error), "moved")
    except audience.Superseded as error:
        logger.warning("Run %s: %s", run_id, error)
    except Exception as error:
        _fail_or_give_way(run, error)
    run.refresh_from_db()
    return run


def spool_folder() -> Path:
    """Where downloads wait: in the home, whose disk is the one that is watched."""
    folder = configuration().home_path / "spool"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


_START = """
WITH abandoned AS (
    UPDATE sync_run SET status = 'failed', finished_at = %(now)s, error_kind = 'abandoned', message = %(abandoned)s
    WHERE bridge_id = %(bridge)s AND group_id IS NOT DISTINCT FROM %(group)s AND kind = %(kind)s
    AND status = 'running' AND id <> %(run)s
)
UPDATE sync_run SET status = 'running', attempt = attempt + 1, started_at = %(now)s,
    heartbeat_at = clock_timestamp(), message = '', error_kind = ''
WHERE id = %(run)s RETURNING attempt, approve_held, approved_removals
"""


def _start(run: SyncRun) -> None:
    """Record that the run is ours: the attempt number fences whoever had it before.

    Runs of the same thing that still say running have lost their process: we hold its lock. Whether a run lives is
    judged by the database's clock, so its first sign of life is by that clock too.
    """
    run.started_at = timezone.now()
    run.status = Status.RUNNING
    with connection.cursor() as cursor:
        cursor.execute(
            _START,
            {
                "now": run.started_at, "run": run.pk,
                "bridge": run.bridge_id, "group": run.group_id, "kind": run.kind,
                "abandoned": f"Its process ended in the middle; nothing was changed. Run {run.pk} took over.",
            },
        )  # fmt: skip
        run.attempt, run.approve_held, run.approved_removals = cursor.fetchone()  # an approval may have joined it


def _do(run: SyncRun, charge: psycopg.Connection[Any], heartbeat: Heartbeat) -> None:
    connector = open_connector(run.bridge)
    if run.kind == Kind.CATALOG.value:
        heartbeat.phase = "Reading lists and fields"
        found = connector.catalog()
        catalog.store_catalog(run.bridge, found, timezone.now())
        _end(run, Status.COMPLETED, f"{len(found.lists):,} lists and {len(found.fields):,} fields.", "")
    else:
        audience.sync(run, charge, connector, heartbeat, spool_folder())


def _end(run: SyncRun, status: Status, message: str, kind: str) -> bool:
    """End a run that is ours, unless it ended already; whether it was still ours to end."""
    ended = SyncRun.objects.filter(
        pk=run.pk, attempt=run.attempt, status__in=[Status.WAITING, Status.RUNNING]
    ).update(status=status, message=message, error_kind=kind, finished_at=timezone.now(), phase="")
    return bool(ended)


def _failure(run: SyncRun, error: Exception) -> tuple[str, str]:
    """What to tell of a run that could not be done, and its kind. A list that is gone marks its group (S29)."""
    match error:
        case ListMissing():
            _mark_missing(run)
            return f"{error} {MISSING_ADVICE}", "missing"
        case ListNotBuilt():
            return str(error), "not_built"
        case audience.TooBusy():
            return str(error), "busy"
        case _:
            return str(error), "source"


def _fail_or_give_way(run: SyncRun, error: Exception) -> None:
    """End the run as failed and raise the error; but that a successor ended our connection is none."""
    if _end(run, Status.FAILED, _own_words(error), "internal") or not isinstance(error, psycopg.OperationalError):
        raise error
    logger.warning("Run %s: its connection was ended, and another run took over", run.pk)


def _mark_missing(run: SyncRun) -> None:
    """The list is gone (S29): nothing is removed, and the group says since when."""
    there = TargetGroup.objects.filter(missing_at_source=False, runs=run)
    there.update(missing_at_source=True, missing_since=timezone.now())


def _own_words(error: Exception) -> str:
    full = isinstance(error, psycopg.errors.DiskFull) or (isinstance(error, OSError) and error.errno in NO_ROOM)
    if full:
        return f"The disk of {configuration().home_path} is full. Nothing was changed. Make room and sync again."
    return f"An error of Rollkeeper's own: {type(error).__name__}: {error}. Nothing was changed."
