"""What is due is taken once, whatever workers do (S14, spec/work.md)."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time as clock
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.schedules import due as due_module
from rollkeeper.crm.schedules import schedule as domain
from rollkeeper.crm.schedules.due import take_due
from rollkeeper.crm.schedules.models import JobSchedule, ScheduledRun
from rollkeeper.crm.schedules.pattern import Pattern, Unit
from rollkeeper.work.tick import tick_once
from tests.crm.lists.people import constituent
from tests.crm.schedules.making import NOW, draft, make_setup_codes, scheduled, setup_codes

__all__ = ["setup_codes"]

pytestmark = pytest.mark.usefixtures("setup_codes")

DUE = datetime(2026, 12, 2, 2, tzinfo=UTC)
EVERYONE = {"combinator": "and", "rules": []}


def requested_work() -> list[int]:
    found = ProcrastinateJob.objects.filter(task_name="jobs.perform").order_by("id")
    return [job.args["run_id"] for job in found]


def test_nothing_is_taken_before_its_time() -> None:
    scheduled("DAILY")
    assert take_due(DUE - timedelta(seconds=1)) == []


def test_what_is_due_becomes_a_run_with_its_work_and_the_schedule_moves_on() -> None:
    made = scheduled("DAILY")
    [run] = take_due(DUE + timedelta(seconds=3))
    assert (run.job, run.setup_code_id, run.requested_by, run.state) == (
        "MKT600",
        "DAILY",
        "schedule DAILY",
        "waiting",
    )
    assert requested_work() == [run.pk]
    made.refresh_from_db()
    assert (made.next_at, made.version) == (DUE + timedelta(days=1), 1)
    taken = ScheduledRun.objects.get()
    assert (taken.schedule, taken.due_at, taken.passed, taken.is_late) == (made, DUE, 0, False)
    assert take_due(DUE + timedelta(seconds=5)) == []


def test_a_paused_schedule_is_not_taken() -> None:
    made = scheduled("DAILY")
    domain.pause(made.pk, author="ana", origin="test", now=NOW)
    assert take_due(DUE + timedelta(days=9)) == []


def test_the_last_run_is_on_the_end_date_and_then_the_schedule_is_over() -> None:  # End is inclusive
    made = scheduled("DAILY", draft(end=date(2026, 12, 2)))
    assert len(take_due(DUE)) == 1
    made.refresh_from_db()
    assert (made.next_at, made.is_over) == (None, True)
    assert take_due(DUE + timedelta(days=1)) == []


def test_after_a_machine_was_off_it_runs_once_late_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    scheduled("HOURLY", draft(pattern=Pattern(Unit.HOUR)))
    caplog.set_level(logging.WARNING)
    [run] = take_due(NOW + timedelta(hours=5, minutes=20))
    taken = ScheduledRun.objects.get()
    assert (taken.due_at, taken.passed, taken.is_late) == (NOW + timedelta(hours=1), 4, True)
    assert taken.late_sentence == (
        "Due 1 Dec 2026, 13:00 UTC; no worker was there then, and it was taken up 4 h later. "
        "4 more times of the schedule went by meanwhile and are not made up for."
    )
    assert taken.late_sentence in caplog.text
    assert taken.late_sentence in run.log.values_list("text", flat=True)
    assert JobSchedule.objects.get().next_at == NOW + timedelta(hours=6)
    assert take_due(NOW + timedelta(hours=5, minutes=21)) == []


def test_after_a_machine_was_off_past_the_end_date_the_missed_run_is_still_made() -> None:
    made = scheduled("DAILY", draft(end=date(2026, 12, 3)))
    [_] = take_due(DUE + timedelta(days=30))
    made.refresh_from_db()
    assert (made.next_at, made.is_over) == (None, True)


def test_a_run_that_still_waits_serves_the_next_time_too() -> None:
    """No worker performs them, or each takes longer than the pattern: runs do not pile up."""
    scheduled("HOURLY", draft(pattern=Pattern(Unit.MINUTE)))
    [run] = take_due(NOW + timedelta(minutes=1))
    assert take_due(NOW + timedelta(minutes=2)) == []
    assert take_due(NOW + timedelta(minutes=4)) == []
    taken = ScheduledRun.objects.get()
    assert (taken.run_id, taken.passed, taken.is_late) == (run.pk, 3, True)
    JobRun.objects.filter(pk=run.pk).update(state="running")
    assert len(take_due(NOW + timedelta(minutes=5))) == 1, "one at work does not keep the next from waiting"


def test_parameters_that_fit_no_more_make_a_run_that_failed_and_says_why() -> None:
    save_list("L", "L", rule=EVERYONE, frequency="DAILY")
    SetupCode.objects.filter(code="DAILY").update(list_code="L")
    made = scheduled("DAILY")
    MarketingList.objects.update(frequency="WEEKLY")
    [run] = take_due(DUE)
    assert run.state == "failed"
    assert "has the regeneration frequency WEEKLY" in run.message
    assert requested_work() == []
    made.refresh_from_db()
    assert made.next_at == DUE + timedelta(days=1)


def test_one_that_cannot_be_taken_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    broken, _ = scheduled("DAILY"), scheduled("WEEKLY")
    JobSchedule.objects.filter(pk=broken.pk).update(time_zone="Not/There")
    [run] = take_due(DUE)
    assert run.setup_code_id == "WEEKLY"
    assert "DAILY could not be taken" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_worker_ticks_by_the_clock_of_the_database() -> None:
    scheduled("DAILY", draft(begin=date(2020, 1, 1)), now=datetime(2020, 1, 1, tzinfo=UTC))
    JobSchedule.objects.update(next_at=datetime(2020, 1, 1, 2, tzinfo=UTC))
    tick_once()
    assert ScheduledRun.objects.get().passed == 1000, "as many as are counted"
    following = JobSchedule.objects.get().next_at
    assert following is not None
    assert following > datetime.now(UTC)


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_make_one_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")  # what other tests that commit have left
    for code in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY"):
        scheduled(code)
    together = threading.Barrier(6)
    taken: list[int] = []

    def work() -> None:
        with closing(connection):
            together.wait()
            for minute in range(3):
                taken.extend(run.pk for run in take_due(DUE + timedelta(days=minute)))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    due = list(ScheduledRun.objects.order_by("schedule", "due_at").values_list("schedule__setup_code_id", "due_at"))
    assert len(due) == len(set(due))
    assert sorted(taken) == sorted(requested_work()) == sorted(JobRun.objects.values_list("pk", flat=True))
    made_up_for = sum(ScheduledRun.objects.values_list("passed", flat=True))
    assert len(due) + made_up_for == 4 * 3, "each time is a run or told with one"


@pytest.mark.django_db(transaction=True)
def test_a_change_at_the_very_moment_of_the_tick_wins_over_the_old_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick read the schedule, then a person changed it: the tick takes nothing under the rule that is gone."""
    made = scheduled("DAILY")
    stale = JobSchedule.objects.select_related("setup_code").get()
    evening = draft(pattern=Pattern(Unit.DAY, times=(time(2), time(18))))
    domain.change_schedule(made.pk, evening, version=1, author="ana", origin="test", now=NOW)
    made.refresh_from_db()
    assert due_module._take(stale, DUE) is None
    assert not JobRun.objects.exists()


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
import django
django.setup()
from django.db import connection
from rollkeeper.crm.schedules import due
left = int(sys.argv[1])
def counted(execute, sql, parameters, many, context):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return execute(sql, parameters, many, context)
with connection.execute_wrapper(counted):
    due.take_due(datetime(2026, 12, 2, 2, tzinfo=UTC))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_at_every_statement_the_next_worker_makes_exactly_one_run() -> None:  # B9
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rollkeeper.crm.settings",
        "ROLLKEEPER_CRM_DATABASE": str(connection.settings_dict["NAME"]),
    }
    statement, code = 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        statement += 1
        JobRun.objects.all().delete()
        JobSchedule.objects.all().delete()
        scheduled("DAILY")
        code = subprocess.run(
            [sys.executable, "-c", KILLED, str(statement)], env=environment, check=False
        ).returncode
        take_due(DUE)
        assert [run.setup_code_id for run in JobRun.objects.all()] == ["DAILY"], statement
        assert ScheduledRun.objects.get().due_at == DUE
        assert JobSchedule.objects.get().next_at == DUE + timedelta(days=1)
    assert code == 0
    assert statement > 5, "it was killed before each of its statements in turn"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_real_workers_and_a_restart_run_each_due_time_once() -> None:
    """Processes as `rollkeeper work` makes them; both are killed in between."""
    make_setup_codes()
    constituent("1")
    for code in ("H", "D"):
        save_list(code, code, rule=EVERYONE, frequency={"H": "HOURLY", "D": "DAILY"}[code])
        perform(JobRun.objects.create(job="MKT510", list_code=code, requested_by="test").pk)
    for code in ("HOURLY", "DAILY"):
        scheduled(code)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rollkeeper.crm.settings",
        "ROLLKEEPER_CRM_DATABASE": str(connection.settings_dict["NAME"]),
    }
    workers = [subprocess.Popen([sys.executable, "-c", WORKER], env=environment) for _ in range(2)]
    try:
        past = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
        for round_ in range(1, 4):
            with transaction.atomic():
                JobSchedule.objects.update(next_at=past + timedelta(hours=round_), begin=past.date())
            _until(lambda count=2 * round_: JobRun.objects.filter(job="MKT600", state="completed").count() == count)
            if round_ == 2:
                for worker in workers:
                    worker.kill()
                    worker.wait()
                workers = [subprocess.Popen([sys.executable, "-c", WORKER], env=environment) for _ in range(2)]
        clock.sleep(5)  # two ticks more of each
        assert JobRun.objects.filter(job="MKT600").count() == 6
        assert dict(MarketingList.objects.values_list("code", "version")) == {"H": 4, "D": 4}
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


WORKER = """
import django
django.setup()
from rollkeeper.work.worker import run_worker
run_worker({"lists": 2, "default": 1})
"""


def _until(condition: object, seconds: float = 60) -> None:
    end = clock.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert clock.monotonic() < end, list(JobRun.objects.values_list("job", "setup_code_id", "state", "message"))
        clock.sleep(0.2)
