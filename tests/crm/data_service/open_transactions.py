"""Several people at work at once: each has a database connection of their own, with a transaction that may stay open.

They take turns (one step at a time), so a run can be repeated exactly. Whoever would have to wait for another's lock
gives up at once, and their transaction is rolled back: in life they would wait, here nobody could go on.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import DatabaseError, connection, transaction

IMPATIENT = "SET lock_timeout = '10ms'; SET synchronous_commit = off"


class Person:
    """One who works in the CRM, on a thread and connection of their own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(self._sit_down).result()

    def do(self, step: Callable[[], Any]) -> None:
        """Take a step inside the open transaction, which begins with the first one."""
        self._thread.submit(self._step, step).result()

    def commit(self) -> None:
        self._thread.submit(transaction.commit).result()

    def roll_back(self) -> None:
        self._thread.submit(transaction.rollback).result()

    def leave(self) -> None:
        self.roll_back()
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _sit_down(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(IMPATIENT)
        transaction.set_autocommit(False)

    def _close(self) -> None:
        connection.close()  # the thread's own

    def _step(self, step: Callable[[], Any]) -> None:
        try:
            step()
        except (DatabaseError, LookupError):
            connection.rollback()
