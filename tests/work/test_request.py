"""Requests: part of the transaction, joined, in order under a lock, tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from rollkeeper.work.task import ATTEMPT, BACKOFF
from rollkeeper.work.worker import run_worker
from tests.work import tasks
from tests.work.conftest import Rows

pytestmark = pytest.mark.usefixtures("work_log")


def run_what_waits() -> None:
    run_worker({"default": 2}, wait=False)


def units(rows: Rows) -> list[tuple[int, str]]:
    return [(unit, what) for unit, what, _ in rows]


def test_requested_work_runs(work_log: Callable[[], Rows]) -> None:
    assert tasks.note.request(unit=7)
    run_what_waits()
    assert units(work_log()) == [(7, "ran")]


def test_work_called_directly_runs_here_and_now(work_log: Callable[[], Rows]) -> None:
    tasks.note(unit=3)
    assert units(work_log()) == [(3, "ran")]


def test_a_request_is_taken_back_with_its_transaction() -> None:
    with transaction.atomic():
        tasks.note.request(unit=1)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()


def test_a_request_from_within_work_is_part_of_its_transaction_too(work_log: Callable[[], Rows]) -> None:
    tasks.half_way.request(unit=1)
    run_what_waits()
    assert units(work_log()) == [(1, "taken back")]
    assert ProcrastinateJob.objects.count() == 1


def test_a_second_request_joins_the_waiting_one_and_leaves_its_transaction_whole(
    work_log: Callable[[], Rows],
) -> None:
    with transaction.atomic():
        assert tasks.note.request(join="group-1", unit=1)
        assert not tasks.note.request(join="group-1", unit=2)
        tasks.log(9, "after the join")
    run_what_waits()
    assert units(work_log()) == [(9, "after the join"), (1, "ran")]


def test_a_request_after_the_joined_one_ran_is_work_of_its_own(work_log: Callable[[], Rows]) -> None:
    tasks.note.request(join="group-1", unit=1)
    run_what_waits()
    assert tasks.note.request(join="group-1", unit=2)
    run_what_waits()
    assert units(work_log()) == [(1, "ran"), (2, "ran")]


def test_work_under_one_lock_runs_one_after_the_other(work_log: Callable[[], Rows]) -> None:
    tasks.slow.request(lock="group-1", unit=1, seconds=0.3)
    tasks.slow.request(lock="group-1", unit=2, seconds=0)
    run_what_waits()
    run_what_waits()
    assert units(work_log()) == [(1, "began"), (1, "ended"), (2, "began"), (2, "ended")]


def test_work_for_later_does_not_run_now_and_does_not_hold_up_newer_work(work_log: Callable[[], Rows]) -> None:
    tasks.note.request(lock="group-1", at=timezone.now() + timedelta(hours=1), unit=1)
    tasks.note.request(lock="group-1", unit=2)
    run_what_waits()
    assert units(work_log()) == [(2, "ran")]


def test_a_retryable_error_is_tried_again_after_a_growing_pause(work_log: Callable[[], Rows]) -> None:
    tasks.flaky.request(lock="group-1", unit=1)
    before = timezone.now()
    run_what_waits()
    waiting = ProcrastinateJob.objects.get(status="todo")
    assert waiting.args == {"unit": 1, ATTEMPT: 1}
    assert waiting.lock == "group-1"
    assert waiting.scheduled_at is not None
    assert BACKOFF[0] <= waiting.scheduled_at - before < BACKOFF[0] + timedelta(seconds=30)


def test_after_the_last_pause_it_is_given_up(work_log: Callable[[], Rows]) -> None:
    tasks.flaky.request(unit=1, **{ATTEMPT: len(BACKOFF)})
    run_what_waits()
    assert list(ProcrastinateJob.objects.values_list("status", flat=True)) == ["failed"]


def test_any_other_error_ends_it_as_failed(work_log: Callable[[], Rows]) -> None:
    tasks.broken.request(unit=1)
    run_what_waits()
    assert units(work_log()) == [(1, "tried")]
    assert list(ProcrastinateJob.objects.values_list("status", flat=True)) == ["failed"]
