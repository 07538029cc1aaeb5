"""A run's log, line by line, as its page shows it."""

from __future__ import annotations

from django.utils import timezone

from rollkeeper.crm.jobs.models import JobRun, JobRunLine

Tone = JobRunLine.Tone


def tell(run: JobRun, text: str, tone: str = Tone.INFO) -> None:
    """Add a line to the run's log, as part of the current transaction."""
    JobRunLine.objects.create(run=run, at=timezone.now(), tone=tone, text=text)


def last_lines(run: JobRun, count: int) -> list[JobRunLine]:
    """The newest lines, in order."""
    return list(run.log.order_by("-id")[:count])[::-1]
