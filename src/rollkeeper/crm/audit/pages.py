"""Admin › Audit: every change in the CRM with its author, newest first (B22)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.web.paging import keyset_page

# The page of a record, by its kind: the name of an address that takes the record's key.
PAGES = {"constituent": "constituent", "marketing_list": "marketing-list"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the change log; `url` is where its record is, empty where it has no page."""

    change: RecordChange
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
    return [
        Entry(row, reverse(PAGES[row.subject_kind], args=[row.subject_key]) if row.subject_kind in PAGES else "")
        for row in rows
    ]
