"""Durable work: an adapter over procrastinate, so that the rest of the code knows no queue engine.

    @task(name="sync_runs.perform", queue="sync", retry_on=(SourceUnavailable,))
    def perform_sync(run_id: int) -> None: ...

    perform_sync.request(lock=f"group-{group.id}", run_id=run.id)

A unit of work may run again from its start, on another machine, after a kill: each is idempotent by its business
rows (`docs/decisions/003-queue.md`).
"""

from rollkeeper.work.task import Work, request, task
from rollkeeper.work.tick import tick

__all__ = ["Work", "request", "task", "tick"]
