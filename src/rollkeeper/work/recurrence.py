"""When something recurs: RRULE lines expanded on the wall clock of a time zone (S14).

The rule knows no zone: it says "02:30 each day". Each such time is then looked up on the zone's clock. An hour that
the clock skips is due once, at the next valid minute; an hour that it repeats is due once, the first time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

MINUTE = timedelta(minutes=1)
LONGEST_GAP = timedelta(hours=25)  # by how much a clock was ever put on at once: a whole day (Samoa, 2011)
STEPS = {
    "MINUTELY": timedelta(minutes=1),
    "HOURLY": timedelta(hours=1),
    "DAILY": timedelta(days=1),
    "WEEKLY": timedelta(weeks=1),
}
MOST_COUNTED = 1000  # times that passed unused; beyond that nobody needs the exact number


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a rule names: `wall` as the rule says it (without a zone), `at` the moment, in UTC.

    `moved`: the zone's clock skips `wall`, and `at` is the next minute that it has.
    """

    wall: datetime
    at: datetime
    moved: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What to do about a time that has come: `next_at` is the next one (None: there is none), `passed` how many
    more have gone by meanwhile, unused (at most `MOST_COUNTED`)."""

    next_at: datetime | None
    passed: int


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A rule in a time zone, from the day `begin` on, up to and including the day `end` (None: for ever).

    `rule`: one or more RRULE lines without COUNT, UNTIL and seconds other than 0; together they are one set of
    times. Their intervals count from `begin`, 00:00.
    """

    rule: str
    zone: ZoneInfo
    begin: date
    end: date | None = None

    def after(self, moment: datetime) -> Iterator[Occurrence]:
        """The occurrences after a moment, in order, each moment once."""
        # Rules know local times, and the clock may have moved between that moment and a time that it skips.
        wall = moment.astimezone(self.zone).replace(tzinfo=None) - LONGEST_GAP
        last = None
        for each in self._walls(max(wall, datetime.combine(self.begin, time.min))):
            at = moment_of(each, self.zone)
            if at > moment and at != last:
                last = at
                moved = at.astimezone(self.zone).replace(tzinfo=None) != each
                yield Occurrence(each, at, moved)

    def between(self, start: datetime, stop: datetime) -> Iterator[Occurrence]:
        """The occurrences from `start` on, before `stop`."""
        return takewhile(lambda occurrence: occurrence.at < stop, self.after(start - timedelta(microseconds=1)))

    def next_after(self, moment: datetime) -> datetime | None:
        found = next(self.after(moment), None)
        return None if found is None else found.at

    def due(self, due_at: datetime, now: datetime) -> Due:
        """What to do at `now` about `due_at`, an occurrence that has come. Missed ones are due once, late."""
        passed = 0
        for occurrence in self.after(due_at):
            if occurrence.at > now:
                return Due(occurrence.at, passed)
            passed += 1
            if passed == MOST_COUNTED:
                return Due(self.next_after(now), passed)
        return Due(None, passed)

    def _walls(self, start: datetime) -> Iterator[datetime]:
        """The wall-clock times of all lines from `start` on, in order, to the end of the last day."""
        each = heapq.merge(*(_times(line, self.begin, start) for line in self.rule.splitlines()))
        if self.end is None:
            return iter(each)
        end = self.end
        return takewhile(lambda wall: wall.date() <= end, each)


def moment_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a zone's clock shows `wall`: the first, where it shows it twice; where it skips
    it, that of the next minute that it shows."""
    while True:
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
        wall = wall.replace(second=0, microsecond=0) + MINUTE


def _times(line: str, begin: date, start: datetime) -> Iterator[datetime]:
    first = datetime.combine(begin, time.min)
    rule = rrulestr(line, dtstart=first)
    if not isinstance(rule, rrule):
        raise TypeError(f"{line!r} is not one RRULE line")
    # dateutil walks from the beginning, which may be years ago: begin whole intervals later, nearer to the start.
    parts = dict(part.split("=", 1) for part in line.removeprefix("RRULE:").split(";"))
    step = STEPS.get(parts["FREQ"])
    if step is not None:
        step *= int(parts.get("INTERVAL", "1"))
        skipped = max((start - first) // step - 1, 0)
        rule = rrulestr(line, dtstart=first + skipped * step)
    return (wall for wall in rule if wall >= start)
