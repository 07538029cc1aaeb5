"""What MKT510 and MKT600 take, and what they refuse with a sentence."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from procrastinate.contrib.django.models import ProcrastinateJob

from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.jobs.request import JobRefused, request_job
from rollkeeper.crm.lists.definition import save_list

EVERYONE = {"combinator": "and", "rules": []}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def setup_codes() -> None:
    import_module("rollkeeper.crm.jobs.migrations.0003_setup_codes").create(apps, None)


def test_there_is_a_setup_code_named_like_each_frequency() -> None:  # S12
    assert dict(SetupCode.objects.values_list("code", "frequency")) == {
        "HOURLY": "HOURLY",
        "DAILY": "DAILY",
        "WEEKLY": "WEEKLY",
        "MONTHLY": "MONTHLY",
    }


def test_a_request_records_the_run_and_its_work_together() -> None:
    save_list("L", "List", rule=EVERYONE, frequency="DAILY")
    first = request_job("MKT510", list_code="L", requested_by="ana")
    second = request_job("MKT600", setup_code="DAILY", list_code="L", requested_by="ana")
    assert (first.state, first.list_code, first.setup_code) == ("waiting", "L", None)
    work = ProcrastinateJob.objects.order_by("id").values_list("task_name", "queue_name", "lock", "args")
    assert list(work) == [
        ("jobs.perform", "lists", "list-L", {"run_id": first.pk}),
        ("jobs.perform", "lists", "setup-code-DAILY", {"run_id": second.pk}),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"job": "MKT700"}, "MKT510, MKT600"),
        ({"job": "MKT510"}, "give its code"),
        ({"job": "MKT510", "list_code": "NONE"}, "no list 'NONE'"),
        ({"job": "MKT510", "list_code": "D", "setup_code": "DAILY"}, "DAILY is of MKT600"),
        ({"job": "MKT600"}, "DAILY, HOURLY, MONTHLY, WEEKLY"),
        ({"job": "MKT600", "setup_code": "YEARLY"}, "'YEARLY'.*DAILY"),
        ({"job": "MKT600", "setup_code": "DAILY", "list_code": "NONE"}, "no list 'NONE'"),
        ({"job": "MKT600", "setup_code": "WEEKLY", "list_code": "D"}, "D has the regeneration frequency DAILY"),
        ({"job": "MKT600", "setup_code": "WEEKLY", "list_code": "N"}, "N has the regeneration frequency NONE"),
    ],
)
def test_wrong_parameters_are_refused_and_nothing_is_recorded(arguments: dict[str, str], says: str) -> None:  # S12
    save_list("D", "Daily", rule=EVERYONE, frequency="DAILY")
    save_list("N", "None", rule=EVERYONE)
    with pytest.raises(JobRefused, match=says):
        request_job(**arguments, requested_by="ana")
    assert not JobRun.objects.exists()
    assert not ProcrastinateJob.objects.exists()


def test_a_list_of_always_matches_every_setup_code() -> None:  # S12
    save_list("A", "Always", rule=EVERYONE, frequency="ALWAYS")
    assert request_job("MKT600", setup_code="HOURLY", list_code="A", requested_by="ana").list_code == "A"
