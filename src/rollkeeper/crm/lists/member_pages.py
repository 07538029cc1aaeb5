"""Who is in a list, and why someone is in or out (B5, S15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from rollkeeper.crm.constituents.effective import Effective, effective_permissions
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.search import find, understood
from rollkeeper.crm.lists.access import MAY_MAINTAIN
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.manual import decide, take_back
from rollkeeper.crm.lists.models import ListMember, ManualMember, MarketingList
from rollkeeper.crm.lists.pages import list_of, tab_of
from rollkeeper.crm.lists.why import why
from rollkeeper.web.paging import Place, keyset_page

ORIGIN = "List Maintenance page"
MOST_FOUND = 20  # people whom the search of a list's members shows


@dataclass(frozen=True, slots=True)
class Member:
    """A member with its permission of this moment; membership itself is the snapshot (S15)."""

    stay: ListMember
    constituent: Constituent
    permission: Effective


@dataclass(frozen=True, slots=True)
class Found:
    """Someone whom the search found, and whether that one is in the list."""

    constituent: Constituent
    stay: ListMember | None


@require_GET
def members(request: HttpRequest, code: str) -> HttpResponse:
    """The members as last regenerated, in the order in which they were recorded; or people found, in or out."""
    found = list_of(code)
    wanted = understood(request.GET.get("q", ""))
    if wanted.text:
        matches = find(wanted, Place(), MOST_FOUND + 1)
        ids = list(dict.fromkeys(match.constituent_id for match in matches))
        context = {
            "search": wanted,
            "found": _found(found, ids[:MOST_FOUND]),
            "more": len(matches) > MOST_FOUND,
        }
        return tab_of(request, found, "members", context)
    stays = ListMember.objects.filter(list=found, went__isnull=True)
    page = keyset_page(stays, request, ("constituent_id",))
    by_hand = ManualMember.objects.filter(list=found).count()
    return tab_of(request, found, "members", {"page": page, "members": _people(page.rows), "by_hand": by_hand})


@require_GET
def why_member(request: HttpRequest, code: str, constituent_id: int) -> HttpResponse:
    """Why one person is in or out, as of the last build and as of now."""
    found = list_of(code)
    person = get_object_or_404(Constituent, pk=constituent_id)
    context = {"list": found, "tab": "members", "person": person, "why": why(found, person, timezone.localdate())}
    return render(request, "lists/why.html", context)


@require_POST
@permission_required(MAY_MAINTAIN, raise_exception=True)
def decide_member(request: HttpRequest, code: str, constituent_id: int) -> HttpResponse:
    """Always in, never in, or as the definition says: by hand (B16)."""
    found = list_of(code)
    person = get_object_or_404(Constituent, pk=constituent_id)
    author, now, decision = request.user.get_username(), timezone.now(), request.POST.get("decision", "")
    try:
        if decision == "definition":
            take_back(found, person, author=author, origin=ORIGIN, now=now)
        elif decision in {"in", "out"}:
            reason = request.POST.get("reason", "")
            decide(
                found, person, is_in=decision == "in", reason=reason, author=author, origin=ORIGIN, now=now
            )  # fmt: skip
        else:
            raise ListRefused("Choose one of the three buttons.")
    except ListRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Saved. The members change at the next regeneration.")
    return redirect("list-why", found.code, person.pk)


@require_GET
def by_hand(request: HttpRequest, code: str) -> HttpResponse:
    """Everyone whom a person put into the list, or keeps out of it."""
    found = list_of(code)
    decided = ManualMember.objects.filter(list=found).select_related("constituent")
    page = keyset_page(decided.defer("constituent__attributes"), request, ("constituent_id",))
    return render(request, "lists/by_hand.html", {"list": found, "tab": "members", "page": page})


def _found(marketing_list: MarketingList, ids: list[int]) -> list[Found]:
    people = Constituent.objects.defer("attributes").in_bulk(ids)
    stays = ListMember.objects.filter(list=marketing_list, constituent_id__in=ids, went__isnull=True)
    stay_of = {stay.constituent_id: stay for stay in stays}
    return [Found(people[each], stay_of.get(each)) for each in ids if each in people]


def _people(stays: Sequence[ListMember]) -> list[Member]:
    """The members of a page, read by id: a join would walk through all constituents before the page's first."""
    ids = [stay.constituent_id for stay in stays]
    people = Constituent.objects.defer("attributes").in_bulk(ids)
    permissions = effective_permissions(ids)
    return [
        Member(stay, people[stay.constituent_id], permissions[stay.constituent_id])
        for stay in stays
        if stay.constituent_id in people and stay.constituent_id in permissions  # not gone in between
    ]
