"""Steps that tests of syncing share: a bridge, its groups, a sync over a connector in memory, and how to look at it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.bridges.models import Bridge, PersonalizationField
from rollkeeper.marketing.previews import make
from rollkeeper.marketing.previews.bound import WorldMoved
from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.previews.request import create_preview
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs import audience
from rollkeeper.marketing.sync_runs.charge import Heartbeat, taken_charge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.perform import _end, _start
from rollkeeper.marketing.sync_runs.request import create_run
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import Connector
from rollkeeper.sync.events import Event, Kind
from tests.fakes.memory_crm import Key, MemoryCrm


def bridge_to(crm: MemoryCrm, name: str = "Bridge") -> Bridge:
    """A bridge whose catalog was synced with that CRM."""
    from django.utils import timezone

    bridge = Bridge.objects.create(name=name, connector="memory", url="http://127.0.0.1/")
    store_catalog(bridge, crm.catalog(), timezone.now())
    return bridge


def preview_group(bridge: Bridge, crm: MemoryCrm, code: str, *, approve_held: bool = False) -> Preview:
    """Make a preview of one group's sync, without the queue and without HTTP."""
    group = TargetGroup.objects.get(bridge=bridge, code=code)
    preview = create_preview(group, requested_by="test", approve_held=approve_held)
    make.purge(preview)
    make._start(preview)
    make.make_from(preview, crm)
    preview.refresh_from_db()
    return preview


def sync_group(
    bridge: Bridge,
    crm: Connector,
    code: str,
    *,
    approve_held: bool = False,
    approved_removals: int | None = None,
    preview: Preview | None = None,
    full: bool = False,
    run: SyncRun | None = None,
) -> SyncRun:
    """Sync one group to its end, without the queue and without HTTP.

    `approved_removals`: a person approved so many. `full`: pull all of the list. `run`: one that was asked for before.
    """
    group = TargetGroup.objects.get(bridge=bridge, code=code)
    run = run or create_run(
        bridge,
        Kind.AUDIENCE,
        Event.RESYNC_COUNT_DETAILS,
        group=group,
        requested_by="test",
        approve_held=approve_held or approved_removals is not None,
        approved_removals=approved_removals,
        preview=preview,
        force_full=full,
    )
    run = SyncRun.objects.select_related("bridge", "group").get(pk=run.pk)
    with tempfile.TemporaryDirectory() as folder, taken_charge(run) as connection:
        _start(run)
        with Heartbeat(run.pk, run.attempt) as heartbeat:
            try:
                audience.sync(run, connection, crm, heartbeat, Path(folder))
            except WorldMoved as error:
                _end(run, SyncRun.Status.SKIPPED, str(error), "moved")
    run.refresh_from_db()
    return run


def stored_people(bridge: Bridge, code: str) -> dict[Key, Subscriber]:
    """The group's subscribers by customer id."""
    members = TargetGroup.objects.get(bridge=bridge, code=code).groupmember_set.select_related("subscriber")
    return {(member.master_customer_id, member.sub_customer_id): member.subscriber for member in members}


def slot_of(bridge: Bridge, name: str) -> str:
    return f"f{PersonalizationField.objects.get(bridge=bridge, name=name).slot}"
