"""The guard's pages: its limits, the removals that it holds, alarms of a mass of opt-outs (B3)."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.bridges.rules import MAY_CONFIGURE
from rollkeeper.marketing.guard import held
from rollkeeper.marketing.guard.forms import LimitsForm
from rollkeeper.marketing.guard.limits import Limits, bridge_effect, change_limits, effect, guard_of
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SyncRun
from rollkeeper.marketing.sync_runs.rules import MAY_SYNC
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.web.csv_download import csv_download
from rollkeeper.web.paging import keyset_page

LAST_DECISIONS = 10
LAST_CHANGES = 10
REASONS = {"left": "Not in the list any more", "deleted": "Deleted in the CRM"}
CSV_COLUMNS = ("master_customer_id", "sub_customer_id", "first_name", "last_name", "email", "status", "reason")
CSV_CHUNK = 2000


@require_http_methods(["GET", "POST"])
@permission_required(MAY_CONFIGURE, raise_exception=True)
def bridge_limits(request: HttpRequest, bridge_id: int) -> HttpResponse:
    """Change the limits of a bridge: they hold for each of its groups that has none of its own."""
    bridge = get_object_or_404(Bridge, pk=bridge_id)
    initial = {"share": bridge.removal_share, "floor": bridge.removal_floor}
    form = LimitsForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        change_limits(bridge, form.limits(), changed_by=request.user.get_username())
        bridge.refresh_from_db()
        messages.success(request, f"Saved. {bridge_effect(bridge)}")
        return redirect("bridge", bridge.pk)
    changes = bridge.guard_changes.filter(group=None)[:LAST_CHANGES]
    context = {"bridge": bridge, "form": form, "effect": bridge_effect(bridge), "changes": changes}
    return render(request, "guard/bridge_limits.html", context)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_SYNC, raise_exception=True)
def group_limits(request: HttpRequest, group_id: int) -> HttpResponse:
    """Change the limits of one target group; what is left empty is the bridge's."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    of_bridge = Limits(group.bridge.removal_share, group.bridge.removal_floor)
    initial = {"share": group.removal_share, "floor": group.removal_floor}
    form = LimitsForm(request.POST if request.method == "POST" else None, initial=initial, bridge=of_bridge)
    if form.is_valid():
        change_limits(group, form.limits(), changed_by=request.user.get_username())
        group.refresh_from_db()
        messages.success(request, f"Saved. {effect(guard_of(group), group.count_members)}")
        return redirect("count-details", group.pk)
    context = {
        "group": group,
        "form": form,
        "effect": effect(guard_of(group), group.count_members),
        "changes": group.guard_changes.all()[:LAST_CHANGES],
    }
    return render(request, "guard/group_limits.html", context)


@require_GET
def held_removals(request: HttpRequest, group_id: int) -> HttpResponse:
    """The people whose removal is held, why, since when and by which run, and what the list has now."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    page = keyset_page(HeldRemoval.objects.filter(group=group), request, ("master_customer_id", "sub_customer_id"))
    people = Subscriber.objects.in_bulk([removal.subscriber_id for removal in page.rows])
    context = {
        "group": group,
        "page": page,
        "rows": [
            (removal, people.get(removal.subscriber_id), REASONS.get(removal.reason, removal.reason))
            for removal in page.rows
        ],
        "run": held.holding_run(group),
        "is_running": group.runs.filter(status__in=(SyncRun.Status.WAITING, SyncRun.Status.RUNNING)).exists(),
        "decisions": group.held_decisions.all()[:LAST_DECISIONS],
        "discarded": held.discarded_since_sync(group),
        "left": group.count_members - group.count_held,
    }
    return render(request, "guard/held_removals.html", context)


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def approve(request: HttpRequest, group_id: int) -> HttpResponse:
    """Ask for a sync that makes the removals which the person saw."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    if not _seen(request, group):
        return redirect("held-removals", group.pk)
    run = held.request_approved_sync(group, approved_by=request.user.get_username())
    approved = f"Approved: {group.count_held:,} removals."
    messages.success(request, f"{approved} Run {run.pk} reads the list again, and whoever is not in it leaves.")
    return redirect("count-details", group.pk)


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def discard(request: HttpRequest, group_id: int) -> HttpResponse:
    """Keep the people until the next sync, which asks again."""
    group = get_object_or_404(TargetGroup, pk=group_id)
    if not _seen(request, group):
        return redirect("held-removals", group.pk)
    people = held.discard(group, discarded_by=request.user.get_username())
    messages.success(
        request,
        f"Discarded: {people:,} removals. These people stay. The next sync compares the whole list and asks again.",
    )
    return redirect("count-details", group.pk)


def _seen(request: HttpRequest, group: TargetGroup) -> bool:
    """Whether the person decides about what is held now; where not, a message says so."""
    if group.count_held and request.POST.get("held") == str(group.count_held):
        return True
    messages.error(
        request,
        f"The held removals changed since that page was shown: now there are {group.count_held:,}. "
        "Nothing was done; look again.",
    )
    return False


@require_GET
def held_csv(request: HttpRequest, group_id: int) -> HttpResponseBase:
    """All people whose removal is held, as CSV."""
    group = get_object_or_404(TargetGroup, pk=group_id)
    return csv_download(f"held-{group.pk}.csv", CSV_COLUMNS, _csv_rows(group))


def _csv_rows(group: TargetGroup) -> Iterator[tuple[str | None, ...]]:
    for removal, person in held.people(group, CSV_CHUNK):
        named = (person.first_name, person.last_name, person.email, person.status) if person else (None,) * 4
        yield (
            removal.master_customer_id,
            removal.sub_customer_id,
            *named,
            REASONS.get(removal.reason, removal.reason),
        )


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def alarm_seen(request: HttpRequest, run_id: int) -> HttpResponse:
    """Mark the alarm of a run as seen: Home and Count Details show it no more, and the run says by whom."""
    run = get_object_or_404(SyncRun.objects.exclude(alarm=""), pk=run_id)
    SyncRun.objects.filter(pk=run.pk, alarm_seen_by="").update(
        alarm_seen_by=request.user.get_username(), alarm_seen_at=timezone.now()
    )
    return redirect("sync-run", run.pk)
