"""A schedule's pattern (recurrence rate): minutely to yearly, as the form has it, and as RRULE lines (S14).

    Pattern(Unit.WEEK, every=2, times=(time(6),), weekdays=(0, 3))  ⇄
    RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;BYHOUR=6;BYMINUTE=0

The lines are what is stored. Times of day with different minutes need a line each: in one line, hours and minutes
are combined with each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum

WEEKDAY_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LAST = -1
ORDINALS = (1, 2, 3, 4, LAST)
DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,4}")
MOST_TIMES = 24
MOST_LINES = 24
PARTS = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR", "BYMINUTE", "BYSECOND", "WKST"}


class PatternRefused(Exception):
    """The pattern cannot be so; the message is one sentence that says what to change."""


class Unit(StrEnum):
    MINUTE = "MINUTELY"
    HOUR = "HOURLY"
    DAY = "DAILY"
    WEEK = "WEEKLY"
    MONTH = "MONTHLY"
    YEAR = "YEARLY"


MOST_EVERY = {Unit.MINUTE: 1440, Unit.HOUR: 168, Unit.DAY: 366, Unit.WEEK: 52, Unit.MONTH: 24, Unit.YEAR: 10}


@dataclass(frozen=True, slots=True)
class DayOfMonth:
    """Day 1 to 31, or the `LAST`. Months that have no such day are left out."""

    number: int


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The first to fourth or `LAST` such weekday (Monday is 0) of the month."""

    ordinal: int
    weekday: int


@dataclass(frozen=True, slots=True)
class Pattern:
    """Every so many units. What a unit does not use is left empty.

    HOUR: `minute`. DAY and longer: `times`, without seconds. WEEK: `weekdays` (Monday is 0). MONTH: `day`.
    YEAR: `day` of `month`. Tuples are in order, each value once.
    """

    unit: Unit
    every: int = 1
    minute: int = 0
    times: tuple[time, ...] = ()
    weekdays: tuple[int, ...] = ()
    day: DayOfMonth | NthWeekday | None = None
    month: int | None = None

    def rule(self) -> str:
        """The pattern as RRULE lines."""
        head = f"RRULE:FREQ={self.unit};INTERVAL={self.every}"
        if self.unit is Unit.MINUTE:
            return head
        if self.unit is Unit.HOUR:
            return f"{head};BYMINUTE={self.minute}"
        head += self._days()
        minutes = sorted({each.minute for each in self.times})
        return "\n".join(
            f"{head};BYHOUR={','.join(str(each.hour) for each in self.times if each.minute == minute)}"
            f";BYMINUTE={minute}"
            for minute in minutes
        )

    def _days(self) -> str:
        month = f";BYMONTH={self.month}" if self.unit is Unit.YEAR else ""
        match self.unit, self.day:
            case Unit.WEEK, _:
                return ";BYDAY=" + ",".join(WEEKDAY_CODES[day] for day in self.weekdays)
            case Unit.MONTH | Unit.YEAR, DayOfMonth(number):
                return f"{month};BYMONTHDAY={number}"
            case Unit.MONTH | Unit.YEAR, NthWeekday(ordinal, weekday):
                return f"{month};BYDAY={ordinal}{WEEKDAY_CODES[weekday]}"
            case _:
                return ""


def checked(pattern: Pattern) -> Pattern:
    """The pattern with its tuples in order and without what its unit does not use. Raises `PatternRefused`."""
    unit, most = pattern.unit, MOST_EVERY[pattern.unit]
    if not 1 <= pattern.every <= most:
        raise PatternRefused(f"“Every” is a whole number from 1 to {most} here.")
    if unit is Unit.MINUTE:
        return Pattern(unit, pattern.every)
    if unit is Unit.HOUR:
        if not 0 <= pattern.minute <= 59:
            raise PatternRefused("The minute of the hour is a whole number from 0 to 59.")
        return Pattern(unit, pattern.every, pattern.minute)
    times = tuple(sorted(set(pattern.times)))
    if not times:
        raise PatternRefused("Give at least one time of day, such as 02:00.")
    if len(times) > MOST_TIMES:
        raise PatternRefused(f"{MOST_TIMES} times of day are enough; for more, take Hourly or Minutely.")
    kept = Pattern(unit, pattern.every, times=times)
    if unit is Unit.WEEK:
        return replace(kept, weekdays=_checked_weekdays(pattern.weekdays))
    if unit in {Unit.MONTH, Unit.YEAR}:
        month = pattern.month if unit is Unit.YEAR else None
        return replace(kept, day=_checked_day(pattern.day, unit, month), month=month)
    return kept


def _checked_weekdays(weekdays: tuple[int, ...]) -> tuple[int, ...]:
    days = tuple(sorted(set(weekdays)))
    if not days or not all(0 <= day <= 6 for day in days):
        raise PatternRefused("Choose at least one day of the week.")
    return days


def _checked_day(day: DayOfMonth | NthWeekday | None, unit: Unit, month: int | None) -> DayOfMonth | NthWeekday:
    if unit is Unit.YEAR and (month is None or not 1 <= month <= 12):
        raise PatternRefused("Choose the month.")
    match day:
        case DayOfMonth(number):
            most = DAYS_IN_MONTH[month - 1] if month is not None else 31
            if number != LAST and not 1 <= number <= most:
                raise PatternRefused(f"The day is a whole number from 1 to {most}; or take the last day.")
        case NthWeekday(ordinal, weekday):
            if ordinal not in ORDINALS or not 0 <= weekday <= 6:
                raise PatternRefused("Choose the first, second, third, fourth or last, and a day of the week.")
        case None:
            raise PatternRefused("Choose the day of the month.")
    return day


def read_rule(rule: str) -> Pattern:
    """The pattern of RRULE lines. Raises `PatternRefused` for lines that no pattern makes."""
    lines = [_parts(line.strip()) for line in rule.strip().splitlines() if line.strip()]
    if not lines or len(lines) > MOST_LINES:
        raise PatternRefused("Give one RRULE line, such as FREQ=DAILY;BYHOUR=2;BYMINUTE=0.")
    first = lines[0]
    rest = [{key: value for key, value in line.items() if key not in {"BYHOUR", "BYMINUTE"}} for line in lines]
    if any(each != rest[0] for each in rest):
        raise PatternRefused("Several RRULE lines may differ in BYHOUR and BYMINUTE only.")
    unit = _unit(first)
    used = {"FREQ", "INTERVAL", "BYSECOND", "WKST", *_USED[unit]}
    if unused := sorted(first.keys() - used):
        raise PatternRefused(f"A {unit.lower()} rule has no {', '.join(unused)} here.")
    if len(lines) > 1 and unit in {Unit.MINUTE, Unit.HOUR}:
        raise PatternRefused(f"A {unit.lower()} rule is one line.")
    if first.get("BYSECOND", "0") != "0" or first.get("WKST", "MO") != "MO":
        raise PatternRefused("Rules have whole minutes, and weeks that begin on Monday.")
    has_times = unit not in {Unit.MINUTE, Unit.HOUR}
    return checked(
        Pattern(
            unit=unit,
            every=_number(first.get("INTERVAL", "1")),
            minute=_number(first.get("BYMINUTE", "0")) if unit is Unit.HOUR else 0,
            times=tuple(each for line in lines for each in _times(line)) if has_times else (),
            weekdays=_weekdays(first) if unit is Unit.WEEK else (),
            day=_day(first) if unit in {Unit.MONTH, Unit.YEAR} else None,
            month=_number(first["BYMONTH"]) if "BYMONTH" in first else None,
        )
    )


_USED: dict[Unit, set[str]] = {
    Unit.MINUTE: set(),
    Unit.HOUR: {"BYMINUTE"},
    Unit.DAY: {"BYHOUR", "BYMINUTE"},
    Unit.WEEK: {"BYDAY", "BYHOUR", "BYMINUTE"},
    Unit.MONTH: {"BYDAY", "BYMONTHDAY", "BYHOUR", "BYMINUTE"},
    Unit.YEAR: {"BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR", "BYMINUTE"},
}


def _parts(line: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in line.upper().removeprefix("RRULE:").rstrip(";").split(";"):
        key, equals, value = part.partition("=")
        if not equals or not value or key in parts or key not in PARTS:
            raise PatternRefused(f"{part!r} is no part of a rule here. Parts are {', '.join(sorted(PARTS))}.")
        parts[key] = value
    return parts


def _unit(parts: dict[str, str]) -> Unit:
    try:
        return Unit(parts.get("FREQ", ""))
    except ValueError as error:
        raise PatternRefused(f"FREQ is one of {', '.join(Unit)}.") from error


def _times(parts: dict[str, str]) -> list[time]:
    hours = [_number(hour) for hour in parts.get("BYHOUR", "").split(",") if hour]
    minutes = [_number(minute) for minute in parts.get("BYMINUTE", "0").split(",")]
    if not all(0 <= hour <= 23 for hour in hours) or not all(0 <= minute <= 59 for minute in minutes):
        raise PatternRefused("BYHOUR is 0 to 23, BYMINUTE 0 to 59.")
    return [time(hour, minute) for hour in hours for minute in minutes]


def _weekdays(parts: dict[str, str]) -> tuple[int, ...]:
    return tuple(_weekday(code) for code in parts.get("BYDAY", "").split(",") if code)


def _day(parts: dict[str, str]) -> DayOfMonth | NthWeekday | None:
    if "BYMONTHDAY" in parts and "BYDAY" in parts:
        raise PatternRefused("Give BYMONTHDAY or BYDAY, not both.")
    if "BYMONTHDAY" in parts:
        return DayOfMonth(_number(parts["BYMONTHDAY"]))
    if "BYDAY" in parts:
        return NthWeekday(_number(parts["BYDAY"][:-2]), _weekday(parts["BYDAY"][-2:]))
    return None


def _weekday(code: str) -> int:
    if code not in WEEKDAY_CODES:
        raise PatternRefused(f"{code!r} is no day of the week: {', '.join(WEEKDAY_CODES)}.")
    return WEEKDAY_CODES.index(code)


def _number(text: str) -> int:
    if not WHOLE_NUMBER.fullmatch(text):
        raise PatternRefused(f"{text!r} is not a whole number.")
    return int(text)
