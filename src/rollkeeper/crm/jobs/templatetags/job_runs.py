"""How a job's run looks in a page."""

from __future__ import annotations

from datetime import timedelta

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from rollkeeper.crm.jobs.models import JobListResult, JobRun
from rollkeeper.web.templatetags.components import badge

register = template.Library()

STATE_TONES = {
    JobRun.State.WAITING: "quiet",
    JobRun.State.RUNNING: "info",
    JobRun.State.COMPLETED: "good",
    JobRun.State.FAILED: "bad",
    JobRun.State.CANCELLED: "warn",
}
OUTCOME_TONES = {
    JobListResult.Outcome.REGENERATED: "good",
    JobListResult.Outcome.SKIPPED: "warn",
    JobListResult.Outcome.FAILED: "bad",
}
PATIENCE = timedelta(seconds=20)  # a worker takes a request within moments; after this the page says who is missing


@register.filter
def run_state(run: JobRun) -> SafeString:
    """The run's state as a badge."""
    state = JobRun.State(run.state)
    return badge(state.label, STATE_TONES[state])


@register.filter
def outcome_badge(result: JobListResult) -> SafeString:
    """What the run did to one list, as a badge."""
    outcome = JobListResult.Outcome(result.outcome)
    return badge(outcome.label, OUTCOME_TONES[outcome])


@register.filter
def job_words(run: JobRun) -> str:
    """The job with its parameters: `MKT600 DAILY`, `MKT600 DAILY, list GOLD`, `MKT510, list GOLD`."""
    setup = f" {run.setup_code_id}" if run.setup_code_id else ""
    return f"{run.job}{setup}, list {run.list_code}" if run.list_code else f"{run.job}{setup}"


@register.filter
def is_overdue(run: JobRun) -> bool:
    """Whether it waits longer than a worker that is there would let it."""
    return run.state == JobRun.State.WAITING and timezone.now() - run.requested_at > PATIENCE
