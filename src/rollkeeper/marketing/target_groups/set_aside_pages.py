"""The rows of a target group that are set aside now: why, since when, what to do (B7)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SetAsideRow
from rollkeeper.marketing.sync_runs.set_aside import present
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.marketing.target_groups.set_aside_words import Words, words_of
from rollkeeper.web.csv_download import csv_download
from rollkeeper.web.paging import keyset_page

Key = tuple[str | None, str | None]
KINDS = {"invalid": "Invalid: our check", "rejected": "Rejected: the other side's answer"}
CSV_COLUMNS = (
    "master_customer_id", "sub_customer_id", "kind", "reason", "detail", "what_is_wrong", "what_to_do", "since_run",
    "row",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with its words. `keeps`: the member who keeps older data meanwhile (None: nobody)."""

    row: SetAsideRow
    words: Words
    kind: str
    keeps: Subscriber | None
    as_it_came: str


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many rows are set aside for one reason."""

    code: str
    words: Words
    rows: int


@require_GET
def set_aside_rows(request: HttpRequest, group_id: int) -> HttpResponse:
    """The rows, of all reasons or one, with how many there are of each."""
    group = get_object_or_404(TargetGroup.objects.select_related("bridge"), pk=group_id)
    which = request.GET.get("reason", "")
    rows = present(group)
    counts = [
        ReasonCount(code, words_of(code), number)
        for code, number in rows.values_list("reason").annotate(number=Count("id")).order_by("-number", "reason")
    ]
    page = keyset_page(rows.filter(reason=which) if which else rows, request, ("reason", "id"))
    kept = _members(group, page.rows)
    context = {
        "group": group,
        "counts": counts,
        "total": sum(count.rows for count in counts),
        "which": which,
        "page": page,
        "rows": [
            ShownRow(row, words_of(row.reason), KINDS.get(row.kind, row.kind), kept.get(_key(row)), text(row))
            for row in page.rows
        ],
    }
    return render(request, "target_groups/set_aside.html", context)


def _members(group: TargetGroup, rows: Sequence[SetAsideRow]) -> dict[Key, Subscriber]:
    """The members among the rows' customer ids: they keep the data they have."""
    keys = [_key(row) for row in rows]
    members = GroupMember.objects.filter(
        group=group, master_customer_id__in={master for master, _ in keys if master}
    ).select_related("subscriber")
    return {(member.master_customer_id, member.sub_customer_id): member.subscriber for member in members}


def _key(row: SetAsideRow) -> Key:
    return (row.master_customer_id, row.sub_customer_id)


def text(row: SetAsideRow) -> str:
    """The row as it came."""
    return row.row if isinstance(row.row, str) else json.dumps(row.row, ensure_ascii=False)


@require_GET
def set_aside_csv(request: HttpRequest, group_id: int) -> HttpResponseBase:
    """All rows that are set aside now, as CSV."""
    group = get_object_or_404(TargetGroup, pk=group_id)
    return csv_download(f"set-aside-{group.pk}.csv", CSV_COLUMNS, _csv_rows(group))


def _csv_rows(group: TargetGroup) -> Iterator[tuple[str | int | None, ...]]:
    for row in present(group).order_by("reason", "id").iterator(chunk_size=2000):
        words = words_of(row.reason)
        yield (
            row.master_customer_id, row.sub_customer_id, row.kind, row.reason, row.detail, words.alone, words.to_do,
            row.since_run, text(row),
        )  # fmt: skip
