"""Set-up codes: the parameters under which a job runs (S12)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction

from rollkeeper.crm.audit.record import history
from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import JobRefused, record_run, request_job
from rollkeeper.crm.jobs.setup_codes import SetupRefused, change_setup_code, create_setup_code, delete_setup_code
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from tests.crm.jobs.test_perform import EVERYONE, built, outcomes, setup_codes
from tests.crm.schedules.making import scheduled

__all__ = ["setup_codes"]

BY = {"author": "ana", "origin": "test"}

pytestmark = pytest.mark.usefixtures("setup_codes")


def test_mkt510_runs_under_a_set_up_code_too() -> None:  # S10
    save_list("L", "L", rule=EVERYONE)
    create_setup_code("BUILD_L", job="MKT510", list_code="L", description="The first build", **BY)
    run = record_run("MKT510", setup_code="BUILD_L", requested_by="test")
    assert (run.setup_code_id, run.list_code) == ("BUILD_L", "L")
    assert outcomes(perform(run.pk)) == {"L": "regenerated"}


def test_a_list_code_of_the_set_up_code_narrows_every_run_of_it() -> None:
    built("A", "DAILY")
    built("B", "DAILY")
    change_setup_code("DAILY", frequency="DAILY", list_code="B", **BY)
    run = perform(record_run("MKT600", setup_code="DAILY", requested_by="test").pk)
    assert (run.list_code, outcomes(run)) == ("B", {"B": "regenerated"})
    with pytest.raises(JobRefused, match="narrowed to the list B"):
        record_run("MKT600", setup_code="DAILY", list_code="A", requested_by="test")


@pytest.mark.parametrize(
    ("code", "parameters", "says"),
    [
        ("DAILY", {"job": "MKT600", "frequency": "DAILY"}, "a set-up code DAILY already"),
        (
            "NIGHTLY",
            {"job": "MKT600", "frequency": "DAILY"},
            "One set-up code a regeneration frequency: Daily has DAILY",
        ),
        ("night", {"job": "MKT600", "frequency": "DAILY"}, "capital letters"),
        ("A" * 31, {"job": "MKT600", "frequency": "DAILY"}, "1 to 30"),
        ("NEW", {"job": "MKT600"}, "needs a regeneration frequency"),
        ("NEW", {"job": "MKT600", "frequency": "ALWAYS"}, "Always are in every run"),
        ("NEW", {"job": "MKT600", "frequency": "NONE"}, "needs a regeneration frequency"),
        ("NEW", {"job": "MKT510"}, "give its List Code"),
        ("NEW", {"job": "MKT510", "list_code": "GONE"}, "no list 'GONE'"),
        ("NEW", {"job": "MKT700"}, "MKT510, MKT600"),
        ("NEW", {"job": "MKT510", "list_code": "L", "description": "x" * 201}, "longer than 200"),
    ],
)
def test_a_set_up_code_that_cannot_be_is_refused(code: str, parameters: dict[str, str], says: str) -> None:
    save_list("L", "L", rule=EVERYONE, frequency="WEEKLY")
    with pytest.raises(SetupRefused, match=says):
        create_setup_code(code, **parameters, **BY)
    assert SetupCode.objects.count() == 4


def test_its_list_must_have_its_frequency() -> None:  # S12
    save_list("L", "L", rule=EVERYONE, frequency="WEEKLY")
    with pytest.raises(SetupRefused, match="L has the regeneration frequency WEEKLY"):
        change_setup_code("DAILY", frequency="DAILY", list_code="L", **BY)
    MarketingList.objects.update(frequency="ALWAYS")
    assert change_setup_code("DAILY", frequency="DAILY", list_code="L", **BY).list_code == "L"


def test_two_set_up_codes_of_one_frequency_are_refused_by_the_table_itself() -> None:  # S12
    with pytest.raises(IntegrityError), transaction.atomic():
        SetupCode.objects.create(code="AGAIN", frequency="DAILY")


def test_a_change_of_frequency_frees_the_old_one() -> None:
    delete_setup_code("HOURLY", **BY)
    change_setup_code("DAILY", frequency="HOURLY", description="now each hour", **BY)
    assert create_setup_code("NIGHTLY", job="MKT600", frequency="DAILY", **BY).frequency == "DAILY"


def test_a_deleted_set_up_code_leaves_its_runs_and_their_words() -> None:
    built("A", "DAILY")
    run = perform(record_run("MKT600", setup_code="DAILY", requested_by="test").pk)
    delete_setup_code("DAILY", **BY)
    found = JobRun.objects.select_related("setup_code").get(pk=run.pk)
    assert (found.setup_code_id, found.setup_code) == ("DAILY", None)
    assert perform(run.pk).state == "completed"


def test_one_that_is_in_use_is_not_deleted() -> None:
    request_job("MKT600", setup_code="DAILY", requested_by="test")
    with pytest.raises(SetupRefused, match="waits or is at work"):
        delete_setup_code("DAILY", **BY)
    scheduled("WEEKLY", now=datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(SetupRefused, match="Delete its schedule"):
        delete_setup_code("WEEKLY", **BY)
    assert SetupCode.objects.count() == 4


def test_every_change_is_on_record_with_its_author() -> None:  # B22
    save_list("L", "L", rule=EVERYONE)
    create_setup_code("BUILD", job="MKT510", list_code="L", **BY)
    change_setup_code("BUILD", list_code="L", description="The first build", **BY)
    change_setup_code("BUILD", list_code="L", description="The first build", **BY)
    delete_setup_code("BUILD", author="ben", origin="test")
    told = [(change.author, change.action, change.changes) for change in history("setup_code", "BUILD")]
    assert told == [
        ("ana", "created", [["job", None, "MKT510"], ["frequency", None, ""], ["list_code", None, "L"], ["description", None, ""]]),
        ("ana", "changed", [["description", "", "The first build"]]),
        ("ben", "removed", [["job", "MKT510", None], ["frequency", "", None], ["list_code", "L", None], ["description", "The first build", None]]),
    ]  # fmt: skip


def test_what_was_refused_is_not_on_record() -> None:
    scheduled("WEEKLY", now=datetime(2026, 12, 1, tzinfo=UTC))
    with pytest.raises(SetupRefused):
        delete_setup_code("WEEKLY", **BY)
    assert not history("setup_code", "WEEKLY").exists()
