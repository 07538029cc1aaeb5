"""The figures of Home, from kept counts and indexes alone: no figure costs more where there are more people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, F, Max, Min, Q, Sum

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup

FEW = 10_000  # up to this many subscribers are counted; beyond it the database's own estimate is shown
ATTENTION = 10  # failed runs shown
LOOKED_THROUGH = 200  # the newest failed runs, among which those needing attention are looked for


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of subscribers. `is_exact` False: an estimate."""

    number: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """Sums over the target groups' kept counts. People in two groups count in both."""

    groups: int
    synced: int
    missing: int
    identical: int
    memberships: int
    receiving: int
    held: int
    groups_held: int
    oldest_list: datetime | None
    newest_sync: datetime | None


def group_figures() -> GroupFigures:
    """One pass over the target groups (a row a list, never a row a person)."""
    synced = Q(synced_at__isnull=False)
    found = TargetGroup.objects.aggregate(
        groups=Count("id"),
        synced=Count("id", filter=synced),
        missing=Count("id", filter=Q(missing_at_source=True)),
        memberships=Sum("count_members", default=0),
        receiving=Sum("count_receiving", default=0),
        held=Sum("count_held", default=0),
        groups_held=Count("id", filter=Q(count_held__gt=0)),
        oldest_list=Min("synced_list_as_of", filter=synced),
        newest_sync=Max("synced_at"),
        identical=Count("id", filter=synced & Q(verified_at__isnull=False, verified_at__gte=F("synced_at"))),
    )
    return GroupFigures(**found)


def subscribers() -> Amount:
    """How many subscribers there are: exactly while they are few, else as the database estimates."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT FROM subscriber LIMIT %s) AS few", [FEW + 1])
        few = int(cursor.fetchone()[0])
        if few <= FEW:
            return Amount(few, is_exact=True)
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = 'subscriber'::regclass")
        return Amount(max(int(cursor.fetchone()[0]), few), is_exact=False)


def last_catalog_sync() -> datetime | None:
    """The oldest of the bridges' last successful catalog syncs; None when one of them never had any."""
    times = list(Bridge.objects.filter(is_enabled=True).values_list("catalog_synced_at", flat=True))
    known = [time for time in times if time is not None]
    return min(known) if known and len(known) == len(times) else None


def defects() -> list[SyncRun]:
    """The runs that made groups what they are and found a defect, newest first (B1): one look for each group."""
    made = TargetGroup.objects.filter(applied_run__isnull=False).values("applied_run")
    found = SyncRun.objects.filter(pk__in=made).exclude(defect="").select_related("group")
    return list(found.order_by("-id")[:ATTENTION])


def runs_needing_attention() -> list[SyncRun]:
    """Failed runs, newest first, after which the same thing was not synced successfully."""
    failed = SyncRun.objects.filter(status=SyncRun.Status.FAILED).select_related("group", "bridge")
    newest: dict[tuple[int, int | None], SyncRun] = {}
    for run in failed.order_by("-id")[:LOOKED_THROUGH]:
        newest.setdefault((run.bridge_id, run.group_id), run)
    return [run for run in newest.values() if not _succeeded_after(run)][:ATTENTION]


def unseen_alarms() -> list[SyncRun]:
    """Runs that applied a mass of opt-outs (B3) and that nobody has marked as seen, newest first."""
    alarms = SyncRun.objects.exclude(alarm="").filter(alarm_seen_by="")
    return list(alarms.select_related("group", "bridge").order_by("-id")[:ATTENTION])


def _succeeded_after(run: SyncRun) -> bool:
    good = (SyncRun.Status.COMPLETED, SyncRun.Status.HELD)
    return SyncRun.objects.filter(bridge=run.bridge_id, group=run.group_id, status__in=good, id__gt=run.pk).exists()
