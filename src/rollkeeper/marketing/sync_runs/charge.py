"""Who is in charge of a run: one process at a time, taken over when that process is dead or frozen.

The process in charge holds a session lock of the database on what it syncs, on the connection with which it
writes: when the process dies the lock goes with it, at once. A process that is only frozen keeps its
connection; after thirty seconds without a heartbeat its connection is ended from outside, so that it cannot
write when it wakes, and the run's attempt number, checked in the writing transaction, tells it that it is
no longer in charge.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.pq import TransactionStatus

from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.postgres.connection import connect

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0  # also how often pages see progress move
STALE_AFTER = timedelta(seconds=30)

CATALOG_LOCKS, GROUP_LOCKS = 7_421_002, 7_421_003  # the first key of the advisory locks; the second is an id


class Busy(Exception):
    """Another run of the same target group (or catalog) is at work."""

    def __init__(self, run_id: int | None) -> None:
        self.run_id = run_id
        super().__init__(
            f"Run {run_id} of the same target group is at work." if run_id else "Another run is at work."
        )


class Cancelled(Exception):
    """A person asked to stop the run before it changed anything."""


_kept: deque[psycopg.Connection[Any]] = deque()  # connections of this process that wait for the next run


@contextmanager
def taken_charge(run: SyncRun, *, keep: bool = False) -> Iterator[psycopg.Connection[Any]]:
    """The connection that is in charge of what the run syncs. Raises `Busy`.

    `keep`: where all goes well it waits, without the lock, for this process's next run: making a new one costs
    more than a sync that finds nothing changed.
    """
    connection = _charged(run)
    try:
        yield connection
        if keep and connection.info.transaction_status is TransactionStatus.IDLE:
            connection.execute("SELECT pg_advisory_unlock_all()")
            _kept.append(connection)
            return
    except BaseException:
        connection.close()
        raise
    connection.close()


def _charged(run: SyncRun) -> psycopg.Connection[Any]:
    """A connection that holds the lock: one that waits, or a new one."""
    while _kept:
        connection = _kept.pop()
        try:
            return _locked(connection, run)
        except psycopg.OperationalError as error:
            logger.info("A connection was lost while it waited: %s", str(error).strip())
    return _locked(connect(autocommit=True), run)


def _locked(connection: psycopg.Connection[Any], run: SyncRun) -> psycopg.Connection[Any]:
    try:
        _lock(connection, run)
    except BaseException:
        connection.close()
        raise
    return connection


def _lock(connection: psycopg.Connection[Any], run: SyncRun) -> None:
    space, key = (GROUP_LOCKS, run.group_id) if run.group_id is not None else (CATALOG_LOCKS, run.bridge_id)
    for _ in range(2):
        if _try_lock(connection, space, key):
            return
        if not _end_frozen_holder(connection, space, key, run):
            break
    raise Busy(_running(run))


def _try_lock(connection: psycopg.Connection[Any], space: int, key: int) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [space, key]).fetchone()
    return bool(row and row[0])


def _end_frozen_holder(connection: psycopg.Connection[Any], space: int, key: int, run: SyncRun) -> bool:
    """End the connection of a holder whose run shows no sign of life; whether there was one.

    A holder that has only just taken the lock may not have shown any yet. A sign from the future is none: a clock
    was wrong then, and whoever lives gives another within a second. Ending waits up to five seconds for the
    connection to be gone, and its lock with it.
    """
    patience = STALE_AFTER.total_seconds()
    row = connection.execute(
        "SELECT pg_terminate_backend(l.pid, 5000) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.granted "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND l.classid = %s AND l.objid = %s AND l.pid <> pg_backend_pid() "
        "AND abs(extract(epoch FROM clock_timestamp() - a.state_change)) > %s "
        "AND NOT EXISTS (SELECT FROM sync_run r WHERE r.status = 'running' AND r.bridge_id = %s "
        "AND r.group_id IS NOT DISTINCT FROM %s "
        "AND abs(extract(epoch FROM clock_timestamp() - r.heartbeat_at)) < %s)",
        [space, key, patience, run.bridge_id, run.group_id, patience],
    ).fetchone()
    return bool(row and row[0])


def _running(run: SyncRun) -> int | None:
    return (
        SyncRun.objects.filter(bridge_id=run.bridge_id, group_id=run.group_id, status=SyncRun.Status.RUNNING)
        .exclude(pk=run.pk)
        .values_list("pk", flat=True)
        .first()
    )


class Heartbeat:
    """Shows, from a thread and connection of its own, that the run lives, how far it is, and hears a cancel.

    The run's start is the first sign of life: a run that is done within a second needs no other, and no connection.
    """

    def __init__(self, run_id: int, attempt: int) -> None:
        self.phase = "Connecting to the CRM"
        self.rows = 0
        self._run_id, self._attempt = run_id, attempt
        self._cancelled = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{run_id}", daemon=True)

    def received(self, rows: int) -> None:
        """Note progress; raises `Cancelled` when a person asked for it."""
        self.rows = rows
        if self._cancelled:
            raise Cancelled("Cancelled by a person before anything was changed.")

    def _beat(self) -> None:
        """Beat until told to stop, over a new connection where one is lost; the writer has its own."""
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                self._beat_while_connected()
            except psycopg.OperationalError as error:
                logger.warning("Run %s: its heartbeat lost the database: %s", self._run_id, str(error).strip())

    def _beat_while_connected(self) -> None:
        with connect(autocommit=True) as connection:
            while True:
                row = connection.execute(
                    "UPDATE sync_run SET heartbeat_at = clock_timestamp(), phase = %s, rows_received = %s "
                    "WHERE id = %s AND attempt = %s AND status = 'running' RETURNING cancel_requested",
                    [self.phase, self.rows, self._run_id, self._attempt],
                ).fetchone()
                self._cancelled = bool(row and row[0])
                if self._stop.wait(HEARTBEAT_SECONDS):
                    return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
