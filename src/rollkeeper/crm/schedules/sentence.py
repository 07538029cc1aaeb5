"""A schedule in words: `Every 2 weeks on Monday and Thursday at 06:00.` (S14)"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rollkeeper.crm.schedules.pattern import DAYS_IN_MONTH, LAST, DayOfMonth, NthWeekday, Pattern, Unit

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
ORDINAL_WORDS = {1: "first", 2: "second", 3: "third", 4: "fourth", LAST: "last"}
NOUNS = {
    Unit.MINUTE: "minute",
    Unit.HOUR: "hour",
    Unit.DAY: "day",
    Unit.WEEK: "week",
    Unit.MONTH: "month",
    Unit.YEAR: "year",
}
SHORTEST_MONTH = 28


def sentence(pattern: Pattern) -> str:
    """The pattern, as a sentence with its full stop; what it leaves out is said."""
    noun = NOUNS[pattern.unit]
    every = f"Every {noun}" if pattern.every == 1 else f"Every {pattern.every} {noun}s"
    if pattern.unit is Unit.MINUTE:
        return f"{every}."
    if pattern.unit is Unit.HOUR:
        past = "on the hour" if pattern.minute == 0 else f"at {pattern.minute} minute{_s(pattern.minute)} past"
        return f"{every}, {past}."
    at = listed([f"{each:%H:%M}" for each in pattern.times])
    return f"{every}{_on(pattern)} at {at}.{_left_out(pattern)}"


def span(begin: date, end: date | None) -> str:
    """From when to when: `From 1 Dec 2026 to 31 Dec 2026, that day included.`"""
    if end is None:
        return f"From {day_in_words(begin)} on."
    return f"From {day_in_words(begin)} to {day_in_words(end)}, that day included."


def day_in_words(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _on(pattern: Pattern) -> str:
    if pattern.unit is Unit.WEEK:
        return f" on {listed([WEEKDAYS[day] for day in pattern.weekdays])}"
    month = "" if pattern.month is None else MONTHS[pattern.month - 1]
    match pattern.day:
        case DayOfMonth(number) if number == LAST:
            return f" on the last day of {month}" if month else " on the last day"
        case DayOfMonth(number):
            return f" on {number} {month}" if month else f" on day {number}"
        case NthWeekday(ordinal, weekday):
            words = f" on the {ORDINAL_WORDS[ordinal]} {WEEKDAYS[weekday]}"
            return f"{words} of {month}" if month else words
        case None:
            return ""


def _left_out(pattern: Pattern) -> str:
    match pattern.day:
        case DayOfMonth(number) if number > SHORTEST_MONTH:
            if pattern.month is None:
                return f" Months without a day {number} are left out."
            if number == DAYS_IN_MONTH[pattern.month - 1] == SHORTEST_MONTH + 1:
                return " Years without that day are left out."
    return ""


def _s(count: int) -> str:
    return "" if count == 1 else "s"
