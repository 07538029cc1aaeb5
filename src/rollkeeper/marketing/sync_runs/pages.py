"""Sync runs: what ran, why, what came of it (S17, B6, B7)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from django import forms
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import RunChange, SetAsideRow, SyncRun
from rollkeeper.marketing.sync_runs.old_values import OldValue, field_labels, old_values
from rollkeeper.marketing.sync_runs.request import cancel_sync
from rollkeeper.marketing.sync_runs.rules import MAY_SYNC
from rollkeeper.sync.events import Event
from rollkeeper.sync.set_aside import Reason
from rollkeeper.web.csv_download import csv_download
from rollkeeper.web.paging import Page, keyset_page

STOP_POLLING = 286  # htmx: this answer is the last
FIRST_SET_ASIDE = 20  # rows shown on the run's page; all of them are in the download
CSV_COLUMNS = ("master_customer_id", "sub_customer_id", "kind", "reason", "detail", "row")


class RunFilter(forms.Form):
    """Which runs to list. What is left empty does not narrow."""

    event = forms.ChoiceField(
        required=False, choices=[("", "Any event"), *((event.value, event.label) for event in Event)]
    )
    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *SyncRun.Status.choices])
    group = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def runs(self) -> QuerySet[SyncRun]:
        """The runs that match, newest first; a value that is none of the choices is left out."""
        self.is_valid()
        wanted = {name: value for name, value in self.cleaned_data.items() if value}
        return SyncRun.objects.filter(**wanted).select_related("group", "bridge")


@require_GET
def sync_runs(request: HttpRequest) -> HttpResponse:
    """All runs, newest first, by event, status or target group."""
    filters = RunFilter(request.GET)
    page = keyset_page(filters.runs(), request, ("id",), descending=True)
    group = page.rows[0].group if page.rows and filters.cleaned_data.get("group") else None
    filtered = any(filters.cleaned_data.values())
    context = {"filters": filters, "page": page, "group": group, "filtered": filtered}
    return render(request, "sync_runs/list.html", context)


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change with its person (None: the subscriber is gone) and the values that it replaced."""

    change: RunChange
    person: Subscriber | None
    old_values: list[OldValue]


@require_GET
def sync_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run: its event, times and counts, both fingerprints, its changes and the rows it set aside."""
    run = get_object_or_404(SyncRun.objects.select_related("group", "bridge"), pk=run_id)
    set_aside = list(run.set_aside_rows.order_by("id")[:FIRST_SET_ASIDE]) if run.set_aside else []
    which = request.GET.get("change", "")
    page = _changes(request, run, which)
    context = {
        "run": run,
        "page": page,
        "changes": _with_people(run, page),
        "which": which,
        "kinds": RunChange.Change.choices,
        "set_aside": [(row, _sentence(row), _text(row.row)) for row in set_aside],
    }
    return render(request, "sync_runs/run.html", context)


def _changes(request: HttpRequest, run: SyncRun, which: str) -> Page[RunChange]:
    """One page of the run's changes; the index (run, change, id) serves both all of them and one kind."""
    changes = RunChange.objects.filter(run=run)
    if which in RunChange.Change.values:
        changes = changes.filter(change=which)
    return keyset_page(changes, request, ("change", "id"))


def _with_people(run: SyncRun, page: Page[RunChange]) -> list[ShownChange]:
    people = Subscriber.objects.only(
        "id", "first_name", "last_name", "email", "master_customer_id", "sub_customer_id"
    ).in_bulk([change.subscriber_id for change in page.rows])
    labels = field_labels(run.bridge_id)
    return [
        ShownChange(change, people.get(change.subscriber_id), old_values(change.before, labels))
        for change in page.rows
    ]


def _sentence(row: SetAsideRow) -> str:
    return row.detail or (Reason(row.reason).sentence if row.reason in set(Reason) else row.reason)


@require_GET
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """How far a run is, for the page that watches it. When it has ended: that, and the page draws itself anew."""
    run = get_object_or_404(SyncRun.objects.select_related("group", "bridge"), pk=run_id)
    if run.status in (SyncRun.Status.WAITING, SyncRun.Status.RUNNING):
        return render(request, "sync_runs/progress_answer.html", {"run": run})
    answer = render(request, "sync_runs/ended.html", {"run": run}, status=STOP_POLLING)
    answer["HX-Trigger"] = "sync-run-ended"
    return answer


@require_POST
@permission_required(MAY_SYNC, raise_exception=True)
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    """Cancel: the run stops before it changes anything, and the page shows how it ended."""
    run = get_object_or_404(SyncRun, pk=run_id)
    cancel_sync(run, cancelled_by=request.user.get_username())
    return redirect("sync-run", run.pk)


@require_GET
def set_aside_csv(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """The rows that a run set aside, as CSV, streamed."""
    run = get_object_or_404(SyncRun, pk=run_id)
    rows = run.set_aside_rows.order_by("id").iterator(chunk_size=2000)
    return csv_download(
        f"set-aside-run-{run.pk}.csv",
        CSV_COLUMNS,
        (
            (row.master_customer_id, row.sub_customer_id, row.kind, row.reason, row.detail, _text(row.row))
            for row in rows
        ),
    )


def _text(row: object) -> str:
    return row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)
