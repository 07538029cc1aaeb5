"""The figures of Home, from kept counts and rows a list: no figure costs more where there are more people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum

from rollkeeper.crm.jobs.models import JobListResult, JobRun
from rollkeeper.crm.lists.models import Frequency, MarketingList

FEW = 10_000  # up to this many constituents are counted; beyond it the database's own estimate is shown
SHOWN = 10  # lists or runs of one kind
RUNS_LOOKED_THROUGH = 50  # the newest failed runs, among which lists that still need a person are looked for
# A list is late when it was not regenerated for its frequency's time and half of it again.
LATE_AFTER = {
    Frequency.HOURLY: timedelta(hours=1.5),
    Frequency.DAILY: timedelta(days=1.5),
    Frequency.WEEKLY: timedelta(days=10.5),
    Frequency.MONTHLY: timedelta(days=46.5),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of constituents. `is_exact` False: an estimate."""

    number: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class ListFigures:
    """Sums over the lists. Someone in two lists counts in both."""

    lists: int
    built: int
    members: int
    newest: datetime | None


def constituents() -> Amount:
    """How many there are: exactly while they are few, else as the database estimates."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT FROM constituent LIMIT %s) AS few", [FEW + 1])
        few = int(cursor.fetchone()[0])
        if few <= FEW:
            return Amount(few, is_exact=True)
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'constituent'::regclass")
        return Amount(max(int(cursor.fetchone()[0]), few), is_exact=False)


def list_figures() -> ListFigures:
    found = MarketingList.objects.aggregate(
        lists=Count("id"),
        built=Count("id", filter=Q(version__gt=0)),
        members=Sum("member_count", default=0),
        newest=Max("last_regenerated_at"),
    )
    return ListFigures(**found)


def never_built() -> QuerySet[MarketingList]:
    """Lists that MKT600 would skip: they have a frequency, and MKT510 has not built them (S11)."""
    return MarketingList.objects.filter(version=0).exclude(frequency=Frequency.NONE).order_by("code")


def late(now: datetime) -> QuerySet[MarketingList]:
    """Built lists whose last regeneration is longer ago than their frequency says."""
    is_late = Q(pk__in=[])
    for frequency, limit in LATE_AFTER.items():
        is_late |= Q(frequency=frequency, last_regenerated_at__lt=now - limit)
    return MarketingList.objects.filter(is_late, version__gt=0).order_by("last_regenerated_at")


def failed_lists() -> list[JobListResult]:
    """Lists that a recent run failed to regenerate and none has regenerated since, newest first."""
    runs = JobRun.objects.filter(state=JobRun.State.FAILED).order_by("-id")[:RUNS_LOOKED_THROUGH]
    later = JobListResult.objects.filter(list=OuterRef("list"), id__gt=OuterRef("id"))
    failed = JobListResult.objects.filter(outcome=JobListResult.Outcome.FAILED, run__in=list(runs))
    return list(failed.exclude(Exists(later)).select_related("list", "run").order_by("-id")[:SHOWN])


def stuck(now: datetime) -> QuerySet[JobRun]:
    """Runs that have waited ten minutes: probably no worker is there."""
    return JobRun.objects.filter(state=JobRun.State.WAITING, requested_at__lt=now - timedelta(minutes=10))
