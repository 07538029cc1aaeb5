"""The one function that asks for a sync, whatever the event (S17): it writes the run and requests the work."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.previews.models import Preview
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
    approved_removals: int | None = None,
    preview: Preview | None = None,
) -> SyncRun:
    """Ask a worker for a sync. While such a request waits, another one joins it: its run is returned.

    A person's approval of held removals (of about `approved_removals`, which that person saw) is added to the run
    that it joins. With a preview the run writes what that preview showed or nothing (B4); only a request for the
    same preview joins it.
    """
    while True:
        waiting = _waiting(bridge, kind, group, preview)
        if waiting is not None and (not approve_held or _approved(waiting, approved_removals)):
            return waiting
        try:
            with transaction.atomic():
                run = create_run(
                    bridge,
                    kind,
                    event,
                    group=group,
                    requested_by=requested_by,
                    approve_held=approve_held,
                    approved_removals=approved_removals,
                    preview=preview,
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
    approved_removals: int | None = None,
    preview: Preview | None = None,
    force_full: bool = False,
    status: SyncRun.Status = SyncRun.Status.WAITING,
) -> SyncRun:
    """Write the run without requesting work: for a caller that performs it itself (the command line).

    `force_full`: pull all of the list, though the CRM could tell what changed (B2).
    """
    if (kind is Kind.AUDIENCE) != (group is not None):
        raise ValueError("An audience sync is of one target group, a catalog sync of none.")
    return SyncRun.objects.create(
        bridge=bridge,
        group=group,
        kind=kind.value,
        event=event.value,
        requested_by=requested_by,
        approve_held=approve_held,
        approved_removals=approved_removals,
        preview=preview,
        force_full=force_full,
        status=status,
    )


def cancel_sync(run: SyncRun, *, cancelled_by: str) -> None:
    """Stop a run before it changes anything: one that waits ends here, one at work between two batches.

    A run that is writing already, or has ended, goes on to its end.
    """
    SyncRun.objects.filter(pk=run.pk, status=SyncRun.Status.RUNNING).update(cancel_requested=True)
    SyncRun.objects.filter(pk=run.pk, status=SyncRun.Status.WAITING).update(
        status=SyncRun.Status.SKIPPED,
        error_kind="cancelled",
        message=f"Cancelled by {cancelled_by} before it began.",
        finished_at=timezone.now(),
    )


def _approved(waiting: SyncRun, removals: int | None) -> bool:
    """Add the approval to a run that waits; False where it waits no longer."""
    changed = SyncRun.objects.filter(pk=waiting.pk, status=SyncRun.Status.WAITING).update(
        approve_held=True, approved_removals=removals
    )
    waiting.approve_held = bool(changed)
    return bool(changed)


def _waiting(bridge: Bridge, kind: Kind, group: TargetGroup | None, preview: Preview | None) -> SyncRun | None:
    return SyncRun.objects.filter(
        bridge=bridge, kind=kind.value, group=group, preview=preview, status=SyncRun.Status.WAITING
    ).first()


def _lock(bridge: Bridge, group: TargetGroup | None) -> str:
    return f"group-{group.pk}" if group is not None else f"catalog-{bridge.pk}"
