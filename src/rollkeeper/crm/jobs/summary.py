"""How a run ended, in a state and a sentence (S11)."""

from __future__ import annotations

from collections.abc import Sequence

from rollkeeper.crm.jobs.models import Job, JobListResult, JobRun

Outcome = JobListResult.Outcome
State = JobRun.State


def summary(run: JobRun, results: Sequence[JobListResult], left: int) -> tuple[JobRun.State, str]:
    """The state and the message of a run that is over. `left`: lists that a cancelled run has not done."""
    if left:
        done = _outcomes(results) if results else "No list was done."
        return State.CANCELLED, f"Cancelled by {run.cancelled_by} with {left} list{_s(left)} left. {done}"
    if not results:
        if run.again_of_id is not None:
            return State.COMPLETED, "None of the lists that failed is this job's any more."
        if run.job == Job.MKT510:
            return State.FAILED, f"The list {run.list_code} is not there any more."
        if run.list_code:
            return State.FAILED, f"The list {run.list_code} is not there any more, or has another frequency now."
        return State.COMPLETED, "No list has this regeneration frequency."
    failed = any(result.outcome == Outcome.FAILED for result in results)
    return State.FAILED if failed else State.COMPLETED, _outcomes(results)


def _outcomes(results: Sequence[JobListResult]) -> str:
    """Such as: 3 lists regenerated. 1 skipped: NEW. 1 failed: BAD."""
    codes: dict[str, list[str]] = {outcome: [] for outcome in Outcome}
    for result in results:
        codes[result.outcome].append(result.list.code)
    count = len(codes[Outcome.REGENERATED])
    parts = [f"{count} list{_s(count)} regenerated."]
    parts.extend(
        f"{len(codes[outcome])} {outcome.value}: {', '.join(codes[outcome])}."
        for outcome in (Outcome.SKIPPED, Outcome.FAILED)
        if codes[outcome]
    )
    return " ".join(parts)


def _s(count: int) -> str:
    return "" if count == 1 else "s"
