"""Home: how many, what ran last, what needs a person."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from rollkeeper.crm.home import figures
from rollkeeper.crm.jobs.models import JobRun

LAST_RUNS = 10


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Tiles from kept counts, what needs attention, the last job runs."""
    now = timezone.now()
    never_built, late, failed = figures.never_built(), figures.late(now), figures.failed_lists()
    stuck = figures.stuck(now).count()
    counts = {"never_built": never_built.count(), "late": late.count(), "failed": len(failed), "stuck": stuck}
    context = {
        "constituents": figures.constituents(),
        "lists": figures.list_figures(),
        "attention": sum(counts.values()),
        "counts": counts,
        "never_built": never_built[: figures.SHOWN],
        "late": late[: figures.SHOWN],
        "failed": failed,
        "runs": JobRun.objects.select_related("setup_code").order_by("-id")[:LAST_RUNS],
    }
    return render(request, "home/home.html", context)
