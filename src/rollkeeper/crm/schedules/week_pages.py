"""Reporting › Job Scheduling › Week: all schedules on one calendar, and where they overlap."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from rollkeeper.crm.schedules.drawing import COLOURS, draw
from rollkeeper.crm.schedules.models import JobSchedule
from rollkeeper.crm.schedules.schedule import EARLIEST, LATEST
from rollkeeper.crm.schedules.usual import usual_durations
from rollkeeper.crm.schedules.week import DAYS, Planned, monday_of, plan_week


@require_GET
def week(request: HttpRequest) -> HttpResponse:
    """The week of `?from=` (a date; its Monday), else this one, on the organisation's clock."""
    zone = ZoneInfo(settings.TIME_ZONE)
    now = timezone.now().astimezone(zone)
    begin = monday_of(_date(request.GET.get("from", "")) or now.date())
    schedules = list(JobSchedule.objects.filter(enabled=True).order_by("setup_code"))
    colours = {schedule.pk: place % COLOURS + 1 for place, schedule in enumerate(schedules)}
    usual = usual_durations()
    planned = [
        Planned(schedule.pk, schedule.setup_code_id, schedule.recurrence, usual.get(schedule.setup_code_id))
        for schedule in schedules
    ]
    plan = plan_week(planned, begin, zone)
    context = {
        "week": plan,
        "end": begin + timedelta(days=DAYS - 1),
        "drawing": draw(plan, colours, now.replace(tzinfo=None)),
        "legend": [(schedule, colours[schedule.pk], usual.get(schedule.setup_code_id)) for schedule in schedules],
        "before": begin - timedelta(days=DAYS),
        "after": begin + timedelta(days=DAYS),
        "zone": settings.TIME_ZONE,
        "paused": JobSchedule.objects.filter(enabled=False).count(),
        "is_empty": not any(day.schedules for day in plan.days),
    }
    return render(request, "schedules/week.html", context)


def _date(text: str) -> date | None:
    """A date in an address; None where there is none, or one that no calendar here has."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if EARLIEST <= found <= LATEST else None
