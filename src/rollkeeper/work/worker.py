"""The worker: takes work from the queues, tells that it lives, and takes over what the dead held.

A process runs one procrastinate worker a queue, each with its own concurrency, on one event loop. Work itself runs
in threads, so a long piece of work does not stop the heartbeat. Beside it every worker ticks (`tick.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import psycopg
from django.db import connections
from procrastinate import App
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import UniqueViolation
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.utils import utcnow
from procrastinate.worker import Worker

from rollkeeper.work.tick import TICK_SECONDS, tick_once

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 30.0
MOST_TAKEOVERS = 5  # work that was held by that many dead workers is what kills them
PURGE_EVERY_SECONDS = 24 * 3600.0
KEPT_HOURS = 7 * 24  # finished work; the history that people look at is in the business tables
SWEEP_LOCK = 0x526F6C6C_53776570  # the advisory lock of sweeping: two sweepers would give one piece of work twice
DECLARED_DEAD = 3  # the exit code of a worker that found itself declared dead

QUEUES: Mapping[str, int] = {"sync": 2, "lists": 2, "default": 1}
"""How many pieces of work of each queue one worker runs at once."""


class WorkerLost(RuntimeError):
    """The worker's connection to the database broke; it ends, and whoever supervises it starts it again."""

    def __str__(self) -> str:
        return str(self.__doc__)


def run_worker(concurrency: Mapping[str, int] = QUEUES, *, wait: bool = True) -> None:
    """Run a worker until SIGTERM or SIGINT (finishes what it runs); a second one ends it at once.

    `concurrency`: queue → how many at once. `wait` False: end when nothing is left to do.
    """
    asyncio.run(_run(concurrency, wait))


async def _run(concurrency: Mapping[str, int], wait: bool) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(sum(concurrency.values()), thread_name_prefix="work"))
    # Tasks are declared on an app that talks through Django's connection, which cannot listen: swap that meanwhile.
    connector = cast("DjangoConnector", django_app.connector).get_worker_connector()
    with django_app.replace_connector(connector) as app:
        async with app.open_async():
            workers = [_worker(app, queue, slots, wait) for queue, slots in concurrency.items()]
            asked = _stop_on_signals(loop, workers)
            await _run_together(app, workers)
    if wait and not asked.is_set():
        raise WorkerLost


def _worker(app: App, queue: str, slots: int, wait: bool) -> Worker:
    options: dict[str, Any] = {
        "queues": [queue],
        "name": queue,
        "concurrency": slots,
        "wait": wait,
        "update_heartbeat_interval": HEARTBEAT_SECONDS,
        "stalled_worker_timeout": DEAD_AFTER_SECONDS,
        "task_middleware": [_close_connections],
        "worker_middleware": [_end_if_declared_dead],
        "install_signal_handlers": False,
    }
    return Worker(app, **options)


def _stop_on_signals(loop: asyncio.AbstractEventLoop, workers: list[Worker]) -> asyncio.Event:
    """Have signals end the workers. The event is set once somebody asked for that."""
    asked = asyncio.Event()

    def stop(number: int) -> None:
        if asked.is_set():
            os._exit(128 + number)  # what runs is given up: another worker takes it over
        asked.set()
        for worker in workers:
            worker.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    return asked


async def _run_together(app: App, workers: list[Worker]) -> None:
    """Run the workers; where one ends, end the others too, so that the process is started anew as a whole."""
    running = [asyncio.create_task(worker.run()) for worker in workers]
    besides = [asyncio.create_task(_sweep_for_ever(app, workers))]
    if workers[0].wait:
        besides.append(asyncio.create_task(_tick_for_ever()))
    try:
        done, _ = await asyncio.wait({*running, *besides}, return_when=asyncio.FIRST_COMPLETED)
        if done.intersection(besides) or workers[0].wait:
            for worker in workers:
                worker.stop()
        await asyncio.gather(*running)
        for task in besides:
            if task.done():
                task.result()
    finally:
        for task in besides:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task


async def _tick_for_ever() -> None:
    """Tick in a thread of its own: work that fills all others does not keep schedules from being looked at."""
    loop = asyncio.get_running_loop()
    with contextlib.closing(_Thread()) as thread:
        while True:
            await loop.run_in_executor(thread, tick_once)
            await asyncio.sleep(TICK_SECONDS)


class _Thread(ThreadPoolExecutor):
    """One thread, which closes its database connection when it ends and keeps no one waiting for that."""

    def __init__(self) -> None:
        super().__init__(1, thread_name_prefix="tick")

    def close(self) -> None:
        self.submit(connections.close_all)
        self.shutdown(wait=False)


async def _sweep_for_ever(app: App, workers: list[Worker]) -> None:
    """Every heartbeat: end if declared dead, and give the work of dead workers to the living."""
    purged = asyncio.get_running_loop().time()
    async with _own_connection() as connection:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for worker in workers:
                await _check_alive(connection, worker)
            async with _sweeping_alone(connection) as alone:
                if not alone:
                    continue
                await take_over(app)
                now = asyncio.get_running_loop().time()
                if now - purged >= PURGE_EVERY_SECONDS:
                    purged = now
                    await app.job_manager.delete_old_jobs(
                        KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
                    )


@contextlib.asynccontextmanager
async def _own_connection() -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    parameters = connector_params()
    connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
    async with connection:
        yield connection


@contextlib.asynccontextmanager
async def _sweeping_alone(connection: psycopg.AsyncConnection[Any]) -> AsyncIterator[bool]:
    """Whether this is the one process that sweeps now. Held across transactions, so it is a session lock."""
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
    row = await cursor.fetchone()
    alone = bool(row and row[0])
    try:
        yield alone
    finally:
        if alone:
            await connection.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])


async def take_over(app: App) -> None:
    """Forget workers without a heartbeat and put the work that they held back into the queue."""
    await app.job_manager.prune_stalled_workers(DEAD_AFTER_SECONDS)
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_SECONDS):
        await _put_back(app, job)


async def _put_back(app: App, job: Job) -> None:
    if job.attempts >= MOST_TAKEOVERS:
        logger.error("%s was held by %d workers that died: given up", job.call_string, job.attempts + 1)
        await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        return
    logger.warning("%s was held by a worker that died: taken over", job.call_string)
    try:
        await app.job_manager.retry_job(job, retry_at=utcnow())
    except UniqueViolation:
        # Another request with the same `join` waits, and only one such may: run this one again without it.
        copy = job.evolve(id=None, status=None, queueing_lock=None, worker_id=None)
        await app.job_manager.defer_job_async(copy)
        await app.job_manager.finish_job(job, Status.ABORTED, delete_job=False)


async def _check_alive(connection: psycopg.AsyncConnection[Any], worker: Worker) -> None:
    """End this process if the others believe it dead (it was frozen): its work is theirs now."""
    if worker.worker_id is None:
        return
    cursor = await connection.execute(
        "SELECT EXISTS (SELECT FROM procrastinate_workers WHERE id = %s)", [worker.worker_id]
    )
    row = await cursor.fetchone()
    if worker.worker_id is not None and row is not None and not row[0]:
        _end_declared_dead()


def _close_connections(call_next: Callable[[], Any], context: JobContext, worker: Worker) -> Any:
    """Around each piece of work, in its thread: it finds a fresh connection and leaves none behind."""
    try:
        return call_next()
    finally:
        connections.close_all()


async def _end_if_declared_dead(
    call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker
) -> Any:
    """Around each piece of work: a worker that was declared dead meanwhile must not report it as done."""
    result = await call_next()
    async with _own_connection() as connection:
        await _check_alive(connection, worker)
    return result


def _end_declared_dead() -> None:
    logger.error("This worker gave no sign of life for %d s and was declared dead: it ends", DEAD_AFTER_SECONDS)
    logging.shutdown()
    os._exit(DECLARED_DEAD)  # not sys.exit: threads that still work for a lost claim must not go on
