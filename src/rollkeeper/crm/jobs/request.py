"""Asking for a run of MKT510 or MKT600 (S10, S12)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from rollkeeper.crm.jobs.log import tell
from rollkeeper.crm.jobs.models import Job, JobListResult, JobRun, SetupCode
from rollkeeper.crm.jobs.tasks import perform_job
from rollkeeper.crm.lists.models import Frequency, MarketingList


class JobRefused(Exception):
    """The job cannot run with these parameters; the message is one sentence that says what to change."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Checked parameters of a run. `list_code` "" : all lists of the frequency."""

    job: Job
    setup: SetupCode | None
    list_code: str


def request_job(
    job: str, *, setup_code: str | None = None, list_code: str | None = None, requested_by: str
) -> JobRun:
    """Check the parameters, record the run and request it as work, in one transaction.

    Runs of one set-up code follow one another; runs of different ones go side by side (S13).
    Raises `JobRefused`.
    """
    with transaction.atomic():
        run = record_run(job, setup_code=setup_code, list_code=list_code, requested_by=requested_by)
        _request_work(run)
    return run


def request_failed_again(run: JobRun, *, requested_by: str) -> JobRun:
    """Ask for a run of the same job that does only the lists that failed in this one. Raises `JobRefused`."""
    with transaction.atomic():
        if not run.has_ended:
            raise JobRefused("The run is still at work. Wait for its end, then run what failed again.")
        if not run.results.filter(outcome=JobListResult.Outcome.FAILED).exists():
            raise JobRefused("No list failed in this run: there is nothing to run again.")
        if run.job == Job.MKT600:
            _checked_setup_code(run.setup_code_id, Job.MKT600)
        again = JobRun.objects.create(
            job=run.job,
            setup_code_id=run.setup_code_id,
            list_code=run.list_code,
            requested_by=requested_by,
            again_of=run,
        )
        tell(again, f"Requested by {requested_by}: the lists that failed in run {run.pk}.")
        _request_work(again)
    return again


def record_run(
    job: str, *, setup_code: str | None = None, list_code: str | None = None, requested_by: str
) -> JobRun:
    """Check the parameters and record the run, for a caller that performs it itself. Raises `JobRefused`."""
    checked = checked_parameters(job, setup_code=setup_code or None, list_code=list_code or None)
    with transaction.atomic():
        run = JobRun.objects.create(
            job=checked.job, setup_code=checked.setup, list_code=checked.list_code, requested_by=requested_by
        )
        tell(run, f"Requested by {requested_by}.")
    return run


def checked_parameters(job: str, *, setup_code: str | None, list_code: str | None) -> Parameters:
    """What the job would run with: the parameters, and where they say nothing, the set-up code's.

    Raises `JobRefused`.
    """
    if job == Job.MKT510:
        setup = None if setup_code is None else _checked_setup_code(setup_code, Job.MKT510)
        list_code = list_code or (setup.list_code if setup else None)
        if list_code is None:
            raise JobRefused("MKT510 builds one list: give its code.")
        if setup is not None and list_code != setup.list_code:
            raise JobRefused(f"The set-up code {setup.code} of MKT510 is for the list {setup.list_code}.")
        _existing_list(list_code)
        return Parameters(Job.MKT510, setup, list_code)
    if job == Job.MKT600:
        setup = _checked_setup_code(setup_code, Job.MKT600)
        list_code = list_code or setup.list_code
        if setup.list_code and list_code != setup.list_code:
            raise JobRefused(f"The set-up code {setup.code} is narrowed to the list {setup.list_code}.")
        if list_code:
            check_match(setup.code, setup.frequency, _existing_list(list_code))
        return Parameters(Job.MKT600, setup, list_code)
    raise JobRefused(f"There is no job {job!r}. Jobs are {', '.join(Job.values)}.")


def check_match(setup_code: str, frequency: str, marketing_list: MarketingList) -> None:
    """An optional List Code must match the frequency (S12); a list of ALWAYS matches each. Raises `JobRefused`."""
    if marketing_list.frequency in {frequency, Frequency.ALWAYS}:
        return
    raise JobRefused(
        f"The list {marketing_list.code} has the regeneration frequency {marketing_list.frequency}, but the set-up "
        f"code {setup_code} is for {frequency}. Choose another set-up code or change the list's frequency."
    )


def _request_work(run: JobRun) -> None:
    lock = f"list-{run.list_code}" if run.job == Job.MKT510 else f"setup-code-{run.setup_code_id}"
    perform_job.request(lock=lock, run_id=run.pk)


def _checked_setup_code(code: str | None, job: Job) -> SetupCode:
    """The set-up code of that job."""
    known = SetupCode.objects.filter(job=job).order_by("code")
    names = ", ".join(setup.code for setup in known) or "none yet"
    if code is None:
        raise JobRefused(f"{job} runs under a set-up code. Set-up codes are: {names}.")
    for setup in known:
        if setup.code == code:
            return setup
    if other := SetupCode.objects.filter(code=code).first():
        raise JobRefused(f"The set-up code {code} is of {other.job}, not of {job}. Those of {job} are: {names}.")
    raise JobRefused(f"There is no set-up code {code!r}. Set-up codes are: {names}.")


def _existing_list(code: str) -> MarketingList:
    found = MarketingList.objects.filter(code=code).first()
    if found is None:
        raise JobRefused(f"There is no list {code!r}. See which there are in List Maintenance.")
    return found
