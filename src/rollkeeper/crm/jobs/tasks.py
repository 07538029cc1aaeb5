"""The jobs as durable work."""

from __future__ import annotations

from django.db import OperationalError

from rollkeeper.crm.jobs.perform import perform
from rollkeeper.work import task


@task(name="jobs.perform", queue="lists", retry_on=(OperationalError,))
def perform_job(run_id: int) -> None:
    perform(run_id)
