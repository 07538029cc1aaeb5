"""Set-up codes: the parameters under which a job runs (S12)."""

from __future__ import annotations

import re

from django.db import IntegrityError, transaction

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import Value, differences, record
from rollkeeper.crm.jobs.models import Job, JobRun, SetupCode
from rollkeeper.crm.jobs.request import JobRefused, check_match
from rollkeeper.crm.lists.models import Frequency, MarketingList

CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,29}")
FREQUENCIES = tuple(each for each in Frequency if each not in {Frequency.ALWAYS, Frequency.NONE})
"""Those that a set-up code can be for: lists of ALWAYS are in every run, lists of NONE in none."""
LONGEST_DESCRIPTION = 200
KIND = "setup_code"  # in the change log


class SetupRefused(Exception):
    """The set-up code cannot be so; the message is one sentence that says what to change."""


def create_setup_code(
    code: str,
    *,
    job: str,
    frequency: str = "",
    list_code: str = "",
    description: str = "",
    author: str,
    origin: str,
) -> SetupCode:
    """Make a set-up code. Raises `SetupRefused`; nothing is written then."""
    if not CODE.fullmatch(code):
        raise SetupRefused(
            f"{code!r} cannot be a set-up code: 1 to 30 capital letters (A-Z), digits, '_' or '-', "
            "with a letter or digit first."
        )
    with transaction.atomic():
        if SetupCode.objects.filter(code=code).exists():
            raise SetupRefused(f"There is a set-up code {code} already. Change that one, or take another code.")
        setup = SetupCode(code=code)
        _fill(setup, job, frequency, list_code, description)
        _keep(setup, is_new=True)
        record(KIND, code, author, origin, differences({}, _facts(setup)), action=Action.CREATED)
    return setup


def change_setup_code(
    code: str,
    *,
    frequency: str = "",
    list_code: str = "",
    description: str = "",
    author: str,
    origin: str,
) -> SetupCode:
    """Change the parameters of a set-up code; its job stays. Runs that wait run with the new ones.

    Raises `SetupRefused`; nothing is written then.
    """
    with transaction.atomic():
        setup = _locked(code)
        before = _facts(setup)
        _fill(setup, setup.job, frequency, list_code, description)
        _keep(setup, is_new=False)
        record(KIND, code, author, origin, differences(before, _facts(setup)))
    return setup


def delete_setup_code(code: str, *, author: str, origin: str) -> None:
    """Delete a set-up code that no schedule uses and no run waits for; past runs keep its name.

    Raises `SetupRefused`.
    """
    with transaction.atomic():
        setup = _locked(code)
        open_runs = JobRun.objects.filter(setup_code=setup).filter(
            state__in=[JobRun.State.WAITING, JobRun.State.RUNNING]
        )
        if open_runs.exists():
            raise SetupRefused(f"A run of {code} waits or is at work. Wait for its end, or cancel it, first.")
        lost = differences(_facts(setup), dict.fromkeys(_facts(setup)))
        record(KIND, code, author, origin, lost, action=Action.REMOVED)
        try:
            with transaction.atomic():
                setup.delete()
        except IntegrityError as error:  # ProtectedError is one
            raise SetupRefused(f"{code} is scheduled. Delete its schedule under Job Scheduling first.") from error


def _locked(code: str) -> SetupCode:
    setup = SetupCode.objects.select_for_update().filter(code=code).first()
    if setup is None:
        raise SetupRefused(f"There is no set-up code {code} any more.")
    return setup


def _fill(setup: SetupCode, job: str, frequency: str, list_code: str, description: str) -> None:
    description = description.strip()
    if len(description) > LONGEST_DESCRIPTION:
        raise SetupRefused(f"The description is longer than {LONGEST_DESCRIPTION} characters.")
    setup.job, setup.description, setup.list_code = job, description, list_code.strip()
    if job == Job.MKT510:
        setup.frequency = ""
        if not setup.list_code:
            raise SetupRefused("MKT510 builds one list: give its List Code.")
        _existing_list(setup.list_code)
    elif job == Job.MKT600:
        setup.frequency = frequency
        if frequency not in FREQUENCIES:
            names = ", ".join(each.label for each in FREQUENCIES)
            raise SetupRefused(
                f"MKT600 needs a regeneration frequency: {names}. Lists with Always are in every run."
            )
        _check_list(setup)
    else:
        raise SetupRefused(f"There is no job {job!r}. Jobs are {', '.join(Job.values)}.")


def _check_list(setup: SetupCode) -> None:
    if not setup.list_code:
        return
    try:
        check_match(setup.code, setup.frequency, _existing_list(setup.list_code))
    except JobRefused as refusal:
        raise SetupRefused(str(refusal)) from refusal


def _existing_list(code: str) -> MarketingList:
    found = MarketingList.objects.filter(code=code.replace("\x00", "")).first()
    if found is None:
        raise SetupRefused(f"There is no list {code!r}. See which there are in List Maintenance.")
    return found


def _keep(setup: SetupCode, is_new: bool) -> None:
    others = SetupCode.objects.filter(job=Job.MKT600, frequency=setup.frequency).exclude(code=setup.code)
    refusal = SetupRefused(
        "One set-up code a regeneration frequency: "
        f"{setup.get_frequency_display()} has {', '.join(others.values_list('code', flat=True)) or 'one'} already."
    )
    if setup.job == Job.MKT600 and others.exists():
        raise refusal
    try:
        with transaction.atomic():
            setup.save(force_insert=is_new)
    except IntegrityError as error:  # somebody made one this very moment
        raise refusal from error


def _facts(setup: SetupCode) -> dict[str, Value]:
    """What a person decides of a set-up code, as the change log has it (B22)."""
    return {
        "job": setup.job,
        "frequency": setup.frequency,
        "list_code": setup.list_code,
        "description": setup.description,
    }
