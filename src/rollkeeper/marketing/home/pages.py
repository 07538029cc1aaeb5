"""Home: freshness at a glance, and what needs a person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.home import freshness
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup

LAST_RUNS = 10


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Tiles from kept counts, runs that need attention, groups with held removals, the last runs."""
    context = {
        "figures": freshness.group_figures(),
        "subscribers": freshness.subscribers(),
        "catalog_synced_at": freshness.last_catalog_sync(),
        "attention": freshness.runs_needing_attention(),
        "held": TargetGroup.objects.filter(count_held__gt=0).order_by("-count_held", "code")[:10],
        "alarms": freshness.unseen_alarms(),
        "defects": freshness.defects(),
        "runs": SyncRun.objects.select_related("group", "bridge").order_by("-id")[:LAST_RUNS],
        "has_bridge": Bridge.objects.exists(),
    }
    return render(request, "home/home.html", context)
