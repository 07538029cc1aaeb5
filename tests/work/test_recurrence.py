"""When a rule is due on the clock of a zone: daylight saving, ends of months, leap days, long pauses (S14)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.work.recurrence import MOST_COUNTED, Due, Recurrence, moment_of

NEW_YORK, BERLIN, LORD_HOWE = (
    ZoneInfo(name) for name in ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe")
)
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Kolkata",
    "Pacific/Apia",
]
DAILY = "RRULE:FREQ=DAILY;INTERVAL=1;BYHOUR={};BYMINUTE={}"


def walls(recurrence: Recurrence, after: str, count: int) -> list[str]:
    """The next times on the zone's clock after a time on it."""
    moment = datetime.fromisoformat(after).replace(tzinfo=recurrence.zone)
    return [
        each.at.astimezone(recurrence.zone).isoformat(timespec="minutes")
        for each in islice(recurrence.after(moment), count)
    ]


def daily(hour: int, minute: int, zone: ZoneInfo) -> Recurrence:
    return Recurrence(DAILY.format(hour, minute), zone, date(2026, 1, 1))


@pytest.mark.parametrize(
    ("zone", "hour", "minute", "after", "expected"),
    [
        # New York: on 8 Mar 2026 the clock goes from 02:00 to 03:00, on 1 Nov from 02:00 back to 01:00.
        (NEW_YORK, 2, 30, "2026-03-07T00:00", ["2026-03-07T02:30-05:00", "2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"]),
        (NEW_YORK, 2, 0, "2026-03-07T12:00", ["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00"]),
        (NEW_YORK, 1, 30, "2026-10-31T12:00", ["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]),
        # Berlin: 29 Mar 2026 from 02:00 to 03:00, 25 Oct from 03:00 back to 02:00.
        (BERLIN, 2, 15, "2026-03-28T12:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:15+02:00"]),
        (BERLIN, 2, 59, "2026-10-24T12:00", ["2026-10-25T02:59+02:00", "2026-10-26T02:59+01:00"]),
        # Lord Howe moves by half an hour: 4 Oct 2026 from 02:00 to 02:30, 5 Apr from 02:00 back to 01:30.
        (LORD_HOWE, 2, 10, "2026-10-03T12:00", ["2026-10-04T02:30+11:00", "2026-10-05T02:10+11:00"]),
        (LORD_HOWE, 2, 30, "2026-10-03T12:00", ["2026-10-04T02:30+11:00", "2026-10-05T02:30+11:00"]),
        (LORD_HOWE, 1, 45, "2026-04-04T12:00", ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"]),
    ],
)  # fmt: skip
def test_a_skipped_time_is_due_once_at_the_next_valid_minute_and_a_repeated_one_once(
    zone: ZoneInfo, hour: int, minute: int, after: str, expected: list[str]
) -> None:
    assert walls(daily(hour, minute, zone), after, len(expected)) == expected


def test_a_run_that_was_moved_says_so() -> None:
    around = daily(2, 30, NEW_YORK).after(datetime(2026, 3, 7, 12, tzinfo=NEW_YORK))
    assert [(each.wall.hour, each.wall.minute, each.moved) for each in islice(around, 2)] == [
        (2, 30, True),
        (2, 30, False),
    ]


def test_every_quarter_of_an_hour_across_both_changes() -> None:
    rule = Recurrence("RRULE:FREQ=MINUTELY;INTERVAL=15", NEW_YORK, date(2026, 1, 1))
    assert walls(rule, "2026-03-08T01:30", 4) == [
        "2026-03-08T01:45-05:00", "2026-03-08T03:00-04:00", "2026-03-08T03:15-04:00", "2026-03-08T03:30-04:00",
    ]  # fmt: skip
    assert walls(rule, "2026-11-01T01:30", 3) == [
        "2026-11-01T01:45-04:00", "2026-11-01T02:00-05:00", "2026-11-01T02:15-05:00",
    ]  # fmt: skip


def test_while_the_hour_repeats_nothing_is_due_twice() -> None:
    """Asked in the second pass of the repeated hour, the next run is that of the hour after."""
    second_pass = datetime(2026, 11, 1, 1, 10, fold=1, tzinfo=NEW_YORK)
    assert daily(1, 30, NEW_YORK).next_after(second_pass) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def test_a_zone_that_skips_a_whole_day_is_due_at_the_beginning_of_the_next() -> None:
    apia = ZoneInfo("Pacific/Apia")  # there was no 30 Dec 2011
    rule = Recurrence(DAILY.format(2, 0), apia, date(2011, 1, 1))
    assert walls(rule, "2011-12-29T12:00", 2) == ["2011-12-31T00:00+14:00", "2011-12-31T02:00+14:00"]


@pytest.mark.parametrize(
    ("rule", "after", "expected"),
    [
        ("RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=-1;BYHOUR=2;BYMINUTE=0", "2028-01-31T12:00", ["2028-02-29", "2028-03-31", "2028-04-30"]),
        ("RRULE:FREQ=MONTHLY;INTERVAL=1;BYMONTHDAY=31;BYHOUR=2;BYMINUTE=0", "2026-01-31T12:00", ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=1MO;BYHOUR=2;BYMINUTE=0", "2026-01-01T12:00", ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ("RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR;BYHOUR=2;BYMINUTE=0", "2026-01-01T12:00", ["2026-01-30", "2026-03-27", "2026-05-29"]),
        ("RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=2;BYMONTHDAY=29;BYHOUR=2;BYMINUTE=0", "2026-01-01T12:00", ["2028-02-29", "2032-02-29"]),
        ("RRULE:FREQ=YEARLY;INTERVAL=1;BYMONTH=2;BYMONTHDAY=-1;BYHOUR=2;BYMINUTE=0", "2026-01-01T12:00", ["2026-02-28", "2027-02-28", "2028-02-29"]),
        ("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;BYHOUR=2;BYMINUTE=0", "2026-01-01T12:00", ["2026-01-04", "2026-01-12", "2026-01-18"]),
    ],
)  # fmt: skip
def test_days_of_months_and_weeks(rule: str, after: str, expected: list[str]) -> None:
    recurrence = Recurrence(rule, BERLIN, date(2026, 1, 1))
    assert [wall[:10] for wall in walls(recurrence, after, len(expected))] == expected


def test_begin_and_end_are_days_on_which_it_runs() -> None:
    rule = "\n".join([DAILY.format(0, 0), DAILY.format(23, 59)])
    recurrence = Recurrence(rule, BERLIN, date(2026, 3, 28), date(2026, 3, 29))
    assert walls(recurrence, "2026-01-01T00:00", 9) == [
        "2026-03-28T00:00+01:00", "2026-03-28T23:59+01:00", "2026-03-29T00:00+01:00", "2026-03-29T23:59+02:00",
    ]  # fmt: skip


def test_nothing_that_never_comes_is_waited_for() -> None:
    never = Recurrence(
        "RRULE:FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=29;BYHOUR=2;BYMINUTE=0", BERLIN, date(2027, 1, 1)
    )
    assert never.next_after(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_a_machine_that_was_off_runs_once_and_knows_how_many_times_went_by() -> None:
    hourly = Recurrence("RRULE:FREQ=HOURLY;INTERVAL=1;BYMINUTE=0", BERLIN, date(2026, 1, 1))
    due_at = datetime(2026, 6, 1, 2, tzinfo=UTC)
    assert hourly.due(due_at, due_at) == Due(due_at + timedelta(hours=1), 0)
    assert hourly.due(due_at, due_at + timedelta(hours=5, minutes=1)) == Due(due_at + timedelta(hours=6), 5)
    assert hourly.due(due_at, due_at + timedelta(hours=5)) == Due(due_at + timedelta(hours=6), 5), (
        "the hour itself has come"
    )


def test_a_machine_that_was_off_past_the_end_has_nothing_next() -> None:
    three_days = Recurrence(DAILY.format(2, 0), ZoneInfo("UTC"), date(2026, 6, 1), date(2026, 6, 3))
    assert three_days.due(datetime(2026, 6, 1, 2, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)) == Due(None, 2)


def test_a_machine_that_was_off_for_years_is_answered_at_once() -> None:
    each_minute = Recurrence("RRULE:FREQ=MINUTELY;INTERVAL=1", BERLIN, date(2010, 1, 1))
    now = datetime(2026, 6, 1, 2, 0, 30, tzinfo=UTC)
    assert each_minute.due(datetime(2012, 1, 1, tzinfo=UTC), now) == Due(
        datetime(2026, 6, 1, 2, 1, tzinfo=UTC), MOST_COUNTED
    )


rules = st.one_of(
    st.builds("RRULE:FREQ=MINUTELY;INTERVAL={}".format, st.integers(1, 2000)),
    st.builds("RRULE:FREQ=HOURLY;INTERVAL={};BYMINUTE={}".format, st.integers(1, 50), st.integers(0, 59)),
    st.builds("RRULE:FREQ=DAILY;INTERVAL={};BYHOUR={};BYMINUTE={}".format, st.integers(1, 40), st.integers(0, 23), st.integers(0, 59)),
    st.builds("RRULE:FREQ=WEEKLY;INTERVAL={};BYDAY={};BYHOUR={};BYMINUTE=0,30".format, st.integers(1, 6), st.sampled_from(["MO", "TU,SU", "WE,TH,FR"]), st.integers(0, 23)),
    st.builds("RRULE:FREQ=MONTHLY;INTERVAL={};BYMONTHDAY={};BYHOUR={};BYMINUTE=0".format, st.integers(1, 5), st.sampled_from([1, 28, 30, -1]), st.integers(0, 23)),
)  # fmt: skip
days = st.dates(date(2010, 1, 1), date(2035, 12, 31))


@settings(deadline=None)  # on a machine with other things to do
@given(rules, st.sampled_from(ZONES), days, st.integers(0, 2000), st.integers(0, 60 * 24))
def test_each_time_is_the_rules_own_on_the_zones_clock_in_order_and_none_is_left_out(
    rule: str, zone_name: str, begin: date, days_later: int, minute: int
) -> None:
    """Against dateutil walking from the beginning, each wall-clock time looked up for itself."""
    zone = ZoneInfo(zone_name)
    asked = datetime.combine(begin + timedelta(days=days_later), time.min, zone) + timedelta(minutes=minute)
    asked = asked.astimezone(UTC)
    naive = rrulestr(rule, dtstart=datetime.combine(begin, time.min))
    nearby = (asked + timedelta(days=400)).replace(tzinfo=None)
    far = naive.xafter((asked - timedelta(days=3)).replace(tzinfo=None), inc=True)
    expected: list[datetime] = []
    for wall in far:
        at = moment_of(wall, zone)
        if at > asked and (not expected or at != expected[-1]):
            expected.append(at)
        if len(expected) == 4 or wall > nearby:
            break
    found = [each.at for each in islice(Recurrence(rule, zone, begin).after(asked), len(expected))]
    assert found == expected


WALLS = st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001  # what a clock shows


@settings(deadline=None)  # on a machine with other things to do
@given(WALLS, st.sampled_from(ZONES))
def test_the_moment_of_a_wall_clock_time(wall: datetime, zone_name: str) -> None:
    """It is shown by the clock then, and never before; or the clock skips it and this is the first minute after."""
    zone, wall = ZoneInfo(zone_name), wall.replace(second=0, microsecond=0)
    moment = moment_of(wall, zone)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    assert shown >= wall
    if shown == wall:
        assert moment <= wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    else:
        before = (moment - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None)
        assert before < wall < shown


@settings(deadline=None)  # on a machine with other things to do
@given(rules, st.sampled_from(ZONES), days, st.integers(0, 3000))
def test_what_is_due_next_is_never_in_the_past_and_each_time_is_counted_once(
    rule: str, zone_name: str, begin: date, hours: int
) -> None:
    recurrence = Recurrence(rule, ZoneInfo(zone_name), begin)
    first = recurrence.next_after(datetime.combine(begin, time.min, UTC) - timedelta(days=1))
    assert first is not None
    now = first + timedelta(hours=hours)
    due = recurrence.due(first, now)
    assert due.next_at is not None
    assert due.next_at > now
    between = list(islice(recurrence.between(first, now + timedelta(microseconds=1)), MOST_COUNTED + 2))
    assert due.passed == min(len(between) - 1, MOST_COUNTED)
