"""Cancelling a run, doing again what failed, the order of lists, and the log (S11–S13)."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from rollkeeper.crm.jobs import perform as perform_module
from rollkeeper.crm.jobs.cancel import cancel
from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.jobs.order import in_build_order
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import JobRefused, record_run, request_failed_again
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from tests.crm.jobs.test_perform import EVERYONE, built, mkt600, outcomes, setup_codes, versions

__all__ = ["setup_codes"]

pytestmark = pytest.mark.usefixtures("setup_codes")


def log(run: JobRun) -> list[tuple[str, str]]:
    return list(run.log.values_list("tone", "text"))


def test_a_run_that_waits_is_cancelled_at_once_and_then_performs_nothing() -> None:
    built("A", "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")
    cancelled = cancel(run.pk, cancelled_by="ana")
    assert (cancelled.state, cancelled.message) == ("cancelled", "Cancelled by ana before it began.")
    assert perform(run.pk).state == "cancelled"
    assert versions() == {"A": 1}


def test_a_run_at_work_stops_after_the_list_that_it_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("A", "B", "C"):
        built(code, "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")
    regenerate = perform_module.regenerate

    def cancelled_meanwhile(list_id: int) -> object:
        JobRun.objects.filter(pk=run.pk).update(cancelled_by="ana")  # as `cancel` does while a session is at work
        return regenerate(list_id)

    monkeypatch.setattr(perform_module, "regenerate", cancelled_meanwhile)
    ended = perform(run.pk)
    assert ended.state == "cancelled"
    assert ended.message == "Cancelled by ana with 2 lists left. 1 list regenerated."
    assert versions() == {"A": 2, "B": 1, "C": 1}
    assert ended.log.latest("id").tone == "error"


@pytest.mark.django_db(transaction=True)
def test_cancelling_from_another_session_takes_effect_before_the_next_list(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("A", "B"):
        built(code, "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")
    at_work, go_on = threading.Event(), threading.Event()
    regenerate = perform_module.regenerate

    def slow(list_id: int) -> object:
        at_work.set()
        assert go_on.wait(30)
        return regenerate(list_id)

    monkeypatch.setattr(perform_module, "regenerate", slow)

    def work() -> None:
        with closing(connection):
            perform(run.pk)

    thread = threading.Thread(target=work)
    thread.start()
    assert at_work.wait(30)
    asked = cancel(run.pk, cancelled_by="ana")
    assert (asked.state, asked.cancelled_by) == ("running", "ana"), "somebody is at work on it"
    go_on.set()
    thread.join()
    run.refresh_from_db()
    assert (run.state, versions()) == ("cancelled", {"A": 2, "B": 1})


def test_a_run_whose_worker_is_dead_ends_when_it_is_cancelled() -> None:
    built("A", "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")
    JobRun.objects.filter(pk=run.pk).update(state="running")
    assert cancel(run.pk, cancelled_by="ana").state == "cancelled"
    assert perform(run.pk).state == "cancelled", "nor does a worker that takes it over perform it"


def test_a_run_that_has_ended_is_not_cancelled() -> None:
    built("A", "DAILY")
    run = mkt600("DAILY")
    assert cancel(run.pk, cancelled_by="ana").state == "completed"


def test_only_the_lists_that_failed_are_done_again() -> None:
    for code in ("A", "BAD", "C", "WORSE"):
        built(code, "DAILY")
    broken = MarketingList.objects.filter(code__in=["BAD", "WORSE"])
    broken.update(rule={"combinator": "xor", "rules": []})
    failed = mkt600("DAILY")
    MarketingList.objects.filter(code="BAD").update(rule=EVERYONE)
    again = request_failed_again(failed, requested_by="ana")
    assert ProcrastinateJob.objects.filter(lock="setup-code-DAILY", args={"run_id": again.pk}).count() == 1
    ended = perform(again.pk)
    assert outcomes(ended) == {"BAD": "regenerated", "WORSE": "failed"}
    assert versions() == {"A": 2, "BAD": 2, "C": 2, "WORSE": 1}
    assert ended.again_of_id == failed.pk
    MarketingList.objects.filter(code="WORSE").update(rule=EVERYONE)
    last = perform(request_failed_again(ended, requested_by="ana").pk)
    assert (last.state, outcomes(last)) == ("completed", {"WORSE": "regenerated"})


def test_a_failed_list_whose_frequency_changed_meanwhile_is_not_the_jobs_any_more() -> None:  # S12
    built("BAD", "DAILY")
    MarketingList.objects.update(rule={"combinator": "xor", "rules": []})
    failed = mkt600("DAILY")
    MarketingList.objects.update(frequency="WEEKLY")
    ended = perform(request_failed_again(failed, requested_by="ana").pk)
    assert (ended.state, ended.message) == ("completed", "None of the lists that failed is this job's any more.")


def test_nothing_to_do_again_is_refused() -> None:
    built("A", "DAILY")
    with pytest.raises(JobRefused, match="No list failed"):
        request_failed_again(mkt600("DAILY"), requested_by="ana")
    waiting = record_run("MKT600", setup_code="DAILY", requested_by="test")
    with pytest.raises(JobRefused, match="still at work"):
        request_failed_again(waiting, requested_by="ana")


def test_the_log_tells_what_a_run_did_and_what_it_skipped_loudly() -> None:  # S11
    built("OLD", "DAILY")
    save_list("NEW", "New", rule=EVERYONE, frequency="DAILY")
    lines = log(mkt600("DAILY"))
    assert lines[0] == ("info", "Requested by test.")
    assert lines[1] == ("info", "Began: 2 lists to do.")
    assert lines[2] == ("warning", f"NEW: skipped. {perform_module.NEVER_BUILT}")
    assert lines[3][1].startswith("OLD: regenerated, version 2. 1 members, 0 added, 0 removed, in ")
    assert lines[4] == ("info", "Completed. 1 list regenerated. 1 skipped: NEW.")


def test_a_run_taken_up_again_says_so_in_its_log() -> None:
    built("A", "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")
    JobRun.objects.filter(pk=run.pk).update(state="running")
    assert ("warning", "Taken up again after it was cut short; 0 lists were done.") in log(perform(run.pk))


@pytest.mark.django_db(transaction=True)
def test_a_list_of_always_in_two_runs_at_once_is_done_by_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S12, S13: it is in every run; never two on a list at once."""
    built("ALWAYS", "ALWAYS")
    runs = [
        record_run("MKT600", setup_code=code, requested_by="test").pk for code in ("DAILY", "WEEKLY", "MONTHLY")
    ]
    at_once, most = [], []
    choose = __import__("rollkeeper.crm.lists.regenerate", fromlist=["choose"]).choose

    def watched(cursor: object, marketing_list: MarketingList) -> int:
        at_once.append(1)  # called with the list's lock held
        most.append(len(at_once))
        found = choose(cursor, marketing_list)
        at_once.pop()
        return int(found)

    monkeypatch.setattr("rollkeeper.crm.lists.regenerate.choose", watched)

    def work(run_id: int) -> None:
        with closing(connection):
            perform(run_id)

    threads = [threading.Thread(target=work, args=[run_id]) for run_id in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(JobRun.objects.filter(pk__in=runs).values_list("state", flat=True)) == {"completed"}
    assert versions() == {"ALWAYS": 4}
    assert max(most) == 1


lists = st.lists(st.text("ABCDE", min_size=1, max_size=3), unique=True, max_size=8)


@settings(deadline=None)  # on a machine with other things to do
@given(lists, st.data())
def test_what_a_list_is_made_of_comes_first(codes: list[str], data: st.DataObject) -> None:
    made = [MarketingList(pk=number, code=code) for number, code in enumerate(codes)]
    parts = {
        number: frozenset(data.draw(st.sets(st.integers(0, max(number - 1, 0)), max_size=3))) - {number}
        for number in range(len(codes))
    }  # no circle: each is made of earlier ones
    ordered = [each.pk for each in in_build_order(made, parts)]
    assert sorted(ordered) == list(range(len(codes)))
    for number, needed in parts.items():
        assert all(ordered.index(part) < ordered.index(number) for part in needed)


def test_lists_that_need_nothing_come_by_code_and_a_circle_ends() -> None:
    made = [MarketingList(pk=number, code=code) for number, code in enumerate(["B", "A", "C"])]
    assert [each.code for each in in_build_order(made)] == ["A", "B", "C"]
    circle = {0: frozenset({1}), 1: frozenset({0})}
    assert [each.code for each in in_build_order(made, circle)] == ["C", "A", "B"]
