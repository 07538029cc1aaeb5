"""Customers and Committees › CRM360: search, one constituent, and Edit contact information (S4–S6, S8)."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from rollkeeper.crm.constituents.contact import save_contact
from rollkeeper.crm.constituents.effective import Effective, effective_permissions
from rollkeeper.crm.constituents.forms import ContactForm
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.permission import ChangedMeanwhile, PermissionRefused
from rollkeeper.crm.constituents.rules import MAY_EDIT_CONTACT
from rollkeeper.crm.constituents.search import KEY_LENGTH, By, find, understood
from rollkeeper.crm.constituents.search_ways import Match
from rollkeeper.crm.constituents.templatetags.permission_words import change_in_words
from rollkeeper.crm.lists.models import ListMember
from rollkeeper.web.paging import PAGE_SIZE, Page, keyset_page, page_of, place

ORIGIN = "CRM360 page"
LAST_CHANGES = 10  # of the permission history; all of it has a page of its own
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
        "addresses": _addresses(person),
        "memberships": person.memberships.order_by("-expires_on", "-id")[:SHOWN],
        "registrations": person.event_registrations.order_by("-event_on", "-id")[:SHOWN],
        "gifts": person.gifts.order_by("-given_on", "-id")[:SHOWN],
        "interests": person.interests.order_by("area_code"),
        "attributes": sorted(person.attributes.items()),
        "lists": lists.order_by("list__code")[:LISTS_SHOWN],
        "history": PermissionChange.objects.filter(constituent=person).order_by("-id")[:LAST_CHANGES],
    }
    return render(request, "constituents/constituent.html", context)


@require_GET
def permission_history(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Every change of a constituent's permissions, newest first (S8)."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    page = keyset_page(PermissionChange.objects.filter(constituent=person), request, ("id",), descending=True)
    return render(request, "constituents/permission_history.html", {"person": person, "page": page})


def _addresses(person: Constituent) -> list[EmailAddress]:
    """The primary one first."""
    return list(person.email_addresses.order_by("-is_primary", "-is_active", "id"))


@require_http_methods(["GET", "POST"])
@permission_required(MAY_EDIT_CONTACT, raise_exception=True)
def edit_contact(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Edit contact information: what is marked there is saved by Save, and only then (S8)."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    form = ContactForm(person, _addresses(person), request.POST if request.method == "POST" else None)
    status, conflict = 200, ""
    if form.is_valid():
        version = form.cleaned_data["version"]
        author = request.user.get_username()
        try:
            changes = save_contact(person, form.contact(), version=version, author=author, origin=ORIGIN)
        except PermissionRefused as refusal:
            form.add_error("allow_email", str(refusal))
        except ChangedMeanwhile as change:
            status, conflict = 409, str(change)
            person.refresh_from_db()
            form = ContactForm(person, _addresses(person))
        else:
            messages.success(request, _saved(changes))
            return redirect("constituent", person.pk)
    return _edit_page(request, person, form, conflict, status)


def _edit_page(
    request: HttpRequest, person: Constituent, form: ContactForm, conflict: str, status: int
) -> HttpResponse:
    context = {
        "person": Constituent.objects.get(pk=person.pk),
        "permission": effective_permissions([person.pk])[person.pk],
        "form": form,
        "addresses": [(address, form.marked(address)) for address in form.addresses],
        "conflict": conflict,
        "last_change": PermissionChange.objects.filter(constituent=person).order_by("-id").first()
        if conflict
        else None,
    }
    return render(request, "constituents/edit_contact.html", context, status=status)


def _saved(changes: list[PermissionChange]) -> str:
    if not changes:
        return "Nothing was marked, so nothing was changed."
    return f"Saved. {'. '.join(change_in_words(change) for change in changes)}."
