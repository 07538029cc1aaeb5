"""A table that work writes to, and workers as processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

Rows = list[tuple[int, str, int]]


@pytest.fixture
def work_log(transactional_db: None) -> Iterator[Callable[[], Rows]]:
    """The rows that work wrote: (unit, what, process id), in order."""

    def rows() -> Rows:
        with connection.cursor() as cursor:
            cursor.execute("SELECT unit, what, pid FROM work_log ORDER BY id")
            return list(cursor.fetchall())

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE work_log (id bigint GENERATED ALWAYS AS IDENTITY, unit int, what text, pid int)"
        )
    yield rows
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE work_log")
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")


@pytest.fixture
def start_worker(work_log: Callable[[], Rows]) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a worker process over the test's database; all are ended after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        environment = {**os.environ, "ROLLKEEPER_MARKETING_DATABASE": connection.settings_dict["NAME"]}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.work.worker_process"], env=environment, cwd=Path(__file__).parents[2]
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for the condition; fail the test when it does not come about in that time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.1)
