"""Making, changing, pausing and deleting schedules (S12, S14)."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, date, datetime, time

import pytest
from django.db import connection

from rollkeeper.crm.audit.record import history
from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.schedules import schedule as domain
from rollkeeper.crm.schedules.models import JobSchedule, ScheduledRun
from rollkeeper.crm.schedules.pattern import DayOfMonth, Pattern, Unit
from rollkeeper.crm.schedules.schedule import Draft, ScheduleRefused, create_schedule, next_runs
from tests.crm.schedules.making import NOW, draft, scheduled, setup_codes

__all__ = ["setup_codes"]

pytestmark = pytest.mark.usefixtures("setup_codes")


def test_a_schedule_knows_its_next_run_from_the_start() -> None:
    made = scheduled("DAILY", draft(time_zone="Europe/Berlin"))
    assert made.next_at == datetime(2026, 12, 2, 1, tzinfo=UTC)
    assert (made.sentence, made.span) == ("Every day at 02:00.", "From 1 Dec 2026 on.")
    assert (made.rule, made.enabled, made.changed_by) == (
        "RRULE:FREQ=DAILY;INTERVAL=1;BYHOUR=2;BYMINUTE=0",
        True,
        "ana",
    )


def test_a_set_up_code_has_one_schedule() -> None:  # S12
    scheduled("DAILY")
    scheduled("WEEKLY")
    with pytest.raises(ScheduleRefused, match="DAILY is scheduled already"):
        scheduled("DAILY")
    assert JobSchedule.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_people_who_schedule_one_set_up_code_at_once_make_one_schedule() -> None:  # S12
    refused: list[str] = []

    def make() -> None:
        with closing(connection):
            try:
                scheduled("DAILY")
            except ScheduleRefused as refusal:
                refused.append(str(refusal))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert JobSchedule.objects.count() == 1
    assert len(refused) == 3


def test_mkt510_is_ad_hoc_and_not_scheduled() -> None:  # S10
    save_list("L", "L", rule={"combinator": "and", "rules": []})
    SetupCode.objects.create(code="BUILD", job="MKT510", list_code="L")
    with pytest.raises(ScheduleRefused, match="ad hoc"):
        scheduled("BUILD")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"end": date(2026, 11, 30)}, "End date is before the Begin date"),
        ({"time_zone": "Mars/Base"}, "no time zone 'Mars/Base'"),
        ({"time_zone": "../etc/passwd"}, "no time zone"),
        ({"begin": date(1999, 1, 1)}, "from 2000 to 2199"),
        ({"begin": date(2026, 1, 1), "end": date(2026, 12, 1)}, "never run.*up to the End date"),
        ({"pattern": Pattern(Unit.YEAR, every=2, times=(time(2),), day=DayOfMonth(29), month=2), "begin": date(2027, 1, 1)}, "never run: the pattern has no time"),
    ],
)  # fmt: skip
def test_what_could_never_run_is_refused_with_what_to_do(changed: dict[str, object], says: str) -> None:
    with pytest.raises(ScheduleRefused, match=says):
        scheduled("DAILY", draft(**changed))
    assert not JobSchedule.objects.exists()


def test_end_may_be_the_begin_date_itself() -> None:
    made = scheduled("DAILY", draft(begin=date(2026, 12, 5), end=date(2026, 12, 5)))
    assert made.next_at == datetime(2026, 12, 5, 2, tzinfo=UTC)


def test_the_next_five_runs() -> None:
    runs = next_runs(draft(pattern=Pattern(Unit.MONTH, times=(time(2),), day=DayOfMonth(31))), NOW)
    assert [str(run.at.date()) for run in runs] == [
        "2026-12-31",
        "2027-01-31",
        "2027-03-31",
        "2027-05-31",
        "2027-07-31",
    ]
    ending = next_runs(draft(end=date(2026, 12, 3)), NOW)
    assert [str(run.at.date()) for run in ending] == ["2026-12-02", "2026-12-03"], "as many as there are"


def test_a_change_moves_the_next_run_and_is_signed() -> None:
    made = scheduled("DAILY")
    changed = change(made, draft(pattern=Pattern(Unit.DAY, times=(time(18),))))
    assert (changed.next_at, changed.version, changed.changed_by) == (
        datetime(2026, 12, 1, 18, tzinfo=UTC),
        2,
        "ben",
    )


def change(made: JobSchedule, to: Draft, version: int = 1) -> JobSchedule:
    return domain.change_schedule(made.pk, to, version=version, author="ben", origin="test", now=NOW)


def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused() -> None:
    made = scheduled("DAILY")
    change(made, draft(end=date(2027, 1, 1)))
    with pytest.raises(ScheduleRefused, match="ben changed this schedule meanwhile"):
        change(made, draft(end=date(2028, 1, 1)))
    made.refresh_from_db()
    assert made.end == date(2027, 1, 1)


def test_a_paused_schedule_has_no_next_run_and_stays_paused_when_it_is_changed() -> None:
    made = scheduled("DAILY")
    assert domain.pause(made.pk, author="ana", origin="test", now=NOW).next_at is None
    changed = change(made, draft(pattern=Pattern(Unit.DAY, times=(time(18),))), version=2)
    assert (changed.enabled, changed.next_at) == (False, None)
    later = datetime(2026, 12, 9, 20, tzinfo=UTC)
    resumed = domain.resume(made.pk, author="ana", origin="test", now=later)
    assert (resumed.enabled, resumed.next_at) == (True, datetime(2026, 12, 10, 18, tzinfo=UTC)), (
        "the times between are left out"
    )


def test_a_schedule_whose_end_passed_while_it_was_paused_is_not_resumed() -> None:
    made = scheduled("DAILY", draft(end=date(2026, 12, 5)))
    domain.pause(made.pk, author="ana", origin="test", now=NOW)
    with pytest.raises(ScheduleRefused, match="End date is past"):
        domain.resume(made.pk, author="ana", origin="test", now=datetime(2026, 12, 6, tzinfo=UTC))


def test_pausing_twice_and_resuming_twice_changes_nothing_more() -> None:
    made = scheduled("DAILY")
    for _ in range(2):
        assert domain.pause(made.pk, author="ana", origin="test", now=NOW).version == 2
    for _ in range(2):
        assert domain.resume(made.pk, author="ana", origin="test", now=NOW).version == 3


def test_run_now_asks_for_a_run_and_leaves_the_next_time() -> None:
    made = scheduled("DAILY")
    run = domain.run_now(made.pk, author="ana", now=NOW)
    assert (run.job, run.setup_code_id, run.requested_by, run.state) == ("MKT600", "DAILY", "ana", "waiting")
    scheduled_run = ScheduledRun.objects.get(run=run)
    assert (scheduled_run.schedule, scheduled_run.due_at, scheduled_run.is_late) == (made, None, False)
    made.refresh_from_db()
    assert made.next_at == datetime(2026, 12, 2, 2, tzinfo=UTC)


def test_a_deleted_schedule_leaves_its_runs() -> None:
    made = scheduled("DAILY")
    run = domain.run_now(made.pk, author="ana", now=NOW)
    domain.delete(made.pk, author="ana", origin="test")
    assert JobRun.objects.get().pk == run.pk
    assert ScheduledRun.objects.get().schedule is None
    create_schedule("DAILY", draft(), author="ana", origin="test", now=NOW)


def test_every_change_is_on_record_with_its_author() -> None:  # B22
    made = scheduled("DAILY")
    change(made, draft(end=date(2027, 1, 1)))
    domain.pause(made.pk, author="ana", origin="test", now=NOW)
    domain.delete(made.pk, author="ben", origin="test")
    created, changed, paused, removed = history("job_schedule", "DAILY")
    assert [each.author for each in (created, changed, paused, removed)] == ["ana", "ben", "ana", "ben"]
    assert [each.action for each in (created, changed, paused, removed)] == [
        "created",
        "changed",
        "changed",
        "removed",
    ]
    assert ["begin", None, "2026-12-01"] in created.changes
    assert changed.changes == [["end", None, "2027-01-01"]]
    assert paused.changes == [["enabled", True, False]]
