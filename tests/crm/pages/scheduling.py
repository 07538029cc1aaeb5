"""Job Scheduling for the page tests: three schedules, two of which overlap, with runs behind them."""

from __future__ import annotations

from datetime import time, timedelta

from django.utils import timezone

from rollkeeper.crm.jobs.log import tell
from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.schedules import schedule as domain
from rollkeeper.crm.schedules.models import JobSchedule, ScheduledRun
from rollkeeper.crm.schedules.pattern import NthWeekday, Pattern, Unit
from rollkeeper.crm.schedules.schedule import Draft
from tests.crm.schedules.making import make_setup_codes


def past_run(code: str, seconds: float, schedule: JobSchedule, *, late: bool = False) -> JobRun:
    """A run that has ended, as long ago as it was late."""
    now = timezone.now()
    started = now - timedelta(hours=2)
    run = JobRun.objects.create(
        job="MKT600", setup_code_id=code, state="completed", requested_by=f"schedule {code}", started_at=started,
        finished_at=started + timedelta(seconds=seconds), message="3 lists regenerated.",
    )  # fmt: skip
    due = started - timedelta(hours=3) if late else started
    ScheduledRun.objects.create(run=run, schedule=schedule, due_at=due, taken_at=started, passed=2 if late else 0)
    tell(run, "Began: 3 lists to do.")
    return run


def schedule_all() -> dict[str, JobSchedule]:
    """HOURLY every 15 minutes, DAILY at two and 14:30, WEEKLY on Mondays at two, MONTHLY paused."""
    make_setup_codes()
    now = timezone.now()
    begin = (now - timedelta(days=30)).date()
    patterns = {
        "HOURLY": Pattern(Unit.MINUTE, every=15),
        "DAILY": Pattern(Unit.DAY, times=(time(2), time(14, 30))),
        "WEEKLY": Pattern(Unit.WEEK, times=(time(2, 5),), weekdays=(0, 3)),
        "MONTHLY": Pattern(Unit.MONTH, times=(time(3),), day=NthWeekday(1, 0)),
    }
    made = {
        code: domain.create_schedule(code, Draft(pattern, "UTC", begin), author="ana", origin="test", now=now)
        for code, pattern in patterns.items()
    }
    domain.pause(made["MONTHLY"].pk, author="ana", origin="test", now=now)
    for _ in range(3):
        past_run("DAILY", 1500, made["DAILY"])
    past_run("WEEKLY", 4000, made["WEEKLY"], late=True)
    return {schedule.setup_code_id: schedule for schedule in JobSchedule.objects.all()}
