"""Removals that the guard holds, and what a person decides about them (B3).

The next sync of the group supersedes them, whatever was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from django.db import transaction

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.models import HeldDecision
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SyncRun
from rollkeeper.marketing.sync_runs.request import request_sync
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.events import Event, Kind

Decision = HeldDecision.Decision


def holding_run(group: TargetGroup) -> SyncRun | None:
    """The newest run that held removals of the group."""
    return group.runs.filter(status=SyncRun.Status.HELD).select_related("bridge", "group").order_by("-id").first()


def discarded_since_sync(group: TargetGroup) -> bool:
    """Whether a person discarded held removals after the last sync: these people are still members."""
    last = group.held_decisions.first()
    if last is None or last.decision != Decision.DISCARDED:
        return False
    return group.synced_at is None or last.decided_at > group.synced_at


def people(group: TargetGroup, chunk: int) -> Iterator[tuple[HeldRemoval, Subscriber | None]]:
    """Everyone whose removal is held, by customer id, with the subscriber (None: it is gone)."""
    removals = HeldRemoval.objects.filter(group=group).order_by("master_customer_id", "sub_customer_id")
    for some in _batched(removals.iterator(chunk_size=chunk), chunk):
        known = Subscriber.objects.in_bulk([removal.subscriber_id for removal in some])
        for removal in some:
            yield removal, known.get(removal.subscriber_id)


def request_approved_sync(group: TargetGroup, *, approved_by: str) -> SyncRun:
    """Ask a worker for a sync that makes the held removals: it reads the list again, and who is not in it leaves.

    Should that be many more than are held now, the guard holds them again.
    """
    with transaction.atomic():
        run = request_sync(
            group.bridge,
            Kind.AUDIENCE,
            Event.RESYNC_COUNT_DETAILS,
            group=group,
            requested_by=approved_by,
            approve_held=True,
            approved_removals=group.count_held,
        )
        note_approval(group, run, approved_by=approved_by)
    return run


def note_approval(group: TargetGroup, run: SyncRun, *, approved_by: str) -> None:
    """Keep who approved how many removals, and which run makes them."""
    HeldDecision.objects.create(
        group=group,
        held_by_run=_held_by(group),
        people=group.count_held,
        decision=Decision.APPROVED,
        approved_by_run=run.pk,
        decided_by=approved_by,
    )


@transaction.atomic
def discard(group: TargetGroup, *, discarded_by: str) -> int:
    """Keep these people in the group until the next sync, which pulls the whole list and asks again; how many.

    The bridge's lock keeps a sync that is writing out of it.
    """
    Bridge.objects.select_for_update(no_key=True).get(pk=group.bridge_id)
    group.refresh_from_db(fields=["count_held"])
    if not group.count_held:
        return 0
    HeldDecision.objects.create(
        group=group,
        held_by_run=_held_by(group),
        people=group.count_held,
        decision=Decision.DISCARDED,
        decided_by=discarded_by,
    )
    HeldRemoval.objects.filter(group=group).delete()
    TargetGroup.objects.filter(pk=group.pk).update(count_held=0, held_since=None, change_token="")
    return group.count_held


def _held_by(group: TargetGroup) -> int:
    run = holding_run(group)
    return run.pk if run is not None else 0


def _batched(removals: Iterable[HeldRemoval], size: int) -> Iterator[list[HeldRemoval]]:
    """Lists of at most `size`."""
    left = iter(removals)
    while some := list(islice(left, size)):
        yield some
