"""Customers and Committees › CRM360: search, one constituent, and the record of what changed (S5, S8)."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.audit.record import history
from rollkeeper.crm.constituents.contact import stored_addresses
from rollkeeper.crm.constituents.effective import Effective, effective_permissions
from rollkeeper.crm.constituents.models import Constituent, PermissionChange
from rollkeeper.crm.constituents.search import KEY_LENGTH, By, find, understood
from rollkeeper.crm.constituents.search_ways import Match
from rollkeeper.crm.constituents.version import SUBJECT
from rollkeeper.crm.lists.models import ListMember
from rollkeeper.web.paging import PAGE_SIZE, Page, keyset_page, page_of, place

LAST_CHANGES = 10  # of each record of changes; all of it has a page of its own
SHOWN = 50  # of each kind of history on a constituent's page
LISTS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the search's answer. `matched` is the address that was found, where one was looked for."""

    constituent: Constituent
    permission: Effective
    matched: str


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Constituents whose name, customer id or e-mail address begins with a text; without one, all of them."""
    wanted = understood(request.GET.get("q", ""), request.GET.get("by", ""))
    where = place(request, KEY_LENGTH)
    found = find(wanted, where, PAGE_SIZE + 1)
    page = page_of(found, request, where, lambda match: match.key)
    by_address = wanted.by is By.EMAIL and bool(wanted.text)
    context = {"page": page, "results": _results(page, by_address), "search": wanted, "ways": list(By)}
    return render(request, "constituents/search.html", context)


def _results(page: Page[Match], by_address: bool) -> list[Result]:
    ids = [match.constituent_id for match in page.rows]
    people = Constituent.objects.defer("attributes").in_bulk(ids)
    permissions = effective_permissions(ids)
    return [
        Result(
            people[match.constituent_id],
            permissions[match.constituent_id],
            str(match.key[2]) if by_address else "",
        )
        for match in page.rows
        if match.constituent_id in people and match.constituent_id in permissions
    ]


@require_GET
def constituent(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Everything that the association knows of one constituent, and what decides whether it may be e-mailed."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    lists = ListMember.objects.filter(constituent=person, went__isnull=True).select_related("list")
    context = {
        "person": person,
        "permission": effective_permissions([person.pk])[person.pk],
        "addresses": stored_addresses(person),
        "memberships": person.memberships.order_by("-expires_on", "-id")[:SHOWN],
        "registrations": person.event_registrations.order_by("-event_on", "-id")[:SHOWN],
        "gifts": person.gifts.order_by("-given_on", "-id")[:SHOWN],
        "interests": person.interests.order_by("area_code"),
        "attributes": sorted(person.attributes.items()),
        "lists": lists.order_by("list__code")[:LISTS_SHOWN],
        "history": PermissionChange.objects.filter(constituent=person).order_by("-id")[:LAST_CHANGES],
        "changes": history(SUBJECT, person.pk).reverse()[:LAST_CHANGES],
    }
    return render(request, "constituents/constituent.html", context)


@require_GET
def permission_history(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Every change of a constituent's permissions, newest first (S8)."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    page = keyset_page(PermissionChange.objects.filter(constituent=person), request, ("id",), descending=True)
    return render(request, "constituents/permission_history.html", {"person": person, "page": page})


@require_GET
def change_history(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Every change of a constituent and of what belongs to it, newest first (B22)."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    rows = RecordChange.objects.filter(subject_kind=SUBJECT, subject_key=str(person.pk))
    page = keyset_page(rows, request, ("id",), descending=True)
    return render(request, "constituents/change_history.html", {"person": person, "page": page})
