"""How a sync run looks in a page: its status, its event, its progress."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.sync_runs.models import RunChange, SyncRun
from rollkeeper.marketing.sync_runs.proof_words import Shown, proof_of_run
from rollkeeper.sync.events import Event
from rollkeeper.web.templatetags.components import badge

register = template.Library()

RUN_TONES = {
    SyncRun.Status.WAITING: "quiet",
    SyncRun.Status.RUNNING: "info",
    SyncRun.Status.COMPLETED: "good",
    SyncRun.Status.HELD: "warn",
    SyncRun.Status.FAILED: "bad",
    SyncRun.Status.SKIPPED: "quiet",
}
CHANGE_TONES = {
    RunChange.Change.ADDED: "good",
    RunChange.Change.UPDATED: "info",
    RunChange.Change.REMOVED: "quiet",
}
SHORT_EVENTS = {
    Event.REFRESH_TARGET_GROUPS: "Refresh on Target Groups",
    Event.REFRESH_BRIDGE_CONFIGURATION: "Refresh on Bridge Configurations",
    Event.RESYNC_COUNT_DETAILS: "Count Details",
}
MODES = {
    "full": "Full: every member travelled and was compared",
    "delta": "Changes only",
    "unchanged": "Nothing: the list had not changed",
}
PATIENCE = timedelta(seconds=20)  # a worker takes a request within moments; after this the page says who is missing


@register.filter
def run_status(run: SyncRun) -> SafeString:
    """The run's status as a badge: in the width of a table's column."""
    status = SyncRun.Status(run.status)
    words = "Removals held" if status is SyncRun.Status.HELD else status.label
    return badge(words, RUN_TONES[status])


@register.filter
def change_badge(change: RunChange) -> SafeString:
    """What happened to one member, as a badge."""
    kind = RunChange.Change(change.change)
    return badge(kind.label, CHANGE_TONES[kind])


@register.filter
def short_event(run: SyncRun) -> str:
    """The event in the width of a table's column; the run's own page has it in full."""
    event = Event(run.event)
    return SHORT_EVENTS.get(event, event.label)


@register.filter
def mode_words(run: SyncRun) -> str:
    """What travelled: everything, the changes, or nothing."""
    return MODES.get(run.mode, run.mode)


@register.filter
def gone_from_list(result: SyncRun | Preview) -> int:
    """How many of the rows that came say that someone is no member any more: only changes have such rows (B2).

    With them the numbers of a run and of a preview add up to what it received.
    """
    return result.received - result.added - result.updated - result.unchanged - result.set_aside


@register.filter
def run_proof(run: SyncRun) -> Shown:
    """What the run proved when it ended (B1)."""
    return proof_of_run(run)


@register.inclusion_tag("sync_runs/progress.html")
def run_progress(run: SyncRun) -> dict[str, Any]:
    """What the run is doing now. It asks for itself again every two seconds until the run has ended."""
    waiting = run.status == SyncRun.Status.WAITING
    expected = run.group.list_members if run.group is not None else 0
    return {
        "run": run,
        "expected": expected if expected >= run.rows_received > 0 else 0,
        "no_worker": waiting and timezone.now() - run.requested_at > PATIENCE,
    }
