"""Making a preview: the run's own pull, comparison and guard, stopped before the write (B4).

No lock is held and no sync waits: the stored side is read in one snapshot, and what is written is the preview's
own. It can be made again after a crash: its rows and its result appear in one transaction, fenced by `attempt`.
"""

from __future__ import annotations

import time
from contextlib import closing
from datetime import timedelta
from typing import Any

import psycopg
from django.db.models import F
from django.utils import timezone

from rollkeeper.marketing.bridges.connection import open_connector
from rollkeeper.marketing.guard.limits import limits_now
from rollkeeper.marketing.previews.basis import basis_of
from rollkeeper.marketing.previews.models import Preview, PreviewRow
from rollkeeper.marketing.previews.rows import Moves, RowWriter
from rollkeeper.marketing.sync_runs.audience import planned
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.perform import spool_folder
from rollkeeper.marketing.sync_runs.proof import is_proved, known_excess
from rollkeeper.marketing.sync_runs.record import ended, outcome
from rollkeeper.marketing.sync_runs.since import since_last
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.connector import (
    Connector,
    ConnectorError,
    ListMissing,
    ListNotBuilt,
    SourceNonsense,
    TellsChanges,
)
from rollkeeper.sync.download import EVERYTHING, Since, download
from rollkeeper.sync.plan import Guard, Plan, Verdict

Status = Preview.Status
KEPT = timedelta(days=7)
KEPT_A_GROUP = 5
SHOWN_EVERY = 1.0  # seconds between two signs of progress


class Cancelled(Exception):
    """A person asked to stop."""


class Overtaken(Exception):
    """Another worker makes this preview by now."""


def make(preview_id: int) -> Preview:
    """Make a preview that waits (or that a dead worker left) and return it as it ended.

    What the CRM does wrong ends it as failed, with a sentence; an error of our own making is raised after that.
    """
    preview = Preview.objects.select_related("bridge", "group").get(pk=preview_id)
    if preview.status not in (Status.WAITING, Status.RUNNING):
        return preview
    purge(preview)
    _start(preview)
    try:
        make_from(preview, open_connector(preview.bridge))
    except Cancelled:
        _end(preview, Status.CANCELLED, "Cancelled.", "cancelled")
    except Overtaken:
        pass
    except ConnectorError as error:
        _end(preview, Status.FAILED, str(error), _kind(error))
    except Exception as error:
        _end(preview, Status.FAILED, f"An error of Rollkeeper's own: {type(error).__name__}: {error}.", "internal")
        raise
    preview.refresh_from_db()
    return preview


def make_from(preview: Preview, connector: Connector) -> None:
    """Pull the list, or what changed in it, compare, judge, and keep what came of it. Raises a `ConnectorError`."""
    progress = _Progress(preview)
    if not (isinstance(connector, TellsChanges) and _make_since(preview, connector, progress)):
        _make_of(preview, connector, progress, EVERYTHING)


def _make_since(preview: Preview, connector: Connector, progress: _Progress) -> bool:
    """Make it from the changes alone; False where they cannot be right: a sync too then pulls all of the list."""
    with connect(autocommit=True) as reader:
        _, since = since_last(reader, preview.group_id)
    try:
        return bool(since.token) and _make_of(preview, connector, progress, since)
    except SourceNonsense:
        return False


def _make_of(preview: Preview, connector: Connector, progress: _Progress, since: Since) -> bool:
    folder = spool_folder()
    pulled = download(connector, preview.group.code, folder, progress.received, since)
    with closing(pulled) as source, connect() as reader:
        progress.phase("Comparing")
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with closing(planned(reader, preview.group_id, source, folder)) as made:
            if not is_proved(made, known_excess(reader, preview.group_id)):
                return False
            guard = limits_now(reader, preview.group_id)
            verdict = guard.judge(made, approved=preview.approve_held)
            progress.phase("Looking up people")
            with connect() as writer:
                moves = RowWriter(reader, writer, preview.pk, preview.bridge_id).write(made, verdict)
                _keep(reader, writer, preview, made, verdict, guard, moves)
    return True


def purge(preview: Preview) -> None:
    """Drop previews of any group that are older than a week, and of this group all but the newest few."""
    old = Preview.objects.filter(requested_at__lt=timezone.now() - KEPT)
    newest = (
        Preview.objects.filter(group=preview.group_id).order_by("-id").values_list("pk", flat=True)[:KEPT_A_GROUP]
    )
    surplus = Preview.objects.filter(group=preview.group_id).exclude(pk__in=list(newest))
    bound = SyncRun.objects.filter(
        status__in=(SyncRun.Status.WAITING, SyncRun.Status.RUNNING), preview__isnull=False
    ).values_list("preview_id", flat=True)
    for pk in (old | surplus).exclude(pk__in=[preview.pk, *bound]).values_list("pk", flat=True):
        PreviewRow.objects.filter(preview_id=pk)._raw_delete("default")  # noqa: SLF001  # no row is read first
        Preview.objects.filter(pk=pk).delete()


def _kind(error: ConnectorError) -> str:
    if isinstance(error, ListMissing):
        return "missing"
    return "not_built" if isinstance(error, ListNotBuilt) else "source"


def _start(preview: Preview) -> None:
    Preview.objects.filter(pk=preview.pk).update(
        status=Status.RUNNING, attempt=F("attempt") + 1, started_at=timezone.now(), message="", error_kind=""
    )
    preview.refresh_from_db()


def _end(preview: Preview, status: Status, message: str, kind: str) -> None:
    Preview.objects.filter(pk=preview.pk, attempt=preview.attempt, status=Status.RUNNING).update(
        status=status, message=message, error_kind=kind, finished_at=timezone.now(), phase=""
    )


def _keep(
    reader: psycopg.Connection[Any],
    writer: psycopg.Connection[Any],
    preview: Preview,
    made: Plan,
    verdict: Verdict,
    guard: Guard,
    moves: Moves,
) -> None:
    """Write the result, in the transaction of the rows. Raises `Overtaken`."""
    basis = basis_of(reader, preview.group_id, made, guard)
    values = {
        **outcome(
            made,
            verdict,
            unsubscribed=moves.unsubscribed,
            resubscribed=moves.resubscribed,
            alarm=guard.alarm(moves.unsubscribed, made.members_after(verdict)),
        ),
        **{name: getattr(basis, name) for name in basis.__slots__},
        "status": Status.READY.value,
        "finished_at": timezone.now(),
    }
    if not ended(writer, "sync_preview", preview.pk, preview.attempt, values):
        raise Overtaken


class _Progress:
    """Shows how far a preview is, at most once a second, and hears a cancel."""

    def __init__(self, preview: Preview) -> None:
        self._preview = preview
        self._phase, self._shown_at = "Receiving members", 0.0

    def received(self, rows: int) -> None:
        """Raises `Cancelled` when a person asked for it, `Overtaken` when another worker has the preview."""
        if time.monotonic() - self._shown_at >= SHOWN_EVERY:
            self._show(rows_received=rows)

    def phase(self, phase: str) -> None:
        self._phase = phase
        self._show()

    def _show(self, **columns: int) -> None:
        self._shown_at = time.monotonic()
        mine = Preview.objects.filter(pk=self._preview.pk, attempt=self._preview.attempt, status=Status.RUNNING)
        if not mine.update(phase=self._phase, **columns):
            raise Overtaken
        if mine.filter(cancel_requested=True).exists():
            raise Cancelled
