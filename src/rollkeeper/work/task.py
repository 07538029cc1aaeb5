"""Naming a function as work, and requesting it inside the current database transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.job_context import JobContext
from procrastinate.manager import JobManager
from procrastinate.tasks import configure_task

logger = logging.getLogger(__name__)

BACKOFF = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5))
"""The pauses before the second, third and fourth attempt of work that failed with a retryable error."""

ATTEMPT = "attempt_"  # the argument that carries how often work was tried; no function's argument ends so
LATER = -1  # the priority of work that waits for its hour: it must not hold up newer work under the same lock

_jobs = JobManager(DjangoConnector())
"""The queue seen through Django's connection, in a worker as well: a request is part of the transaction."""


@dataclass(frozen=True, slots=True)
class Work:
    """A function that a worker can run. Calling it runs it here and now."""

    name: str
    queue: str
    function: Callable[..., object]

    def __call__(self, **arguments: Any) -> object:
        return self.function(**arguments)

    def request(
        self,
        *,
        lock: str | None = None,
        join: str | None = None,
        at: datetime | None = None,
        **arguments: Any,
    ) -> bool:
        """Request this work; see `request`."""
        return request(self.name, queue=self.queue, lock=lock, join=join, at=at, **arguments)


def task(
    *, name: str, queue: str, retry_on: tuple[type[Exception], ...] = ()
) -> Callable[[Callable[..., object]], Work]:
    """Make a module-level function of an app's `tasks.py` work of that name, run by workers of that queue.

    Its arguments are JSON values. Where it raises one of `retry_on`, it is tried again after each pause of
    `BACKOFF`; any other error ends it as failed.
    """

    def declare(function: Callable[..., object]) -> Work:
        def run(context: JobContext, /, **arguments: Any) -> None:
            attempt = arguments.pop(ATTEMPT, 0)
            try:
                function(**arguments)
            except retry_on as error:
                if attempt >= len(BACKOFF):
                    raise
                at = timezone.now() + BACKOFF[attempt]
                logger.warning("%s failed (%s); it is tried again at %s", name, error, at.isoformat())
                request(name, queue=queue, lock=context.job.lock, at=at, **arguments, **{ATTEMPT: attempt + 1})

        app.task(name=name, queue=queue, pass_context=True)(run)
        return Work(name, queue, function)

    return declare


def request(
    name: str,
    *,
    queue: str,
    lock: str | None = None,
    join: str | None = None,
    at: datetime | None = None,
    **arguments: Any,
) -> bool:
    """Put work of that name into its queue, as part of the current transaction of Django's connection.

    `lock`: no two pieces of work with one lock run at the same time; they run in the order of their requests.
    `join`: where work with the same key still waits, this request joins it and nothing is added.
    `at`: not before that moment; it does not hold up work that is requested meanwhile.
    Returns whether work was added: False means that it joined.
    """
    deferrer = configure_task(
        name=name,
        job_manager=_jobs,
        queue=queue,
        lock=lock,
        queueing_lock=join,
        schedule_at=at,
        priority=LATER if at else 0,
    )
    try:
        with transaction.atomic():  # the index that makes requests join aborts a transaction: a savepoint takes it
            deferrer.defer(**arguments)
    except AlreadyEnqueued:
        return False
    return True
