"""Syncs as durable work."""

from __future__ import annotations

from rollkeeper.work import task


@task(name="sync_runs.perform", queue="sync")
def perform_sync(run_id: int) -> None:
    """Perform a run. It may be called again for the same run after a crash."""
    from rollkeeper.marketing.sync_runs.perform import perform  # noqa: PLC0415  # perform's callers import this file

    perform(run_id, keep_connection=True)
