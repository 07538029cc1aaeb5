"""Each event's last run on a bridge (S17, S34)."""

from __future__ import annotations

from dataclasses import dataclass

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.sync.events import Event


@dataclass(frozen=True, slots=True)
class LastRun:
    """An event, what it syncs, and its last run (None: never)."""

    event: Event
    brings: str
    run: SyncRun | None


BRINGS = {
    Event.LOGIN: "Lists and fields, when ten minutes have passed since the last time",
    Event.MAILING_SEND: "The people of the mailing's target groups",
    Event.REFRESH_TARGET_GROUPS: "Lists and fields",
    Event.REFRESH_BRIDGE_CONFIGURATION: "Lists and fields",
    Event.RESYNC_COUNT_DETAILS: "The people of one target group",
    Event.OVERNIGHT: "Lists and fields, then the people of the target groups in use",
}


def last_runs(bridge: Bridge) -> list[LastRun]:
    """One entry an event, in the document's order. Six index look-ups, however many runs there are."""
    runs = SyncRun.objects.filter(bridge=bridge).select_related("group", "bridge")
    return [
        LastRun(event, BRINGS[event], runs.filter(event=event.value).order_by("-id").first()) for event in Event
    ]
