"""What a form, or a schedule, says in words, and its next five runs (S14): one answer for page, typing and Save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from rollkeeper.crm.schedules.forms import PatternForm
from rollkeeper.crm.schedules.models import JobSchedule
from rollkeeper.crm.schedules.pattern import PatternRefused, checked
from rollkeeper.crm.schedules.schedule import RUNS_SHOWN, ScheduleRefused, next_runs
from rollkeeper.crm.schedules.sentence import sentence, span
from rollkeeper.work.recurrence import Occurrence


@dataclass(frozen=True, slots=True)
class NextRun:
    """A run to come. `local` is in the schedule's zone. `note`: why it is not at the time that the rule names."""

    local: datetime
    note: str

    @property
    def words(self) -> str:
        return f"{self.local:%A}, {self.local.day} {self.local:%b %Y, %H:%M %Z}"


@dataclass(frozen=True, slots=True)
class Preview:
    """`problem`: why it cannot be so; the rest is then as far as it goes."""

    sentence: str
    span: str
    time_zone: str
    runs: tuple[NextRun, ...]
    problem: str = ""


def preview_of(form: PatternForm, now: datetime, schedule: JobSchedule | None = None) -> Preview:
    """The preview of a schedule, where one is given, else of the form as it is filled in."""
    if schedule is not None:
        found = islice(schedule.recurrence.after(now), RUNS_SHOWN)
        zone = ZoneInfo(schedule.time_zone)
        return Preview(schedule.sentence, schedule.span, schedule.time_zone, _runs(tuple(found), zone))
    if not form.is_bound:
        form = type(form)({**_defaults(form), **form.initial})
    try:
        problems = [str(error) for name, errors in form.errors.items() if name != "setup_code" for error in errors]
        if problems:
            return Preview("", "", "", (), problem=problems[0])
        draft = form.draft()
        words = sentence(checked(draft.pattern))
        runs = _runs(next_runs(draft, now), ZoneInfo(draft.time_zone))
        return Preview(words, span(draft.begin, draft.end), draft.time_zone, runs)
    except (PatternRefused, ScheduleRefused) as refusal:
        return Preview("", "", "", (), problem=str(refusal))


def _defaults(form: PatternForm) -> dict[str, object]:
    return {name: field.initial for name, field in form.fields.items() if field.initial is not None}


def _runs(found: Sequence[Occurrence], zone: ZoneInfo) -> tuple[NextRun, ...]:
    return tuple(
        NextRun(
            each.at.astimezone(zone),
            f"the clock is put on and has no {each.wall:%H:%M} that day" if each.moved else "",
        )
        for each in found
    )
