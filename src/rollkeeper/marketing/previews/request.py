"""Asking for a preview, and for a run that applies one (B4)."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from rollkeeper.marketing.previews import tasks
from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.request import request_sync
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.events import Event, Kind


def request_preview(group: TargetGroup, *, requested_by: str, approve_held: bool = False) -> Preview:
    """Ask a worker for a preview of the group's sync. While the like of it waits, that one is returned."""
    while True:
        waiting = Preview.objects.filter(
            group=group, approve_held=approve_held, status=Preview.Status.WAITING
        ).first()
        if waiting is not None:
            return waiting
        try:
            with transaction.atomic():
                preview = create_preview(group, requested_by=requested_by, approve_held=approve_held)
                tasks.make_preview.request(lock=f"preview-{group.pk}", preview_id=preview.pk)
        except IntegrityError:
            continue  # somebody else's request came between: join it
        return preview


def create_preview(
    group: TargetGroup,
    *,
    requested_by: str,
    approve_held: bool = False,
    status: Preview.Status = Preview.Status.WAITING,
) -> Preview:
    """Write the preview without requesting work: for a caller that makes it itself (the command line)."""
    return Preview.objects.create(
        bridge=group.bridge, group=group, requested_by=requested_by, approve_held=approve_held, status=status
    )


def request_applying(preview: Preview, *, requested_by: str) -> SyncRun:
    """Ask a worker for a sync that writes what the preview shows, or nothing."""
    return request_sync(
        preview.bridge,
        Kind.AUDIENCE,
        Event.RESYNC_COUNT_DETAILS,
        group=preview.group,
        requested_by=requested_by,
        approve_held=preview.approve_held,
        preview=preview,
    )


def cancel_preview(preview: Preview) -> None:
    """Stop a preview: one that waits ends here, one at work between two batches."""
    unfinished = Preview.objects.filter(pk=preview.pk)
    unfinished.filter(status=Preview.Status.RUNNING).update(cancel_requested=True)
    unfinished.filter(status=Preview.Status.WAITING).update(
        status=Preview.Status.CANCELLED, error_kind="cancelled", message="Cancelled.", finished_at=timezone.now()
    )
