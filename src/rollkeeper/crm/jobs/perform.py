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

from rollkeeper.crm.jobs.cancel import charge_key
from rollkeeper.crm.jobs.log import Tone, tell
from rollkeeper.crm.jobs.models import Job, JobListResult, JobRun
from rollkeeper.crm.jobs.order import in_build_order
from rollkeeper.crm.jobs.summary import summary
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import Frequency, MarketingList
from rollkeeper.crm.lists.parts import parts_by_list
from rollkeeper.crm.lists.regenerate import Regeneration, regenerate

logger = logging.getLogger(__name__)

Outcome = JobListResult.Outcome
State = JobRun.State

NEVER_BUILT = "MKT510 has not built this list yet. Run MKT510 for it first."
EMPTY_FIRST_BUILD = (
    "The first build found no members, so it does not count and MKT600 will skip the list. "
    "Correct its definition, or mark it as one that may be empty, and run MKT510 again."
)


def perform(run_id: int) -> JobRun:
    """Perform a run and return it as it ended. A run that has ended already is left as it is.

    A list that fails does not stop the others; the run has then failed as a whole. A person's wish to cancel it
    takes effect before the next list.
    """
    with _alone(run_id):
        run = JobRun.objects.select_related("setup_code").get(pk=run_id)
        if run.has_ended or not _begin(run):
            return run
        for marketing_list in _lists_to_do(run):
            if _is_to_stop(run):
                break
            _perform_list(run, marketing_list)
        _finish(run)
    run.refresh_from_db()
    return run


def lists_of(run: JobRun) -> QuerySet[MarketingList]:
    """The lists that a run touches, by code.

    MKT510: its one list. MKT600: exactly the lists with the frequency of its set-up code and those with
    ALWAYS; a List Code narrows that to one (S12). A run that does failed lists again: those of them.
    """
    lists = MarketingList.objects.order_by("code")
    if run.again_of_id is not None:
        lists = lists.filter(job_results__run=run.again_of_id, job_results__outcome=Outcome.FAILED)
    if run.job == Job.MKT510:
        return lists.filter(code=run.list_code)
    if run.setup_code is None:
        return lists.none()
    due = lists.filter(Q(frequency=run.setup_code.frequency) | Q(frequency=Frequency.ALWAYS))
    due = due.exclude(frequency=Frequency.NONE)
    return due.filter(code=run.list_code) if run.list_code else due


@contextmanager
def _alone(run_id: int) -> Iterator[None]:
    """Hold the run for this session: whoever else performs it waits, until this one ends or its connection dies."""
    key = charge_key(run_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [key])
    try:
        yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _begin(run: JobRun) -> bool:
    """Mark it as running. Whether it may go on: somebody may have cancelled it this very moment."""
    if run.state == State.RUNNING:
        tell(run, f"Taken up again after it was cut short; {run.results.count()} lists were done.", Tone.WARNING)
        return True
    with transaction.atomic():
        begun = JobRun.objects.filter(pk=run.pk, state=State.WAITING).update(
            state=State.RUNNING, started_at=timezone.now()
        )
        if begun:
            due = lists_of(run).count()
            tell(run, f"Began: {due} list{'' if due == 1 else 's'} to do.")
    run.refresh_from_db()
    return bool(begun)


def _lists_to_do(run: JobRun) -> list[MarketingList]:
    done = set(run.results.values_list("list_id", flat=True))
    lists = [each for each in lists_of(run) if each.pk not in done]
    return in_build_order(lists, parts_by_list(each.pk for each in lists))


def _is_to_stop(run: JobRun) -> bool:
    return JobRun.objects.filter(pk=run.pk).exclude(cancelled_by="").exists()


def _perform_list(run: JobRun, marketing_list: MarketingList) -> None:
    if run.job == Job.MKT600 and marketing_list.version == 0:  # S11
        _keep(run, marketing_list, Outcome.SKIPPED, NEVER_BUILT)
        return
    began = time.monotonic()
    try:
        with transaction.atomic():
            _keep_regeneration(run, marketing_list, regenerate(marketing_list.pk), began)
    except ListRefused as error:
        _keep(run, marketing_list, Outcome.FAILED, str(error), began)
    except DatabaseError as error:
        if not connection.is_usable():
            raise  # the database went away: the whole run is tried again
        logger.exception("The list %s could not be regenerated", marketing_list.code)
        _keep(run, marketing_list, Outcome.FAILED, f"The database refused: {_first_line(error)}", began)
    except Exception as error:
        logger.exception("The list %s could not be regenerated", marketing_list.code)
        reason = f"Something went wrong that should not ({type(error).__name__}: {_first_line(error)})."
        _keep(run, marketing_list, Outcome.FAILED, reason, began)


def _keep_regeneration(run: JobRun, marketing_list: MarketingList, done: Regeneration, began: float) -> None:
    seconds = round(time.monotonic() - began, 3)
    JobListResult.objects.create(
        run=run,
        list=marketing_list,
        outcome=Outcome.REGENERATED if done.counts else Outcome.SKIPPED,
        reason="" if done.counts else EMPTY_FIRST_BUILD,
        members=done.members,
        added=done.added,
        removed=done.removed,
        seconds=seconds,
    )
    if done.counts:
        tell(
            run,
            f"{marketing_list.code}: regenerated, version {done.version}. {done.members:,} members, "
            f"{done.added:,} added, {done.removed:,} removed, in {seconds:.2f} s.",
        )
    else:
        tell(run, f"{marketing_list.code}: skipped. {EMPTY_FIRST_BUILD}", Tone.WARNING)


def _keep(
    run: JobRun, marketing_list: MarketingList, outcome: Outcome, reason: str, began: float | None = None
) -> None:
    if not MarketingList.objects.filter(pk=marketing_list.pk).exists():
        tell(run, f"{marketing_list.code}: deleted while the run was at work.", Tone.WARNING)
        return  # there is nothing left to tell about
    seconds = None if began is None else round(time.monotonic() - began, 3)
    with transaction.atomic():
        JobListResult.objects.create(run=run, list=marketing_list, outcome=outcome, reason=reason, seconds=seconds)
        tone = Tone.ERROR if outcome == Outcome.FAILED else Tone.WARNING
        tell(run, f"{marketing_list.code}: {outcome.value}. {reason}", tone)


def _finish(run: JobRun) -> None:
    """Keep how it ended. A wish to cancel that came when all lists were done has nothing left to stop."""
    results = list(run.results.select_related("list").order_by("list__code"))
    left = len(_lists_to_do(run)) if _is_to_stop(run) else 0
    with transaction.atomic():
        run.refresh_from_db(fields=["cancelled_by"])
        state, message = summary(run, results, left)
        JobRun.objects.filter(pk=run.pk).update(state=state, finished_at=timezone.now(), message=message)
        tell(run, f"{state.label}. {message}", Tone.INFO if state == State.COMPLETED else Tone.ERROR)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
