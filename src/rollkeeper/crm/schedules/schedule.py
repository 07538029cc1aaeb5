"""Making, changing, pausing and running a schedule (S12, S14)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

from django.db import IntegrityError, transaction

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import Value, differences, record
from rollkeeper.crm.jobs.models import Job, JobRun, SetupCode
from rollkeeper.crm.jobs.request import request_job
from rollkeeper.crm.schedules.models import JobSchedule, ScheduledRun
from rollkeeper.crm.schedules.pattern import Pattern, checked
from rollkeeper.work.recurrence import Occurrence, Recurrence

EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
KIND = "job_schedule"  # in the change log, under its set-up code
RUNS_SHOWN = 5  # S14: the form shows the next five runs


class ScheduleRefused(Exception):
    """The schedule cannot be so; the message is one sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person says of a schedule. `end`: the last day on which it runs; None: for ever."""

    pattern: Pattern
    time_zone: str
    begin: date
    end: date | None = None


def recurrence_of(draft: Draft) -> Recurrence:
    """The draft as a recurrence. Raises `ScheduleRefused` and `PatternRefused`."""
    if draft.time_zone not in available_timezones():
        raise ScheduleRefused(f"There is no time zone {draft.time_zone!r}. Such names are Europe/Berlin and UTC.")
    for day in (draft.begin, draft.end or draft.begin):
        if not EARLIEST <= day <= LATEST:
            raise ScheduleRefused(f"Dates are from {EARLIEST.year} to {LATEST.year}.")
    if draft.end is not None and draft.end < draft.begin:
        raise ScheduleRefused("The End date is before the Begin date. Move one of them, or leave End empty.")
    return Recurrence(checked(draft.pattern).rule(), ZoneInfo(draft.time_zone), draft.begin, draft.end)


def next_runs(draft: Draft, now: datetime) -> list[Occurrence]:
    """The next runs that the draft would have, at most five and at least one.

    Raises `ScheduleRefused` where it would never run, and `PatternRefused`.
    """
    recurrence = recurrence_of(draft)
    found = list(islice(recurrence.after(now), RUNS_SHOWN))
    if not found:
        until = "" if draft.end is None else " up to the End date"
        raise ScheduleRefused(f"This would never run: the pattern has no time from now on{until}.")
    return found


def create_schedule(setup_code: str, draft: Draft, *, author: str, origin: str, now: datetime) -> JobSchedule:
    """Schedule MKT600 for a set-up code. Raises `ScheduleRefused` and `PatternRefused`; nothing is written then."""
    first = next_runs(draft, now)[0].at
    with transaction.atomic():
        setup = SetupCode.objects.select_for_update().filter(code=setup_code).first()
        if setup is None:
            raise ScheduleRefused(f"There is no set-up code {setup_code!r}.")
        if setup.job != Job.MKT600:
            raise ScheduleRefused(
                f"{setup.code} is a set-up code of {setup.job}, which is ad hoc. MKT600 is scheduled."
            )
        refusal = ScheduleRefused(
            f"{setup.code} is scheduled already, and a set-up code has one schedule. Change that one."
        )
        if JobSchedule.objects.filter(setup_code=setup).exists():
            raise refusal
        try:
            with transaction.atomic():
                schedule = JobSchedule.objects.create(
                    setup_code=setup, next_at=first, changed_by=author, changed_at=now, **_columns(draft)
                )
        except IntegrityError as error:  # somebody else was a moment faster
            raise refusal from error
        made = differences({}, _facts(schedule))
        record(KIND, setup.code, author, origin, made, action=Action.CREATED, version=schedule.version)
    return schedule


def change_schedule(
    schedule_id: int, draft: Draft, *, version: int, author: str, origin: str, now: datetime
) -> JobSchedule:
    """Give a schedule another pattern or span. One that is paused stays so.

    `version`: the one that the person saw. Raises `ScheduleRefused` and `PatternRefused`.
    """
    first = next_runs(draft, now)[0].at
    with transaction.atomic():
        schedule = _locked(schedule_id)
        if schedule.version != version:
            raise ScheduleRefused(
                f"{schedule.changed_by} changed this schedule meanwhile. Open it again and look at what it is now."
            )
        next_at = first if schedule.enabled else None
        return _changed(schedule, author, origin, now, next_at=next_at, **_columns(draft))


def pause(schedule_id: int, *, author: str, origin: str, now: datetime) -> JobSchedule:
    """Let it not run until it is resumed. What is paused already stays so."""
    with transaction.atomic():
        schedule = _locked(schedule_id)
        if not schedule.enabled:
            return schedule
        return _changed(schedule, author, origin, now, enabled=False, next_at=None)


def resume(schedule_id: int, *, author: str, origin: str, now: datetime) -> JobSchedule:
    """Let it run again, from its next time on: those that passed meanwhile are not made up for."""
    with transaction.atomic():
        schedule = _locked(schedule_id)
        if schedule.enabled:
            return schedule
        next_at = schedule.recurrence.next_after(now)
        if next_at is None:
            raise ScheduleRefused("Its End date is past. Give it a later one, or none, first.")
        return _changed(schedule, author, origin, now, enabled=True, next_at=next_at)


def delete(schedule_id: int, *, author: str, origin: str) -> None:
    """Delete it. The runs that came of it stay."""
    with transaction.atomic():
        schedule = _locked(schedule_id)
        lost = differences(_facts(schedule), dict.fromkeys(_facts(schedule)))
        record(KIND, schedule.setup_code_id, author, origin, lost, action=Action.REMOVED)
        schedule.delete()


def run_now(schedule_id: int, *, author: str, now: datetime) -> JobRun:
    """Ask for a run at once, paused or not; the next time stays as it is. Raises `JobRefused`."""
    with transaction.atomic():
        schedule = _locked(schedule_id)
        run = request_job(schedule.job, setup_code=schedule.setup_code_id, requested_by=author)
        ScheduledRun.objects.create(run=run, schedule=schedule, due_at=None, taken_at=now)
    return run


def _locked(schedule_id: int) -> JobSchedule:
    schedule = JobSchedule.objects.select_for_update().filter(pk=schedule_id).first()
    if schedule is None:
        raise ScheduleRefused("The schedule is not there any more.")
    return schedule


def _changed(schedule: JobSchedule, author: str, origin: str, now: datetime, **columns: object) -> JobSchedule:
    before = _facts(schedule)
    for name, value in columns.items():
        setattr(schedule, name, value)
    schedule.version += 1
    schedule.changed_by, schedule.changed_at = author, now
    schedule.save()
    changes = differences(before, _facts(schedule))
    record(KIND, schedule.setup_code_id, author, origin, changes, version=schedule.version)
    return schedule


def _facts(schedule: JobSchedule) -> dict[str, Value]:
    """What a person decides of a schedule, as the change log has it (B22)."""
    return {
        "rule": schedule.rule,
        "time_zone": schedule.time_zone,
        "begin": schedule.begin,
        "end": schedule.end,
        "enabled": schedule.enabled,
    }


def _columns(draft: Draft) -> dict[str, object]:
    rule = checked(draft.pattern).rule()
    return {"rule": rule, "time_zone": draft.time_zone, "begin": draft.begin, "end": draft.end}
