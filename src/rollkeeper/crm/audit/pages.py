"""Admin › Audit: every change in the CRM with its author, newest first (B22)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.web.paging import keyset_page

CONSTITUENT, MARKETING_LIST = "constituent", "marketing_list"  # kinds whose records have pages


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the change log; `record` names its record, `url` is where that is, empty where it has no page."""

    change: RecordChange
    record: str
    url: str


@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """All changes, or those of one author."""
    author = request.GET.get("author", "").replace("\x00", "").strip()
    rows = RecordChange.objects.filter(author=author) if author else RecordChange.objects.all()
    page = keyset_page(rows, request, ("id",), descending=True)
    context = {"page": page, "entries": _entries(page.rows), "author": author}
    return render(request, "audit/audit.html", context)


def _entries(rows: Sequence[RecordChange]) -> list[Entry]:
    ids = [int(row.subject_key) for row in rows if row.subject_kind == CONSTITUENT]
    people = Constituent.objects.defer("attributes").in_bulk(ids)
    return [_entry(row, people) for row in rows]


def _entry(row: RecordChange, people: Mapping[int, Constituent]) -> Entry:
    if row.subject_kind == CONSTITUENT:
        person = people.get(int(row.subject_key))
        if person is None:
            return Entry(row, "a constituent that is no more", "")
        return Entry(row, str(person), reverse("constituent", args=[person.pk]))
    if row.subject_kind == MARKETING_LIST:
        return Entry(row, row.subject_key, reverse("marketing-list", args=[row.subject_key]))
    return Entry(row, row.subject_key, "")
