"""What runs of MKT510 and MKT600 do to lists."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from django.db import connection, transaction

from rollkeeper.crm.jobs.models import JobListResult, JobRun, SetupCode
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import record_run
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import ListVersion, MarketingList
from tests.crm.lists.people import constituent

EVERYONE = {"combinator": "and", "rules": []}
NO_ONE = {"combinator": "or", "rules": []}


@pytest.fixture
def setup_codes(db: None) -> None:
    for frequency in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY"):
        SetupCode.objects.get_or_create(code=frequency, defaults={"frequency": frequency})
    constituent("1")


def built(code: str, frequency: str = "NONE") -> MarketingList:
    made = save_list(code, code, rule=EVERYONE, frequency=frequency)
    assert mkt510(code).state == "completed"
    return made


def mkt510(code: str) -> JobRun:
    return perform(record_run("MKT510", list_code=code, requested_by="test").pk)


def mkt600(setup_code: str, list_code: str | None = None) -> JobRun:
    run = record_run("MKT600", setup_code=setup_code, list_code=list_code, requested_by="test")
    return perform(run.pk)


def outcomes(run: JobRun) -> dict[str, str]:
    return dict(run.results.values_list("list__code", "outcome"))


def versions() -> dict[str, int]:
    return dict(MarketingList.objects.values_list("code", "version"))


def test_mkt510_builds_one_list_and_builds_it_again(setup_codes: None) -> None:  # S10
    built("A")
    built("B")
    run = mkt510("A")
    assert versions() == {"A": 2, "B": 1}
    assert (run.state, run.message) == ("completed", "1 list regenerated.")
    result = run.results.get()
    assert (result.outcome, result.members, result.added, result.removed) == ("regenerated", 1, 0, 0)
    assert result.seconds is not None
    assert run.started_at is not None
    assert run.finished_at is not None


def test_mkt600_touches_exactly_its_frequency_and_always(setup_codes: None) -> None:  # S12
    for code, frequency in {"H": "HOURLY", "D": "DAILY", "D2": "DAILY", "A": "ALWAYS", "N": "NONE"}.items():
        built(code, frequency)
    run = mkt600("DAILY")
    assert outcomes(run) == dict.fromkeys(["A", "D", "D2"], "regenerated")
    assert versions() == {"H": 1, "D": 2, "D2": 2, "A": 2, "N": 1}


def test_a_list_code_narrows_mkt600_to_that_list(setup_codes: None) -> None:  # S12
    for code, frequency in {"D": "DAILY", "D2": "DAILY", "A": "ALWAYS"}.items():
        built(code, frequency)
    assert outcomes(mkt600("DAILY", "D2")) == {"D2": "regenerated"}


def test_mkt600_skips_loudly_what_mkt510_has_not_built(setup_codes: None) -> None:  # S11
    built("OLD", "DAILY")
    save_list("NEW", "New", rule=EVERYONE, frequency="DAILY")
    run = mkt600("DAILY")
    assert outcomes(run) == {"OLD": "regenerated", "NEW": "skipped"}
    assert (run.state, run.message) == ("completed", "1 list regenerated. 1 skipped: NEW.")
    assert "MKT510" in run.results.get(list__code="NEW").reason
    assert versions()["NEW"] == 0


def test_a_first_build_of_no_one_does_not_count_and_says_so(setup_codes: None) -> None:  # S11
    save_list("EMPTY", "Empty", rule=NO_ONE, frequency="DAILY")
    run = mkt510("EMPTY")
    result = run.results.get()
    assert (result.outcome, result.members) == ("skipped", 0)
    assert "does not count" in result.reason
    assert outcomes(mkt600("DAILY")) == {"EMPTY": "skipped"}
    save_list("EMPTY", None, may_be_empty=True)
    assert outcomes(mkt510("EMPTY")) == {"EMPTY": "regenerated"}
    assert outcomes(mkt600("DAILY")) == {"EMPTY": "regenerated"}


def test_mkt600_without_any_list_says_so(setup_codes: None) -> None:
    run = mkt600("MONTHLY")
    assert (run.state, run.message) == ("completed", "No list has this regeneration frequency.")


def test_one_failing_list_does_not_stop_the_others(setup_codes: None) -> None:
    for code in ("A", "BAD", "C"):
        built(code, "DAILY")
    MarketingList.objects.filter(code="BAD").update(rule={"combinator": "xor", "rules": []})
    run = mkt600("DAILY")
    assert outcomes(run) == {"A": "regenerated", "BAD": "failed", "C": "regenerated"}
    assert (run.state, run.message) == ("failed", "2 lists regenerated. 1 failed: BAD.")
    assert "'xor'" in run.results.get(list__code="BAD").reason
    assert versions() == {"A": 2, "BAD": 1, "C": 2}


def test_a_list_deleted_before_its_run_fails_the_run_with_a_sentence(setup_codes: None) -> None:
    built("A")
    run = record_run("MKT510", list_code="A", requested_by="test")
    MarketingList.objects.all().delete()
    ended = perform(run.pk)
    assert (ended.state, ended.message) == ("failed", "The list A is not there any more.")


def test_a_run_that_has_ended_is_left_as_it_is(setup_codes: None) -> None:
    built("A", "DAILY")
    run = mkt600("DAILY")
    again = perform(run.pk)
    assert (again.finished_at, versions()) == (run.finished_at, {"A": 2})


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_cut_short_is_taken_up_where_it_stood(setup_codes: None) -> None:  # B9
    for code in ("A", "B", "C"):
        built(code, "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")
    victim = subprocess.Popen([sys.executable, "-c", KILLED_AFTER_ONE, str(run.pk)], env=_environment())
    assert victim.wait(60) == -signal.SIGKILL
    run.refresh_from_db()
    assert (run.state, outcomes(run)) == ("running", {"A": "regenerated"})
    ended = perform(run.pk)
    assert (ended.state, ended.message) == ("completed", "3 lists regenerated.")
    assert versions() == {"A": 2, "B": 2, "C": 2}
    assert ListVersion.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_two_who_perform_one_run_do_it_once(setup_codes: None) -> None:
    built("A", "DAILY")
    run = record_run("MKT600", setup_code="DAILY", requested_by="test")

    def work() -> None:
        with closing(connection):
            perform(run.pk)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions() == {"A": 2}
    assert JobListResult.objects.filter(run=run).count() == 1


@pytest.mark.django_db(transaction=True)
def test_runs_of_different_setup_codes_go_side_by_side(setup_codes: None) -> None:  # S13
    built("D", "DAILY")
    built("W", "WEEKLY")
    daily = record_run("MKT600", setup_code="DAILY", requested_by="test")
    weekly = record_run("MKT600", setup_code="WEEKLY", requested_by="test")

    def work() -> None:
        with closing(connection):
            perform(weekly.pk)

    with transaction.atomic():
        perform(daily.pk)  # not committed: its list is still held
        thread = threading.Thread(target=work)
        began = time.monotonic()
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
    assert time.monotonic() - began < 20
    assert versions() == {"D": 2, "W": 2}


# Another process: performs the run and is killed inside the transaction of the second list.
KILLED_AFTER_ONE = """
import os, signal, sys
import django
django.setup()
from rollkeeper.crm.jobs import perform
regenerate = perform.regenerate
seen = []
def killed(list_id):
    seen.append(list_id)
    done = regenerate(list_id)
    if len(seen) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
perform.regenerate = killed
perform.perform(int(sys.argv[1]))
"""


def _environment() -> dict[str, str]:
    database = str(connection.settings_dict["NAME"])
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rollkeeper.crm.settings",
        "ROLLKEEPER_CRM_DATABASE": database,
    }
