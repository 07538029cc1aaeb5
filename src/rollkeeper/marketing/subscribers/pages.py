"""Subscribers: all of them, searched and paged by key; and one, with what decides its status (S31)."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.subscribers.decided_by import decided_by, denying_flags
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.subscribers.search import By, find, understood
from rollkeeper.marketing.sync_runs.models import RunChange, SyncRun
from rollkeeper.marketing.sync_runs.old_values import OldValue, field_labels, old_values
from rollkeeper.marketing.target_groups.models import GroupMember
from rollkeeper.web.paging import keyset_page

LISTED = (
    "id",
    "master_customer_id",
    "sub_customer_id",
    "email",
    "first_name",
    "last_name",
    "status",
    "address_key",
)
LAST_CHANGES = 20
GROUPS_SHOWN = 200


@require_GET
def subscribers(request: HttpRequest) -> HttpResponse:
    """All subscribers of a bridge, or those whose e-mail, customer id or last name begins with a text."""
    bridges = list(Bridge.objects.order_by("id"))
    bridge = _chosen(bridges, request.GET.get("bridge", ""))
    search = understood(request.GET.get("q", "").replace("\x00", ""), request.GET.get("by", ""))
    context: dict[str, object] = {"bridges": bridges, "bridge": bridge, "search": search, "ways": list(By)}
    if bridge is not None:
        found = find(bridge.pk, search)
        context["page"] = keyset_page(found.rows.only(*LISTED), request, found.key)
    return render(request, "subscribers/list.html", context)


def _chosen(bridges: list[Bridge], wanted: str) -> Bridge | None:
    return next((bridge for bridge in bridges if str(bridge.pk) == wanted), bridges[0] if bridges else None)


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A personalization field's value for one subscriber; where there is none, the bridge's default is sent."""

    label: str
    name: str
    value: str | None
    default: str


@dataclass(frozen=True, slots=True)
class PastChange:
    """A change that a run made to the subscriber."""

    change: RunChange
    run: SyncRun | None
    old_values: list[OldValue]


@require_GET
def subscriber(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """One subscriber: who it is, what decides its status, its fields, its target groups, what runs changed."""
    person = get_object_or_404(Subscriber, pk=subscriber_id)
    bridge = get_object_or_404(Bridge, pk=person.bridge_id)
    # Sorted here: with ORDER BY and LIMIT the planner may walk a whole group's members in search of one person.
    memberships = list(GroupMember.objects.filter(subscriber_id=person.pk).select_related("group"))
    memberships.sort(key=lambda membership: membership.group.code)
    context = {
        "person": person,
        "bridge": bridge,
        "reason": decided_by(person),
        "flags": denying_flags(person.denied_by),
        "fields": _field_values(person, bridge),
        "memberships": memberships[:GROUPS_SHOWN],
        "history": _history(person),
    }
    return render(request, "subscribers/subscriber.html", context)


def _field_values(person: Subscriber, bridge: Bridge) -> list[FieldValue]:
    return [
        FieldValue(field.label, field.name, getattr(person, f"f{field.slot}"), field.default)
        for field in bridge.fields.order_by("position", "id")
    ]


def _history(person: Subscriber) -> list[PastChange]:
    """The subscriber's last changes, newest first."""
    changes = list(RunChange.objects.filter(subscriber_id=person.pk).order_by("-id")[:LAST_CHANGES])
    runs = SyncRun.objects.select_related("group").in_bulk({change.run_id for change in changes})
    labels = field_labels(person.bridge_id)
    return [PastChange(change, runs.get(change.run_id), old_values(change.before, labels)) for change in changes]
