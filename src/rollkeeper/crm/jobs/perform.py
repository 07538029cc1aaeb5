"""What a run of MKT510 or MKT600 does: regenerates its lists, one after the other (S10–S13).

Each list's result is kept in the transaction that regenerates the list. A run that was killed is performed
again: lists that have a result are left alone, so it ends where an undisturbed run would have ended.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from rollkeeper.crm.jobs.models import Job, JobListResult, JobRun
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import Frequency, MarketingList
from rollkeeper.crm.lists.regenerate import Regeneration, regenerate

logger = logging.getLogger(__name__)

Outcome = JobListResult.Outcome

NEVER_BUILT = "MKT510 has not built this list yet. Run MKT510 for it first."
EMPTY_FIRST_BUILD = (
    "The first build found no members, so it does not count and MKT600 will skip the list. "
    "Correct its definition, or mark it as one that may be empty, and run MKT510 again."
)


def perform(run_id: int) -> JobRun:
    """Perform a run and return it as it ended. A run that has ended already is left as it is.

    A list that fails does not stop the others; the run has then failed as a whole.
    """
    with _alone(run_id):
        run = JobRun.objects.select_related("setup_code").get(pk=run_id)
        if run.state in {JobRun.State.COMPLETED, JobRun.State.FAILED}:
            return run
        JobRun.objects.filter(pk=run_id, state=JobRun.State.WAITING).update(
            state=JobRun.State.RUNNING, started_at=timezone.now()
        )
        done = set(run.results.values_list("list_id", flat=True))
        for marketing_list in lists_of(run):
            if marketing_list.pk not in done:
                _perform_list(run, marketing_list)
        _finish(run)
    run.refresh_from_db()
    return run


def lists_of(run: JobRun) -> QuerySet[MarketingList]:
    """The lists that a run touches, by code.

    MKT510: its one list. MKT600: exactly the lists with the frequency of its set-up code and those with
    ALWAYS; a List Code narrows that to one (S12).
    """
    lists = MarketingList.objects.order_by("code")
    if run.job == Job.MKT510 or run.setup_code is None:
        return lists.filter(code=run.list_code)
    due = lists.filter(Q(frequency=run.setup_code.frequency) | Q(frequency=Frequency.ALWAYS))
    due = due.exclude(frequency=Frequency.NONE)
    return due.filter(code=run.list_code) if run.list_code else due


@contextmanager
def _alone(run_id: int) -> Iterator[None]:
    """Hold the run for this session: whoever else performs it waits, until this one ends or its connection dies."""
    key = f"job run {run_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _perform_list(run: JobRun, marketing_list: MarketingList) -> None:
    if run.job == Job.MKT600 and marketing_list.version == 0:  # S11
        _keep(run, marketing_list, Outcome.SKIPPED, NEVER_BUILT)
        return
    began = time.monotonic()
    try:
        with transaction.atomic():
            _keep_regeneration(run, marketing_list, regenerate(marketing_list.pk), began)
    except ListRefused as error:
        _keep(run, marketing_list, Outcome.FAILED, str(error))
    except DatabaseError as error:
        if not connection.is_usable():
            raise  # the database went away: the whole run is tried again
        logger.exception("The list %s could not be regenerated", marketing_list.code)
        _keep(run, marketing_list, Outcome.FAILED, f"The database refused: {_first_line(error)}")
    except Exception as error:
        logger.exception("The list %s could not be regenerated", marketing_list.code)
        reason = f"Something went wrong that should not ({type(error).__name__}: {_first_line(error)})."
        _keep(run, marketing_list, Outcome.FAILED, reason)


def _keep_regeneration(run: JobRun, marketing_list: MarketingList, done: Regeneration, began: float) -> None:
    JobListResult.objects.create(
        run=run,
        list=marketing_list,
        outcome=Outcome.REGENERATED if done.counts else Outcome.SKIPPED,
        reason="" if done.counts else EMPTY_FIRST_BUILD,
        members=done.members,
        added=done.added,
        removed=done.removed,
        seconds=round(time.monotonic() - began, 3),
    )


def _keep(run: JobRun, marketing_list: MarketingList, outcome: Outcome, reason: str) -> None:
    if not MarketingList.objects.filter(pk=marketing_list.pk).exists():
        return  # deleted while the run was at work: there is nothing left to tell about
    JobListResult.objects.create(run=run, list=marketing_list, outcome=outcome, reason=reason)


def _finish(run: JobRun) -> None:
    results = list(run.results.select_related("list").order_by("list__code"))
    failed = any(result.outcome == Outcome.FAILED for result in results)
    vanished = run.job == Job.MKT510 and not results
    JobRun.objects.filter(pk=run.pk).update(
        state=JobRun.State.FAILED if failed or vanished else JobRun.State.COMPLETED,
        finished_at=timezone.now(),
        message=f"The list {run.list_code} is not there any more." if vanished else _summary(run, results),
    )


def _summary(run: JobRun, results: list[JobListResult]) -> str:
    """Such as: 3 lists regenerated. 1 skipped: NEW. 1 failed: BAD."""
    if not results:
        return "No list has this regeneration frequency."
    codes: dict[str, list[str]] = {outcome: [] for outcome in Outcome}
    for result in results:
        codes[result.outcome].append(result.list.code)
    count = len(codes[Outcome.REGENERATED])
    parts = [f"{count} list{'' if count == 1 else 's'} regenerated."]
    parts.extend(
        f"{len(codes[outcome])} {outcome.value}: {', '.join(codes[outcome])}."
        for outcome in (Outcome.SKIPPED, Outcome.FAILED)
        if codes[outcome]
    )
    return " ".join(parts)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
