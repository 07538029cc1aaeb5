"""Taking what is due: exactly one run for each time of a schedule, whatever workers do (S14, spec/work.md)."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from rollkeeper.crm.jobs.log import tell
from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.jobs.request import JobRefused, request_job
from rollkeeper.crm.schedules.models import JobSchedule, ScheduledRun

logger = logging.getLogger(__name__)


def take_due(now: datetime) -> list[JobRun]:
    """Request the runs of all schedules whose time has come. Returns those that this call requested.

    A schedule that cannot be taken does not hold up the others; it is tried again at the next tick.
    """
    taken = []
    due = JobSchedule.objects.filter(enabled=True, next_at__lte=now).order_by("next_at", "id")
    for schedule in due.select_related("setup_code"):
        try:
            if run := _take(schedule, now):
                taken.append(run)
        except Exception:
            logger.exception("The schedule %s could not be taken", schedule)
    return taken


def _take(schedule: JobSchedule, now: datetime) -> JobRun | None:
    """Move the schedule on and request its run, in one transaction. None: another worker was faster, somebody
    changed the schedule this very moment, or the run of the time before still waits and serves this one too."""
    due_at = schedule.next_at
    if due_at is None:
        return None
    due = schedule.recurrence.due(due_at, now)
    with transaction.atomic():
        moved_on = JobSchedule.objects.filter(
            pk=schedule.pk, enabled=True, next_at=due_at, version=schedule.version
        ).update(next_at=due.next_at)
        if not moved_on or _joined(schedule, due.passed + 1):
            return None
        run = _requested(schedule)
        scheduled = ScheduledRun.objects.create(
            run=run, schedule=schedule, due_at=due_at, taken_at=now, passed=due.passed
        )
        if scheduled.is_late:
            tell(run, scheduled.late_sentence, "warning")
            logger.warning("%s, run %d: %s", schedule, run.pk, scheduled.late_sentence)
    return run


def _joined(schedule: JobSchedule, times: int) -> bool:
    """Whether a run of an earlier time still waits: it will do what this one would, so no second one queues up."""
    waiting = (
        ScheduledRun.objects.select_related("run")
        .select_for_update(of=("self", "run"))
        .filter(schedule=schedule, due_at__isnull=False, run__state=JobRun.State.WAITING)
        .first()
    )
    if waiting is None:
        return False
    waiting.passed += times
    waiting.save(update_fields=["passed"])
    tell(waiting.run, "Still waiting when the schedule's next time came: this run serves that one too.", "warning")
    return True


def _requested(schedule: JobSchedule) -> JobRun:
    """The run; where its parameters do not fit any more, one that has failed and says why."""
    author = f"schedule {schedule.setup_code_id}"
    try:
        with transaction.atomic():
            return request_job(schedule.job, setup_code=schedule.setup_code_id, requested_by=author)
    except JobRefused as refusal:
        run = JobRun.objects.create(
            job=schedule.job,
            setup_code_id=schedule.setup_code_id,
            list_code=schedule.setup_code.list_code,
            state=JobRun.State.FAILED,
            requested_by=author,
            finished_at=timezone.now(),
            message=str(refusal),
        )
        tell(run, f"Refused. {refusal}", "error")
        logger.warning("%s, run %d was refused: %s", schedule, run.pk, refusal)
        return run
