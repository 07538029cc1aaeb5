"""Work for the tests: each piece leaves a row in `work_log`, so that a test sees what ran where."""

from __future__ import annotations

import os
import time

from django.db import connection, transaction

from rollkeeper.work import request, task


class Unavailable(Exception):
    """Something that may be there later."""


def log(unit: int, what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO work_log (unit, what, pid) VALUES (%s, %s, %s)", [unit, what, os.getpid()])


@task(name="tests.note", queue="default")
def note(unit: int) -> None:
    log(unit, "ran")


@task(name="tests.slow", queue="default")
def slow(unit: int, seconds: float) -> None:
    log(unit, "began")
    time.sleep(seconds)
    log(unit, "ended")


@task(name="tests.flaky", queue="default", retry_on=(Unavailable,))
def flaky(unit: int) -> None:
    log(unit, "tried")
    raise Unavailable


@task(name="tests.broken", queue="default", retry_on=(Unavailable,))
def broken(unit: int) -> None:
    log(unit, "tried")
    raise ValueError(unit)


@task(name="tests.half_way", queue="default")
def half_way(unit: int) -> None:
    """Requests more work in a transaction that it then takes back."""
    try:
        with transaction.atomic():
            log(unit, "inside")
            request("tests.note", queue="default", unit=unit + 1)
            raise Unavailable
    except Unavailable:
        log(unit, "taken back")
