"""The schedule pattern: as a value, as RRULE lines, in words (S14)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.crm.schedules.pattern import (
    LAST,
    DayOfMonth,
    NthWeekday,
    Pattern,
    PatternRefused,
    Unit,
    checked,
    read_rule,
)
from rollkeeper.crm.schedules.sentence import sentence, span
from rollkeeper.work.recurrence import Recurrence

TWO = (time(2),)
at_times = st.lists(st.times().map(lambda each: each.replace(second=0, microsecond=0)), min_size=1, max_size=6).map(
    tuple
)
day_of_month = st.one_of(
    st.builds(DayOfMonth, st.sampled_from([1, 28, 29, LAST])),
    st.builds(NthWeekday, st.sampled_from([1, 2, 3, 4, LAST]), st.integers(0, 6)),
)
patterns = st.one_of(
    st.builds(Pattern, st.just(Unit.MINUTE), every=st.integers(1, 1440)),
    st.builds(Pattern, st.just(Unit.HOUR), every=st.integers(1, 168), minute=st.integers(0, 59)),
    st.builds(Pattern, st.just(Unit.DAY), every=st.integers(1, 366), times=at_times),
    st.builds(
        Pattern,
        st.just(Unit.WEEK),
        every=st.integers(1, 52),
        times=at_times,
        weekdays=st.lists(st.integers(0, 6), min_size=1).map(tuple),
    ),
    st.builds(Pattern, st.just(Unit.MONTH), every=st.integers(1, 24), times=at_times, day=day_of_month),
    st.builds(
        Pattern, st.just(Unit.YEAR), every=st.just(1), times=at_times, day=day_of_month, month=st.integers(1, 12)
    ),
).map(checked)


@settings(deadline=None)  # on a machine with other things to do
@given(patterns)
def test_a_pattern_is_what_its_rule_says(pattern: Pattern) -> None:
    assert read_rule(pattern.rule()) == pattern


@settings(deadline=None)  # on a machine with other things to do
@given(patterns, st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_every_time_of_a_rule_is_one_that_its_pattern_names(pattern: Pattern, begin: date) -> None:
    """Looked at one by one, without dateutil: times of day, days of the week, days of the month."""
    recurrence = Recurrence(pattern.rule(), ZoneInfo("UTC"), begin)
    found = list(islice(recurrence.after(datetime.combine(begin, time.min, UTC) - timedelta(minutes=1)), 12))
    assert found or pattern.unit is Unit.MONTH, "only months without the day may leave nothing"
    for wall in (occurrence.wall for occurrence in found):
        assert wall.date() >= begin
        assert fits_the_clock(wall, pattern, begin), wall
        assert fits_the_calendar(wall, pattern, begin), wall


def fits_the_clock(wall: datetime, pattern: Pattern, begin: date) -> bool:
    since = wall - datetime.combine(begin, time.min)
    if pattern.unit is Unit.MINUTE:
        return since % timedelta(minutes=pattern.every) == timedelta()
    if pattern.unit is Unit.HOUR:
        return wall.minute == pattern.minute and since // timedelta(hours=1) % pattern.every == 0
    return wall.time() in pattern.times


def fits_the_calendar(wall: datetime, pattern: Pattern, begin: date) -> bool:
    if pattern.unit is Unit.DAY:
        return (wall.date() - begin).days % pattern.every == 0
    if pattern.unit is Unit.WEEK:
        weeks = (wall.date() - begin + timedelta(days=begin.weekday())).days // 7
        return wall.weekday() in pattern.weekdays and weeks % pattern.every == 0
    if pattern.month not in {None, wall.month}:
        return False
    match pattern.day:
        case DayOfMonth(number):
            return (wall + timedelta(days=1)).day == 1 if number == LAST else wall.day == number
        case NthWeekday(ordinal, weekday):
            is_last = (wall + timedelta(days=7)).month != wall.month
            return wall.weekday() == weekday and (
                is_last if ordinal == LAST else (wall.day - 1) // 7 + 1 == ordinal
            )
        case None:
            return True


@settings(deadline=None)  # on a machine with other things to do
@given(patterns)
def test_every_pattern_has_a_sentence(pattern: Pattern) -> None:
    words = sentence(pattern)
    assert words.startswith("Every ")
    assert words.endswith(".")
    assert all(f"{each:%H:%M}" in words for each in pattern.times)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (Pattern(Unit.MINUTE), "Every minute."),
        (Pattern(Unit.MINUTE, every=15), "Every 15 minutes."),
        (Pattern(Unit.HOUR), "Every hour, on the hour."),
        (Pattern(Unit.HOUR, every=2, minute=1), "Every 2 hours, at 1 minute past."),
        (Pattern(Unit.DAY, times=TWO), "Every day at 02:00."),
        (Pattern(Unit.DAY, every=3, times=(time(2), time(14, 30), time(18))), "Every 3 days at 02:00, 14:30 and 18:00."),
        (Pattern(Unit.WEEK, every=2, times=(time(6),), weekdays=(0, 3)), "Every 2 weeks on Monday and Thursday at 06:00."),
        (Pattern(Unit.MONTH, times=TWO, day=DayOfMonth(15)), "Every month on day 15 at 02:00."),
        (Pattern(Unit.MONTH, times=TWO, day=DayOfMonth(31)), "Every month on day 31 at 02:00. Months without a day 31 are left out."),
        (Pattern(Unit.MONTH, times=TWO, day=DayOfMonth(LAST)), "Every month on the last day at 02:00."),
        (Pattern(Unit.MONTH, times=TWO, day=NthWeekday(1, 0)), "Every month on the first Monday at 02:00."),
        (Pattern(Unit.YEAR, times=TWO, day=DayOfMonth(29), month=2), "Every year on 29 February at 02:00. Years without that day are left out."),
        (Pattern(Unit.YEAR, times=TWO, day=DayOfMonth(31), month=12), "Every year on 31 December at 02:00."),
        (Pattern(Unit.YEAR, times=TWO, day=DayOfMonth(LAST), month=2), "Every year on the last day of February at 02:00."),
        (Pattern(Unit.YEAR, every=2, times=TWO, day=NthWeekday(LAST, 4), month=3), "Every 2 years on the last Friday of March at 02:00."),
    ],
)  # fmt: skip
def test_a_pattern_in_words(pattern: Pattern, words: str) -> None:
    assert sentence(checked(pattern)) == words


def test_begin_and_end_in_words() -> None:
    assert span(date(2026, 12, 1), None) == "From 1 Dec 2026 on."
    assert span(date(2026, 12, 1), date(2027, 1, 31)) == "From 1 Dec 2026 to 31 Jan 2027, that day included."


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (Pattern(Unit.DAY, every=0, times=TWO), "whole number from 1 to 366"),
        (Pattern(Unit.MINUTE, every=1441), "from 1 to 1440"),
        (Pattern(Unit.HOUR, minute=60), "from 0 to 59"),
        (Pattern(Unit.DAY), "at least one time of day"),
        (Pattern(Unit.DAY, times=tuple(time(0, minute) for minute in range(25))), "24 times of day are enough"),
        (Pattern(Unit.WEEK, times=TWO), "at least one day of the week"),
        (Pattern(Unit.MONTH, times=TWO), "Choose the day of the month"),
        (Pattern(Unit.MONTH, times=TWO, day=DayOfMonth(32)), "from 1 to 31"),
        (Pattern(Unit.YEAR, times=TWO, day=DayOfMonth(1)), "Choose the month"),
        (Pattern(Unit.YEAR, times=TWO, day=DayOfMonth(30), month=2), "from 1 to 29"),
        (Pattern(Unit.MONTH, times=TWO, day=NthWeekday(5, 0)), "first, second, third, fourth or last"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused_with_what_to_do(pattern: Pattern, says: str) -> None:
    with pytest.raises(PatternRefused, match=says):
        checked(pattern)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("", "Give one RRULE line"),
        ("DAILY", "no part of a rule"),
        ("FREQ=SECONDLY", "FREQ is one of"),
        ("FREQ=DAILY;COUNT=3;BYHOUR=2", "'COUNT=3' is no part"),
        ("FREQ=DAILY;UNTIL=20300101", "no part of a rule"),
        ("FREQ=DAILY;BYDAY=MO;BYHOUR=2", "A daily rule has no BYDAY"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR is 0 to 23"),
        ("FREQ=DAILY;BYHOUR=2;BYSECOND=30", "whole minutes"),
        ("FREQ=WEEKLY;BYDAY=XX;BYHOUR=2", "'XX' is no day"),
        ("FREQ=MONTHLY;BYDAY=MO;BYHOUR=2", "'' is not a whole number"),
        ("FREQ=MONTHLY;BYDAY=1MO;BYMONTHDAY=1;BYHOUR=2", "not both"),
        ("FREQ=DAILY;INTERVAL=one;BYHOUR=2", "'ONE' is not a whole number"),
        ("FREQ=DAILY;BYHOUR=2\nFREQ=WEEKLY;BYDAY=MO;BYHOUR=2", "may differ in BYHOUR"),
        ("FREQ=MINUTELY\nFREQ=MINUTELY", "is one line"),
    ],
)
def test_a_rule_that_no_pattern_makes_is_refused_with_what_to_do(rule: str, says: str) -> None:
    with pytest.raises(PatternRefused, match=says):
        read_rule(rule)


@settings(deadline=None)  # on a machine with other things to do
@given(st.text(alphabet="FREQ=DAILYWEKLMONTHBUSC;,0123456789-+\n:", max_size=60))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        pattern = read_rule(text)
    except PatternRefused:
        return
    assert read_rule(pattern.rule()) == pattern


def test_a_rule_as_others_write_it_is_read() -> None:
    assert read_rule("freq=weekly;byday=th,mo;byhour=6;byminute=0;bysecond=0") == checked(
        Pattern(Unit.WEEK, times=(time(6),), weekdays=(0, 3))
    )
