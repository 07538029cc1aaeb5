"""Workers as processes: killed, frozen, asked to end. (spec/work.md; B9)"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from rollkeeper.work.worker import DECLARED_DEAD
from tests.work import tasks
from tests.work.conftest import Rows, until

pytestmark = pytest.mark.slow

Start = Callable[[], "subprocess.Popen[bytes]"]


def told(rows: Rows, pid: int | None = None) -> list[str]:
    return [what for _, what, process in rows if pid in (None, process)]


def test_work_of_a_killed_worker_is_taken_over_by_another(
    work_log: Callable[[], Rows], start_worker: Start
) -> None:
    first = start_worker()
    tasks.slow.request(lock="group-1", join="group-1", unit=1, seconds=3600)
    until(lambda: told(work_log()) == ["began"], 20)
    tasks.note.request(lock="group-1", join="group-1", unit=2)  # waits, with the key that the other holds
    first.kill()
    second = start_worker()
    until(lambda: "ran" in told(work_log(), second.pid), 60)  # not held up for ever by what the dead one held
    until(lambda: "began" in told(work_log(), second.pid), 10)  # and that runs again too


def test_sigterm_lets_work_finish_and_takes_no_more(work_log: Callable[[], Rows], start_worker: Start) -> None:
    worker = start_worker()
    tasks.slow.request(lock="a", unit=1, seconds=2)
    until(lambda: told(work_log()) == ["began"], 20)
    tasks.note.request(lock="a", unit=2)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=20) == 0
    assert told(work_log()) == ["began", "ended"]
    assert not ProcrastinateWorker.objects.exists()


def test_the_second_sigterm_ends_it_at_once(work_log: Callable[[], Rows], start_worker: Start) -> None:
    worker = start_worker()
    tasks.slow.request(unit=1, seconds=3600)
    until(lambda: told(work_log()) == ["began"], 20)
    worker.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(timeout=1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=5) == 128 + signal.SIGTERM


def test_a_frozen_worker_that_wakes_up_ends_without_reporting(
    work_log: Callable[[], Rows], start_worker: Start
) -> None:
    frozen = start_worker()
    tasks.slow.request(unit=1, seconds=1)
    until(lambda: told(work_log()) == ["began"], 20)
    frozen.send_signal(signal.SIGSTOP)
    other = start_worker()
    until(lambda: "ended" in told(work_log(), other.pid), 60)
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(timeout=20) == DECLARED_DEAD
    until(lambda: ProcrastinateJob.objects.get().status == "succeeded", 10)
