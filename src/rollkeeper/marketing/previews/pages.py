"""Previews: asked for on Count Details, watched while they are made, shown with their people, applied (B4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from rollkeeper.marketing.previews.changed_values import ChangedValue, changed_values
from rollkeeper.marketing.previews.models import Preview, PreviewRow
from rollkeeper.marketing.previews.request import cancel_preview, request_applying, request_preview
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.old_values import field_labels
from rollkeeper.marketing.sync_runs.rules import MAY_SYNC
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.marketing.target_groups.set_aside_words import words_of
from rollkeeper.web.csv_download import csv_download
from rollkeeper.web.paging import keyset_page

Status = Preview.Status
UNFINISHED = (Status.WAITING, Status.RUNNING)
STOP_POLLING = 286  # htmx: this answer is the last
REMOVAL_REASONS = {"left": "Not in the list any more", "deleted": "Deleted in the CRM"}
APPLIED = (SyncRun.Status.COMPLETED, SyncRun.Status.HELD)
CSV_COLUMNS = (
    "what", "master_customer_id", "sub_customer_id", "first_name", "last_name", "email", "status_before",
    "status_after", "changes", "reason", "row",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tab:
    """One kind of people: its word in the address, its label, how many they are."""

    key: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with its changes in words, and why it is set aside or leaves."""

    row: PreviewRow
    changes: list[ChangedValue]
    reason: str


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def request_one(request: HttpRequest, group_id: int) -> HttpResponse:
    """Preview sync: ask for it and go where it shows. With `approve_held`: of a sync that makes held removals."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    asked = request_preview(
        group,
        requested_by=request.user.get_username(),
        approve_held=request.POST.get("approve_held") == "yes",
    )
    return redirect("preview", asked.pk)


@require_GET
def preview(request: HttpRequest, preview_id: int) -> HttpResponse:
    """What the sync would do: counts, people by kind, as of when, and whether it was applied."""
    found = get_object_or_404(Preview.objects.select_related("group", "bridge"), pk=preview_id)
    runs = SyncRun.objects.filter(preview=found).select_related("group", "bridge").order_by("-id")[:5]
    context: dict[str, object] = {
        "preview": found,
        "group": found.group,
        "is_unfinished": found.status in UNFINISHED,
        "runs": runs,
        # Once applied, or refused because the world moved, it would be refused for ever.
        "is_spent": any(run.status in APPLIED or run.error_kind == "moved" for run in runs),
    }
    if found.status == Status.READY:
        tabs = _tabs(found)
        which = request.GET.get("people", "") or next((tab.key for tab in tabs if tab.count), tabs[0].key)
        page = keyset_page(_rows(found, which), request, ("id",))
        labels = field_labels(found.bridge_id)
        context |= {
            "tabs": tabs,
            "which": which,
            "page": page,
            "rows": [ShownRow(row, changed_values(row.changes, labels), _reason(row)) for row in page.rows],
            "is_newer": found.group.previews.filter(status=Status.READY, pk__gt=found.pk).exists(),
        }
    return render(request, "previews/preview.html", context)


def _tabs(found: Preview) -> list[Tab]:
    return [
        Tab("added", "Added", found.added),
        Tab("updated", "Updated", found.updated),
        Tab("unsubscribed", "Unsubscribed", found.unsubscribed),
        Tab("resubscribed", "Resubscribed", found.resubscribed),
        Tab("held", "Held", found.held) if found.held else Tab("removed", "Removed", found.removed),
        Tab("set_aside", "Set aside", found.set_aside),
    ]


def _rows(found: Preview, which: str) -> QuerySet[PreviewRow]:
    """The rows of one tab, in the order in which they were written: an index has them so."""
    rows = PreviewRow.objects.filter(preview=found)
    return rows.filter(flag=which) if which in PreviewRow.Flag.values else rows.filter(kind=which)


def _reason(row: PreviewRow) -> str:
    if row.kind == PreviewRow.Kind.SET_ASIDE:
        return " ".join(filter(None, [words_of(row.reason or "").what, row.answer]))
    return REMOVAL_REASONS.get(row.reason or "", row.reason or "")


@require_GET
def progress(request: HttpRequest, preview_id: int) -> HttpResponse:
    """How far a preview is, for the page that watches it; when it has ended, the page draws itself anew."""
    found = get_object_or_404(Preview.objects.select_related("group"), pk=preview_id)
    if found.status in UNFINISHED:
        return render(request, "previews/progress_answer.html", {"preview": found})
    answer = render(request, "previews/ended.html", {"preview": found}, status=STOP_POLLING)
    answer["HX-Trigger"] = "preview-ended"
    return answer


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def cancel(request: HttpRequest, preview_id: int) -> HttpResponse:
    """Cancel: nothing is kept of it."""
    found = get_object_or_404(Preview, pk=preview_id)
    cancel_preview(found)
    return redirect("preview", found.pk)


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def apply(request: HttpRequest, preview_id: int) -> HttpResponse:
    """Apply this preview: ask for a sync that writes what it shows, or nothing."""
    found = get_object_or_404(Preview.objects.select_related("group", "bridge"), pk=preview_id)
    if found.status != Status.READY:
        messages.error(request, "This preview has nothing to apply. Make a new one.")
        return redirect("preview", found.pk)
    return redirect("sync-run", request_applying(found, requested_by=request.user.get_username()).pk)


@require_GET
def people_csv(request: HttpRequest, preview_id: int) -> HttpResponseBase:
    """All rows of a preview, as CSV."""
    found = get_object_or_404(Preview, pk=preview_id)
    return csv_download(f"preview-{found.pk}.csv", CSV_COLUMNS, _csv_rows(found))


def _csv_rows(found: Preview) -> Iterator[tuple[str | None, ...]]:
    for row in PreviewRow.objects.filter(preview=found).order_by("kind", "id").iterator(chunk_size=2000):
        yield (
            " ".join(filter(None, [row.kind, row.flag])),
            row.master_customer_id,
            row.sub_customer_id,
            row.first_name,
            row.last_name,
            row.email,
            row.status_before,
            row.status_after,
            row.changes,
            _reason(row),
            row.row,
        )
