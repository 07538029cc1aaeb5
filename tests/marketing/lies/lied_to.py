"""A group that was synced with a CRM that lies, and what tests of its lies share."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.bridges.connection import open_connector
from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.bridges.secret import conceal
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.perform import perform
from rollkeeper.marketing.sync_runs.request import create_run
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.sync.events import Event, Kind
from rollkeeper.sync.member import Field
from tests.fakes.lying_crm import LyingCrm, members

FIELDS = (Field("city", "City", "text"),)
ROWS = [{"master_customer_id": f"{n:04}", "email": f"p{n}@example.org", "city": "Łódź"} for n in range(200)]
CHANGED = [{**row, "city": "Gdańsk", "allow_email": row["master_customer_id"] > "0100"} for row in ROWS[5:]]


def liar() -> LyingCrm:
    return LyingCrm(FIELDS, {"TX": members(FIELDS, ROWS)})


def group_behind(crm: LyingCrm) -> TargetGroup:
    """The group of its list, synced once; the list is `CHANGED` by now."""
    bridge = Bridge.objects.create(name="Liar", connector="rollkeeper_crm", url=crm.url, secret=conceal(crm.token))
    store_catalog(bridge, open_connector(bridge).catalog(), timezone.now())
    group = TargetGroup.objects.get(code="TX")
    assert sync(group).status == "completed"
    crm.put("TX", members(FIELDS, CHANGED))
    return TargetGroup.objects.get(code="TX")


def sync(group: TargetGroup, *, full: bool = False, approve: bool = False) -> SyncRun:
    """`full`: pull all of the list."""
    event = Event.RESYNC_COUNT_DETAILS
    run = create_run(
        group.bridge, Kind.AUDIENCE, event, group=group, requested_by="test", force_full=full, approve_held=approve
    )
    return perform(run.pk)


def everything() -> list[list[Any]]:
    """What a sync that changes nothing leaves as it is."""
    tables = (
        Subscriber.objects.order_by("pk"),
        GroupMember.objects.order_by("pk"),
        TargetGroup.objects.order_by("pk"),
    )
    return [list(table.values()) for table in tables]
