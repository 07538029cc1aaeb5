"""History is kept until a person says for how many months; then what is older is dropped (B6).

Rows are deleted run by run, in pieces that commit on their own: nobody who reads or syncs waits. Cut short, it
is taken up by the next call.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from rollkeeper.postgres.connection import connect

PIECE = 10_000  # rows a transaction

# What a bridge may drop ends before its first run that is young enough. By the revision: a clock that jumped back
# makes history last longer, and none is dropped that a kept run needs.
BOUND = """
SELECT b.id, b.history_revision, coalesce(
    (SELECT min(r.revision) - 1 FROM sync_run r
     WHERE r.bridge_id = b.id AND r.revision IS NOT NULL AND r.finished_at >= %(cutoff)s),
    (SELECT max(r.revision) FROM sync_run r WHERE r.bridge_id = b.id))
FROM bridge b ORDER BY b.id
"""
RUNS = """
SELECT r.id FROM sync_run r WHERE r.bridge_id = %s AND r.revision <= %s
AND EXISTS (SELECT FROM run_change c WHERE c.run_id = r.id) ORDER BY r.revision
"""
DROP_CHANGES = """
DELETE FROM run_change WHERE ctid = ANY(ARRAY(SELECT ctid FROM run_change WHERE run_id = %s LIMIT %s))
"""
DROP_FORGOTTEN = """
DELETE FROM forgotten_value WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM forgotten_value WHERE bridge_id = %s AND revision <= %s LIMIT %s))
"""


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many old values and moves were dropped, of how many runs."""

    runs: int
    changes: int


def drop_older(months: int, now: datetime) -> Dropped:
    """Drop what runs changed that ended more than so many calendar months ago, of every bridge.

    A question about the audience as of a run before that is refused from the first moment on.
    """
    cutoff = months_before(now, months)
    dropped = Dropped(0, 0)
    with connect(autocommit=True) as connection:
        for bridge_id, known, bound in connection.execute(BOUND, {"cutoff": cutoff}).fetchall():
            if bound is None:
                continue
            # Said before it is done: whoever asks in between is refused, and whoever asked before has a snapshot.
            connection.execute(
                "UPDATE bridge SET history_revision = greatest(history_revision, %s) WHERE id = %s",
                [bound, bridge_id],
            )
            done = _drop(connection, bridge_id, max(known, bound))
            dropped = Dropped(dropped.runs + done.runs, dropped.changes + done.changes)
    return dropped


def months_before(now: datetime, months: int) -> datetime:
    """The same day and time so many months earlier; the month's last day where it has no such day."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return now.replace(year=year, month=month + 1, day=min(now.day, last))


def _drop(connection: psycopg.Connection[Any], bridge_id: int, bound: int) -> Dropped:
    runs = [run for (run,) in connection.execute(RUNS, [bridge_id, bound]).fetchall()]
    changes = sum(_in_pieces(connection, DROP_CHANGES, run) for run in runs)
    _in_pieces(connection, DROP_FORGOTTEN, bridge_id, bound)
    return Dropped(len(runs), changes)


def _in_pieces(connection: psycopg.Connection[Any], statement: str, *values: int) -> int:
    deleted = 0
    while piece := connection.execute(statement, [*values, PIECE]).rowcount:
        deleted += piece
    return deleted
