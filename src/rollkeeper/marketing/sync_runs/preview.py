"""What a sync would do, counted by doing it and taking it back (B4): the same code as the run, never committed."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import psycopg
from django.utils import timezone
from psycopg import sql
from psycopg.rows import dict_row

from rollkeeper.marketing.bridges.connection import open_connector
from rollkeeper.marketing.subscribers import store
from rollkeeper.marketing.sync_runs import audience
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.perform import spool_folder
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.events import Event, Kind
from rollkeeper.sync.run import Progress, download


def preview(group: TargetGroup, *, approve_held: bool, requested_by: str, progress: Progress) -> SyncRun:
    """The run as it would end, never saved (`pk` is None). Raises a `ConnectorError`; writes nothing."""
    folder = spool_folder()
    with connect() as connection:
        pull_revision = store.bridge_revision(connection, group.bridge_id)
        connection.commit()
        with closing(download(open_connector(group.bridge), group.code, folder, progress)) as source:
            run = _passing_run(connection, group, approve_held=approve_held, requested_by=requested_by)
            audience.apply_alone(run, connection, source, pull_revision, folder)
            result = _as_ended(connection, run)
            connection.rollback()
    return result


def _passing_run(
    connection: psycopg.Connection[Any], group: TargetGroup, *, approve_held: bool, requested_by: str
) -> SyncRun:
    """A run that exists only inside the transaction that is taken back."""
    now = timezone.now()
    run = SyncRun(
        bridge=group.bridge,
        group=group,
        kind=Kind.AUDIENCE.value,
        event=Event.RESYNC_COUNT_DETAILS.value,
        status=SyncRun.Status.RUNNING,
        approve_held=approve_held,
        requested_by=requested_by,
        requested_at=now,
        started_at=now,
        attempt=1,
    )
    columns = [field for field in SyncRun._meta.concrete_fields if not field.primary_key]  # noqa: SLF001
    names = sql.SQL(", ").join(sql.Identifier(str(field.column)) for field in columns)
    places = sql.SQL(", ").join(sql.Placeholder() for _ in columns)
    row = connection.execute(
        sql.SQL("INSERT INTO sync_run ({}) VALUES ({}) RETURNING id").format(names, places),
        [getattr(run, field.attname) for field in columns],
    ).fetchone()
    assert row is not None  # noqa: S101  # INSERT … RETURNING gives its row
    run.pk = row[0]
    return run


def _as_ended(connection: psycopg.Connection[Any], run: SyncRun) -> SyncRun:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT * FROM sync_run WHERE id = %s", [run.pk]).fetchone()
    assert row is not None  # noqa: S101  # inserted in this transaction
    row["id"] = None
    return SyncRun(**row)
