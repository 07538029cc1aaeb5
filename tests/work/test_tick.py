"""Ticks: every one is called, whatever becomes of another; a worker that is full of work still ticks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from rollkeeper.work.tick import tick, tick_once
from tests.work import tasks
from tests.work.conftest import Rows, until


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """None but those of the test."""
    found: list[object] = []
    monkeypatch.setattr(import_module("rollkeeper.work.tick"), "_ticks", found)
    return found


def test_a_tick_that_fails_is_told_and_keeps_no_other_from_its_turn(
    work_log: Callable[[], Rows], ticks: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    @tick
    def broken() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    @tick
    def well() -> None:
        tasks.log(1, "ticked")

    tick_once()
    tick_once()
    assert [what for _, what, _ in work_log()] == ["ticked", "ticked"]
    assert [record.exc_info[0].__mro__[1] for record in caplog.records if record.exc_info] == [DatabaseError] * 2


WORKER = """
import django
django.setup()
import tests.work.tasks as tasks
from rollkeeper.work import tick
from rollkeeper.work.worker import run_worker
tick(lambda: tasks.log(0, "ticked"))
run_worker({"default": 1})
"""


@pytest.mark.slow
def test_a_worker_that_is_full_of_work_still_ticks_and_ends_cleanly(work_log: Callable[[], Rows]) -> None:
    tasks.slow.request(unit=1, seconds=8)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rollkeeper.marketing.settings",
        "ROLLKEEPER_MARKETING_DATABASE": connection.settings_dict["NAME"],
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment, cwd=Path(__file__).parents[2])
    try:
        until(lambda: sum(what == "ticked" for _, what, _ in work_log()) >= 3, 30)
        assert "ended" not in [what for _, what, _ in work_log()]
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
        assert "ended" in [what for _, what, _ in work_log()]
    finally:
        worker.kill()
        worker.wait()
