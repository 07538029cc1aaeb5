"""What a run has done so far, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Sum

from rollkeeper.crm.jobs.models import JobListResult, JobRun
from rollkeeper.crm.jobs.perform import lists_of


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Lists of a run by outcome. `due`: how many it touches in all, as the lists' frequencies are now."""

    due: int
    regenerated: int
    skipped: int
    failed: int
    members: int

    @property
    def done(self) -> int:
        return self.regenerated + self.skipped + self.failed


def run_counts(run: JobRun) -> RunCounts:
    """The numbers of a run; of one that has ended, `due` is what it did."""
    found = {
        row["outcome"]: row
        for row in run.results.order_by().values("outcome").annotate(lists=Count("id"), people=Sum("members"))
    }
    by_outcome = {
        outcome: int(found[outcome]["lists"]) if outcome in found else 0 for outcome in JobListResult.Outcome
    }
    done = sum(by_outcome.values())
    return RunCounts(
        due=done if run.has_ended else max(done, lists_of(run).count()),
        regenerated=by_outcome[JobListResult.Outcome.REGENERATED],
        skipped=by_outcome[JobListResult.Outcome.SKIPPED],
        failed=by_outcome[JobListResult.Outcome.FAILED],
        members=sum(int(row["people"] or 0) for row in found.values()),
    )
