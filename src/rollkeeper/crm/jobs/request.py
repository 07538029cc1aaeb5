"""Asking for a run of MKT510 or MKT600 (S10, S12)."""

from __future__ import annotations

from django.db import transaction

from rollkeeper.crm.jobs.models import Job, JobRun, SetupCode
from rollkeeper.crm.jobs.tasks import perform_job
from rollkeeper.crm.lists.models import Frequency, MarketingList


class JobRefused(Exception):
    """The job cannot run with these parameters; the message is one sentence that says what to change."""


def request_job(
    job: str, *, setup_code: str | None = None, list_code: str | None = None, requested_by: str
) -> JobRun:
    """Check the parameters, record the run and request it as work, in one transaction.

    Runs of one set-up code follow one another; runs of different ones go side by side (S13).
    Raises `JobRefused`.
    """
    with transaction.atomic():
        run = record_run(job, setup_code=setup_code, list_code=list_code, requested_by=requested_by)
        lock = f"list-{run.list_code}" if run.setup_code is None else f"setup-code-{run.setup_code.code}"
        perform_job.request(lock=lock, run_id=run.pk)
    return run


def record_run(
    job: str, *, setup_code: str | None = None, list_code: str | None = None, requested_by: str
) -> JobRun:
    """Check the parameters and record the run, for a caller that performs it itself. Raises `JobRefused`."""
    setup_code, list_code = setup_code or None, list_code or None
    if job == Job.MKT510:
        _check_mkt510(setup_code, list_code)
        setup = None
    elif job == Job.MKT600:
        setup = _checked_setup_code(setup_code)
        if list_code is not None:
            _check_match(setup, _existing_list(list_code))
    else:
        raise JobRefused(f"There is no job {job!r}. Jobs are {', '.join(Job.values)}.")
    return JobRun.objects.create(job=job, setup_code=setup, list_code=list_code or "", requested_by=requested_by)


def _check_mkt510(setup_code: str | None, list_code: str | None) -> None:
    if setup_code is not None:
        raise JobRefused("MKT510 takes no set-up code: it builds the one list that it is given.")
    if list_code is None:
        raise JobRefused("MKT510 builds one list: give its code.")
    _existing_list(list_code)


def _checked_setup_code(code: str | None) -> SetupCode:
    known = SetupCode.objects.order_by("code")
    names = ", ".join(setup.code for setup in known) or "none yet"
    if code is None:
        raise JobRefused(f"MKT600 runs under a set-up code. Set-up codes are: {names}.")
    for setup in known:
        if setup.code == code:
            return setup
    raise JobRefused(f"There is no set-up code {code!r}. Set-up codes are: {names}.")


def _existing_list(code: str) -> MarketingList:
    found = MarketingList.objects.filter(code=code).first()
    if found is None:
        raise JobRefused(f"There is no list {code!r}. See which there are in List Maintenance.")
    return found


def _check_match(setup: SetupCode, marketing_list: MarketingList) -> None:
    """An optional List Code must match the frequency (S12); a list of ALWAYS matches each."""
    if marketing_list.frequency in {setup.frequency, Frequency.ALWAYS}:
        return
    raise JobRefused(
        f"The list {marketing_list.code} has the regeneration frequency {marketing_list.frequency}, but the set-up "
        f"code {setup.code} is for {setup.frequency}. Choose another set-up code or change the list's frequency."
    )
