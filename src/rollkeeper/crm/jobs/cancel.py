"""Stopping a run before it has done all of its lists."""

from __future__ import annotations

from django.db import connection, transaction
from django.utils import timezone

from rollkeeper.crm.jobs.log import Tone, tell
from rollkeeper.crm.jobs.models import JobRun


def cancel(run_id: int, *, cancelled_by: str) -> JobRun:
    """Stop a run: one that waits ends here and now, one at work after the list that it is at (that one is kept).

    A run that nobody is at work on (its worker died) ends here too. One that has ended is left as it is.
    """
    with transaction.atomic():
        run = JobRun.objects.select_for_update(no_key=True).get(pk=run_id)
        if run.has_ended or run.cancelled_by:
            return run
        run.cancelled_by = cancelled_by
        tell(run, f"{cancelled_by} asked to cancel the run.", Tone.WARNING)
        if run.state == JobRun.State.WAITING or _nobody_is_at_work(run_id):
            run.state, run.finished_at = JobRun.State.CANCELLED, timezone.now()
            done = run.results.count()
            run.message = f"Cancelled by {cancelled_by}" + (
                f" after {done} lists." if done else " before it began."
            )
        run.save(update_fields=["cancelled_by", "state", "finished_at", "message"])
    return run


def _nobody_is_at_work(run_id: int) -> bool:
    """Whether no session performs the run. Until this transaction ends none can begin to."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [charge_key(run_id)])
        return bool(cursor.fetchone()[0])


def charge_key(run_id: int) -> str:
    """The name of the lock that whoever performs the run holds."""
    return f"job run {run_id}"
