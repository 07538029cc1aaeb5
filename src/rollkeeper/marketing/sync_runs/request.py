"""The one function that asks for a sync, whatever the event (S17): it writes the run and requests the work."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs import tasks
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.events import Event, Kind


def request_sync(
    bridge: Bridge,
    kind: Kind,
    event: Event,
    *,
    group: TargetGroup | None = None,
    requested_by: str,
    approve_held: bool = False,
) -> SyncRun:
    """Ask a worker for a sync. While such a request waits, another one joins it: its run is returned."""
    while True:
        waiting = _waiting(bridge, kind, group)
        if waiting is not None:
            return waiting
        try:
            with transaction.atomic():
                run = create_run(
                    bridge, kind, event, group=group, requested_by=requested_by, approve_held=approve_held
                )
                tasks.perform_sync.request(lock=_lock(bridge, group), run_id=run.pk)
        except IntegrityError:
            continue  # somebody else's request came between: join it
        return run


def create_run(
    bridge: Bridge,
    kind: Kind,
    event: Event,
    *,
    group: TargetGroup | None,
    requested_by: str,
    approve_held: bool = False,
    status: SyncRun.Status = SyncRun.Status.WAITING,
) -> SyncRun:
    """Write the run without requesting work: for a caller that performs it itself (the command line)."""
    if (kind is Kind.AUDIENCE) != (group is not None):
        raise ValueError("An audience sync is of one target group, a catalog sync of none.")
    return SyncRun.objects.create(
        bridge=bridge,
        group=group,
        kind=kind.value,
        event=event.value,
        requested_by=requested_by,
        approve_held=approve_held,
        status=status,
    )


def _waiting(bridge: Bridge, kind: Kind, group: TargetGroup | None) -> SyncRun | None:
    return SyncRun.objects.filter(
        bridge=bridge, kind=kind.value, group=group, status=SyncRun.Status.WAITING
    ).first()


def _lock(bridge: Bridge, group: TargetGroup | None) -> str:
    return f"group-{group.pk}" if group is not None else f"catalog-{bridge.pk}"
