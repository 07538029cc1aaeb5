"""The week of all schedules: when each runs, for how long as a rule, and where two overlap (S14).

`plan_week` decides; `WeekPlan` is what both the drawing and the table show.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rollkeeper.work.recurrence import Recurrence, moment_of

DAYS = 7
SHORTEST = timedelta(seconds=1)
MOST_SINGLE = 12  # runs of one schedule a day; more are drawn and told as one band


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule as the calendar needs it. `usual`: how long a run takes as a rule; None: none has ended yet."""

    key: int
    name: str
    recurrence: Recurrence
    usual: timedelta | None


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run. `start` and `end` are on the calendar's wall clock, without a zone; `overlaps`: names of others."""

    start: datetime
    end: datetime
    overlaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DayOfSchedule:
    """The runs of one schedule on one day, in order. `is_band`: so many that they are shown as one."""

    schedule: Planned
    runs: tuple[PlannedRun, ...]

    @property
    def is_band(self) -> bool:
        return len(self.runs) > MOST_SINGLE

    @property
    def overlaps(self) -> tuple[str, ...]:
        return tuple(sorted({name for run in self.runs for name in run.overlaps}))

    @property
    def times(self) -> str:
        """`02:00, 14:00`, or `96 runs from 00:00 to 23:45`."""
        if self.is_band:
            return f"{len(self.runs)} runs from {self.runs[0].start:%H:%M} to {self.runs[-1].start:%H:%M}"
        return ", ".join(f"{run.start:%H:%M}" for run in self.runs)


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    schedules: tuple[DayOfSchedule, ...]


@dataclass(frozen=True, slots=True)
class WeekPlan:
    begin: date
    days: tuple[Day, ...]

    @property
    def overlapping(self) -> tuple[str, ...]:
        """The schedules that overlap with another, by name."""
        return tuple(sorted({each.schedule.name for day in self.days for each in day.schedules if each.overlaps}))


@dataclass(slots=True)
class _Run:
    schedule: int  # the place in the sequence
    at: datetime
    until: datetime
    overlaps: set[str]


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def plan_week(schedules: Sequence[Planned], begin: date, zone: ZoneInfo) -> WeekPlan:
    """The week that begins at 00:00 of `begin` on the zone's clock."""
    start = moment_of(datetime.combine(begin, time.min), zone)
    stop = moment_of(datetime.combine(begin + timedelta(days=DAYS), time.min), zone)
    runs = [
        _Run(place, occurrence.at, occurrence.at + max(each.usual or SHORTEST, SHORTEST), set())
        for place, each in enumerate(schedules)
        for occurrence in each.recurrence.between(start, stop)
    ]
    _mark_overlaps(runs, [each.name for each in schedules])
    by_day: dict[tuple[date, int], list[PlannedRun]] = {}
    for run in sorted(runs, key=lambda run: (run.at, run.schedule)):
        wall = run.at.astimezone(zone).replace(tzinfo=None)
        planned = PlannedRun(wall, wall + (run.until - run.at), tuple(sorted(run.overlaps)))
        by_day.setdefault((wall.date(), run.schedule), []).append(planned)
    return WeekPlan(begin, tuple(_day(begin + timedelta(days=offset), schedules, by_day) for offset in range(DAYS)))


def _day(day: date, schedules: Sequence[Planned], runs: Mapping[tuple[date, int], list[PlannedRun]]) -> Day:
    return Day(
        day,
        tuple(
            DayOfSchedule(each, tuple(runs[day, place]))
            for place, each in enumerate(schedules)
            if (day, place) in runs
        ),
    )


def _mark_overlaps(runs: Sequence[_Run], names: Sequence[str]) -> None:
    """Runs of different schedules that are at work at one time, found in one pass in order of time."""
    at_work: list[tuple[datetime, int, _Run]] = []
    for number, run in enumerate(sorted(runs, key=lambda run: run.at)):
        while at_work and at_work[0][0] <= run.at:
            heapq.heappop(at_work)
        for _, _, other in at_work:
            if other.schedule != run.schedule:
                other.overlaps.add(names[run.schedule])
                run.overlaps.add(names[other.schedule])
        heapq.heappush(at_work, (run.until, number, run))
