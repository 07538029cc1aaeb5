"""The jobs as durable work."""

from __future__ import annotations

import logging

from django.db import OperationalError

from rollkeeper.crm.jobs.models import JobListResult
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.work import task

logger = logging.getLogger(__name__)


@task(name="jobs.perform", queue="lists", retry_on=(OperationalError,))
def perform_job(run_id: int) -> None:
    """Perform a run, and say loudly what was skipped or failed (S11)."""
    run = perform(run_id)
    for result in run.results.exclude(outcome=JobListResult.Outcome.REGENERATED).select_related("list"):
        logger.warning("%s, run %d: %s %s. %s", run.job, run.pk, result.list.code, result.outcome, result.reason)
