"""The week calendar: every run of the week, as long as it usually takes, and what overlaps (S14)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.schedules.drawing import COLUMN, LEFT, draw
from rollkeeper.crm.schedules.usual import usual_durations
from rollkeeper.crm.schedules.week import Planned, monday_of, plan_week
from rollkeeper.work.recurrence import Recurrence
from tests.crm.schedules.making import setup_codes

__all__ = ["setup_codes"]

MONDAY = date(2026, 11, 23)
UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")


def planned(key: int, rule: str, minutes: float | None = None, zone: ZoneInfo = UTC_ZONE) -> Planned:
    usual = None if minutes is None else timedelta(minutes=minutes)
    return Planned(key, f"S{key}", Recurrence(f"RRULE:{rule}", zone, date(2026, 1, 1)), usual)


def daily(key: int, hour: int, minute: int = 0, minutes: float | None = None) -> Planned:
    return planned(key, f"FREQ=DAILY;INTERVAL=1;BYHOUR={hour};BYMINUTE={minute}", minutes)


def test_a_week_has_seven_days_from_monday_with_what_runs_on_each() -> None:
    assert monday_of(date(2026, 11, 29)) == MONDAY == monday_of(MONDAY)
    week = plan_week(
        [daily(1, 2), planned(2, "FREQ=WEEKLY;INTERVAL=1;BYDAY=SU;BYHOUR=9;BYMINUTE=0")], MONDAY, UTC_ZONE
    )
    assert [day.date for day in week.days] == [MONDAY + timedelta(days=offset) for offset in range(7)]
    assert [[each.schedule.key for each in day.schedules] for day in week.days] == [[1]] * 6 + [[1, 2]]
    assert week.days[6].schedules[1].times == "09:00"


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        (daily(1, 2, minutes=30), daily(2, 2, 29), True),
        (daily(1, 2, minutes=30), daily(2, 2, 30), False),  # one ends as the other begins
        (daily(1, 2), daily(2, 2), True),  # both at once, though nobody knows yet for how long
        (daily(1, 23, minutes=180), daily(2, 1), True),  # past midnight
        (daily(1, 2, minutes=10), daily(2, 3), False),
    ],
)
def test_runs_that_are_at_work_at_one_time_overlap(first: Planned, second: Planned, overlap: bool) -> None:
    week = plan_week([first, second], MONDAY, UTC_ZONE)
    assert week.overlapping == (("S1", "S2") if overlap else ())


def test_many_runs_a_day_are_one_band() -> None:
    week = plan_week([planned(1, "FREQ=MINUTELY;INTERVAL=15"), daily(2, 2, minutes=1)], MONDAY, UTC_ZONE)
    quarters, single = week.days[0].schedules
    assert (quarters.is_band, quarters.times) == (True, "96 runs from 00:00 to 23:45")
    assert quarters.overlaps == ("S2",)
    assert (single.is_band, single.overlaps) == (False, ("S1",))


def test_it_is_shown_on_the_organisations_clock() -> None:
    """A schedule of another zone, and the day on which the clock is put back."""
    week = plan_week([daily(1, 2)], date(2026, 10, 19), BERLIN)
    assert [day.schedules[0].times for day in week.days] == ["04:00"] * 6 + ["03:00"]


blocks = st.lists(st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(1, 300)), min_size=1, max_size=6)


@settings(deadline=None)  # on a machine with other things to do
@given(blocks)
def test_no_two_blocks_of_a_day_lie_on_each_other_and_overlaps_are_as_a_look_at_all_pairs_finds_them(
    made: list[tuple[int, int, int]],
) -> None:
    schedules = [daily(key, hour, minute, minutes) for key, (hour, minute, minutes) in enumerate(made, 1)]
    week = plan_week(schedules, MONDAY, UTC_ZONE)
    drawing = draw(
        week, {each.key: each.key for each in schedules}, datetime(2026, 11, 24, tzinfo=UTC).replace(tzinfo=None)
    )
    for place, column in enumerate(drawing.columns):
        for number, one in enumerate(column.blocks):
            assert one.x >= LEFT + COLUMN * place
            assert one.x + one.width <= LEFT + COLUMN * (place + 1) + 0.01
            for other in column.blocks[number + 1 :]:
                beside = one.x + one.width <= other.x + 0.01 or other.x + other.width <= one.x + 0.01
                above = one.y + one.height <= other.y + 0.01 or other.y + other.height <= one.y + 0.01
                assert beside or above, (one, other)
    inside = [(each, run) for day in week.days for each in day.schedules for run in each.runs]
    for each, run in inside:
        expected = {
            other.schedule.name
            for other, its in inside
            if other.schedule.key != each.schedule.key and run.start < its.end and its.start < run.end
        }
        assert set(run.overlaps) == expected


def test_how_long_runs_usually_take(setup_codes: None) -> None:
    began = datetime(2026, 11, 24, tzinfo=UTC)
    for seconds, state in [
        (9000, "completed"),
        *[(60, "completed")] * 6,
        (120, "failed"),
        *[(90, "completed")] * 4,
    ]:
        ran("DAILY", began, seconds, state)
    ran("WEEKLY", began, 30, "cancelled")
    assert usual_durations() == {"DAILY": timedelta(seconds=75)}, (
        "the median of the last ten that came to their end"
    )


def ran(code: str, began: datetime, seconds: int, state: str) -> None:
    JobRun.objects.create(
        job="MKT600", setup_code_id=code, state=state, requested_by="test",
        started_at=began, finished_at=began + timedelta(seconds=seconds),
    )  # fmt: skip


def test_a_block_that_ends_after_midnight_ends_with_its_day() -> None:
    week = plan_week([daily(1, 23, 30, 120)], MONDAY, UTC_ZONE)
    drawing = draw(week, {1: 1}, datetime.combine(MONDAY, time.min))
    [block] = drawing.columns[0].blocks
    assert block.y + block.height <= drawing.height
    assert "23:30 to 01:30:00" in block.title
