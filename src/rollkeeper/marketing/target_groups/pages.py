"""Target groups of the type Personify360 MKT Lists, and Count Details of one (S15, S21, S23, S26, S31, S32)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import psycopg
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import connection
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.limits import effect, guard_of
from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.proof_words import Shown, applied_runs, proof_of_group
from rollkeeper.marketing.sync_runs.request import request_sync
from rollkeeper.marketing.sync_runs.rules import MAY_SYNC
from rollkeeper.marketing.target_groups import funnel
from rollkeeper.marketing.target_groups.funnel import STEPS, Person, Step
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.marketing.target_groups.state import Look, State, state_of
from rollkeeper.sync.events import Event, Kind
from rollkeeper.web.paging import PAGE_SIZE, Page, keyset_page, page_of, place
from rollkeeper.web.templatetags.components import FunnelStep

UNFINISHED = (SyncRun.Status.WAITING, SyncRun.Status.RUNNING)
LOST_WORDS = {
    "has_address": "no address",
    "valid": "invalid address",
    "distinct": "duplicate address",
    "allowed": "not allowed by the CRM",
    "receiving": "own opt-out or bounce",
}


@require_GET
def target_groups(request: HttpRequest) -> HttpResponse:
    """The target groups, by list code, searched by code or name; how fresh they are (S21, S27, S31)."""
    text = request.GET.get("q", "").replace("\x00", "").strip()
    groups = TargetGroup.objects.select_related("bridge")
    if text:
        groups = groups.filter(Q(code__icontains=text) | Q(name__icontains=text))
    page = keyset_page(groups, request, ("code", "id"))
    context = {
        "page": page,
        "rows": _shown(page.rows),
        "text": text,
        "bridges": Bridge.objects.filter(is_enabled=True).order_by("id"),
        "run": _unfinished_catalog_run(),
        "last_run": SyncRun.objects.filter(group__isnull=True).order_by("-id").first(),
    }
    return render(request, "target_groups/list.html", context)


def _shown(groups: Sequence[TargetGroup]) -> list[tuple[TargetGroup, Look, Shown]]:
    runs = applied_runs(groups)
    return [(group, state_of(group).value, proof_of_group(group, runs.get(group.applied_run))) for group in groups]


def _unfinished_catalog_run() -> SyncRun | None:
    runs = SyncRun.objects.filter(kind=Kind.CATALOG.value, status__in=UNFINISHED)
    return runs.select_related("bridge", "group").order_by("-id").first()


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def refresh(request: HttpRequest) -> HttpResponse:
    """Refresh Target Group List: a catalog sync of every bridge (S21)."""
    bridges = Bridge.objects.filter(is_enabled=True)
    for bridge in bridges:
        request_sync(bridge, Kind.CATALOG, Event.REFRESH_TARGET_GROUPS, requested_by=request.user.get_username())
    if not bridges:
        messages.error(
            request, "No bridge is switched on. Switch one on under Admin, Setup, Bridge Configurations."
        )
    return redirect("target-groups")


@require_GET
def count_details(request: HttpRequest, group_id: int) -> HttpResponse:
    """How many of the list are here and how many will receive a mailing, with every step between (S32)."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    run = group.runs.select_related("bridge", "group").order_by("-id").first()
    state = state_of(group)
    context = {
        "group": group,
        "state": state.value,
        "not_built": state is State.NOT_BUILT,
        "run": run,
        "is_running": run is not None and run.status in UNFINISHED,
        "steps": _steps(group),
        "proof": proof_of_group(group, applied_runs([group]).get(group.applied_run)),
        "guard_effect": effect(guard_of(group), group.count_members),
        "alarm": group.runs.filter(alarm_seen_by="").exclude(alarm="").order_by("-id").first(),
        "preview": _newest_preview(group, run),
    }
    return render(request, "target_groups/count_details.html", context)


def _newest_preview(group: TargetGroup, run: SyncRun | None) -> Preview | None:
    """The newest preview, while no run was asked for after it."""
    newest = group.previews.order_by("-id").first()
    return newest if newest is not None and (run is None or newest.requested_at > run.requested_at) else None


def _steps(group: TargetGroup) -> list[FunnelStep]:
    counts = [getattr(group, step.count) for step in STEPS]
    return [
        FunnelStep(
            label=step.label,
            count=count,
            lost=(counts[place - 1] - count) if place else 0,
            kept_url=reverse("target-group-people", args=[group.pk, step.key]),
            lost_url=reverse("target-group-people", args=[group.pk, step.key]) + "?lost=1",
            lost_label=LOST_WORDS.get(step.key, ""),
        )
        for place, (step, count) in enumerate(zip(STEPS, counts, strict=True))
    ]


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def sync_group(request: HttpRequest, group_id: int) -> HttpResponse:
    """Sync Target Group, Resync Target Group (S23): ask for an audience sync and go where its progress shows."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    request_sync(
        group.bridge,
        Kind.AUDIENCE,
        Event.RESYNC_COUNT_DETAILS,
        group=group,
        requested_by=request.user.get_username(),
    )
    return redirect("count-details", group.pk)


@require_GET
def people(request: HttpRequest, group_id: int, step: str) -> HttpResponse:
    """The people of a step: those who pass it, or (`?lost=1`) those who are lost there."""
    group = get_object_or_404(TargetGroup, pk=group_id)
    number = next((place for place, each in enumerate(STEPS) if each.key == step), None)
    if number is None:
        raise Http404
    lost = request.GET.get("lost") == "1" and number > 0
    kept_count = getattr(group, STEPS[number].count)
    lost_count = getattr(group, STEPS[number - 1].count) - kept_count if number else 0
    shown_count = lost_count if lost else kept_count  # of nobody no page is read: finding nobody reads everybody
    context = {
        "group": group,
        "step": STEPS[number],
        "lost": lost,
        "kept_count": kept_count,
        "lost_count": lost_count,
        "page": _people_page(request, group, STEPS[number], kept=not lost) if shown_count else None,
        "steps": STEPS,
    }
    return render(request, "target_groups/people.html", context)


def _people_page(request: HttpRequest, group: TargetGroup, step: Step, *, kept: bool) -> Page[Person]:
    where = place(request, 2)
    key = (str(where.key[0]), str(where.key[1])) if where.key else None
    connection.ensure_connection()
    found = funnel.people(
        cast("psycopg.Connection[object]", connection.connection),
        group.pk,
        step.key,
        kept=kept,
        after=None if where.backwards else key,
        before=key if where.backwards else None,
        limit=PAGE_SIZE + 1,
    )
    return page_of(found, request, where, lambda person: (person.master_customer_id, person.sub_customer_id))
