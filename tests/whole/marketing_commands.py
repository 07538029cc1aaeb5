"""What a driver can do in the marketing site."""

from __future__ import annotations

import csv
import os
import signal
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from rollkeeper.cli import preparation
from rollkeeper.cli.sync_run import as_run, document, exit_code, perform_here
from rollkeeper.marketing.bridges.models import Bridge, PersonalizationField
from rollkeeper.marketing.previews.make import make
from rollkeeper.marketing.previews.request import create_preview
from rollkeeper.marketing.subscribers import store
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs import charge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups import fingerprints, funnel
from rollkeeper.marketing.target_groups.export import export_group
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.connector import ConnectorError
from rollkeeper.sync.events import Event

REFUSALS = (ConnectorError,)

EMPTIED = (
    "run_change", "set_aside_row", "held_removal", "group_member", "subscriber", "sync_run", "target_group",
    "bridge_field", "bridge_withdrawn_field",
)  # fmt: skip


def _group(code: str) -> TargetGroup:
    return TargetGroup.objects.select_related("bridge").get(code=code)


def _document(run: SyncRun) -> dict[str, Any]:
    return {**document(run), "exit_code": int(exit_code(run)), "error_kind": run.error_kind}


def join_to_crm(url: str, token: str) -> None:
    """The bundled bridge, as `up` makes it."""
    bridge, _ = Bridge.objects.get_or_create(name=preparation.BRIDGE_NAME, connector=preparation.CONNECTOR)
    Bridge.objects.filter(pk=bridge.pk).update(url=url)
    preparation.store_token(token)


def refresh() -> dict[str, Any]:
    return _document(perform_here(Bridge.objects.get(), Event.REFRESH_TARGET_GROUPS))


def sync(code: str, approve: bool = False) -> dict[str, Any]:
    group = _group(code)
    return _document(perform_here(group.bridge, Event.RESYNC_COUNT_DETAILS, group=group, approve_held=approve))


def preview(code: str, approve: bool = False) -> dict[str, Any]:
    made = make(create_preview(_group(code), requested_by="tester", approve_held=approve).pk)
    return _document(as_run(made)) | {"error_kind": made.error_kind}


def exported(code: str, also_csv: bool = False) -> dict[str, Any]:
    """The group's Parquet file as columns and rows; the CSV must say the same, empty for null."""
    group = _group(code)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "group"
        export_group(group, "parquet", path)
        table = pq.read_table(path)
        rows = [list(row.values()) for row in table.to_pylist()]
        if also_csv:
            export_group(group, "csv", path)
            with path.open(newline="", encoding="utf-8") as file:
                header, *lines = csv.reader(file)
            assert header == table.column_names
            assert lines == [["" if value is None else value for value in row] for row in rows]
    return {"columns": table.column_names, "rows": rows}


def facts(code: str) -> dict[str, Any]:
    """What is kept of a group beside what its rows say."""
    group = _group(code)
    with connect() as database:
        return {
            "kept": [getattr(group, name) for name in funnel.COUNTS],
            "counted": [getattr(funnel.counted_from_rows(database, group.pk), name) for name in funnel.COUNTS],
            "listed": [_listed(database, group, step) for step in funnel.STEPS],
            "fingerprint": group.fingerprint,
            "recomputed": fingerprints.recomputed(database, group.pk),
            "held": group.count_held,
            "missing": group.missing_at_source,
            "list_members": group.list_members,
            "stale": GroupMember.objects.filter(group=group).exclude(subscriber__hash_hi=F("hash_hi")).count(),
        }


def _listed(database: Any, group: TargetGroup, step: funnel.Step) -> int:
    return len(funnel.people(database, group.pk, step.key, kept=True, limit=100_000))


def fields() -> list[list[str]]:
    return [[field.name, field.label, field.type] for field in PersonalizationField.objects.all()]


def codes() -> list[str]:
    return sorted(TargetGroup.objects.values_list("code", flat=True))


def opt_out(key: list[str], what: str) -> bool:
    """What the person did here (S30), under the lock that syncs take; counts follow."""
    with transaction.atomic():
        bridge = Bridge.objects.select_for_update(no_key=True).get()
        done = Subscriber.objects.filter(bridge=bridge, master_customer_id=key[0], sub_customer_id=key[1]).update(
            **{what: timezone.now()}
        )
    with connect() as database:
        for group in TargetGroup.objects.filter(bridge=bridge):
            funnel.store_recount(database, group.pk)
    return bool(done)


def patience(seconds: float) -> None:
    """Take a run for frozen after so many seconds without a heartbeat."""
    charge.STALE_AFTER = timedelta(seconds=seconds)


def export_to(code: str, path: str) -> None:
    export_group(_group(code), "parquet", Path(path))


def stop_before(step: str) -> None:
    """Freeze this process (SIGSTOP) the next time it comes to a step of the store: `apply`, or one inside it."""
    _before(step, lambda: os.kill(os.getpid(), signal.SIGSTOP))


def wait_before(step: str, seconds: float) -> None:
    """Be slow, but alive, the next time at that step."""
    _before(step, lambda: time.sleep(seconds))


def _before(step: str, what: Callable[[], None]) -> None:
    original = getattr(store, step)

    def then(*arguments: Any, **named: Any) -> Any:
        setattr(store, step, original)
        what()
        return original(*arguments, **named)

    setattr(store, step, then)


def emptied() -> None:
    """The bridge alone is left."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for table in EMPTIED:
            cursor.execute(f"DELETE FROM {table}")
    Bridge.objects.update(catalog_synced_at=None)
