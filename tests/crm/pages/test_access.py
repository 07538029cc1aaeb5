"""Who may see and do what on the CRM site, page by page and action by action (B22)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from rollkeeper.crm.constituents.models import EmailAddress, Gift
from rollkeeper.crm.data_service.models import ApiToken
from rollkeeper.crm.data_service.tokens import create_token
from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.personalization.models import PersonalizationField
from rollkeeper.crm.schedules.models import JobSchedule
from tests.crm.pages.association import Association
from tests.crm.pages.conftest import signed_in_as
from tests.crm.schedules.making import scheduled

CRM360 = "/customers-and-committees/crm360/"
LISTS = "/marketing-and-communication/list-maintenance/"
JOBS = "/reporting/jobs/"
SCHEDULING = "/reporting/job-scheduling/"
VIEW = "/admin/personalization-view/"
TOKENS = "/admin/api-tokens/"

READ = (
    "/", CRM360, "{ada}", "{ada}permission-history/", "{ada}changes/", "/admin/audit/", LISTS, f"{LISTS}lists/TEXANS/", f"{LISTS}lists/TEXANS/definition/",
    f"{LISTS}lists/TEXANS/history/", "{why}", f"{LISTS}lists/TEXANS/by-hand/", f"{LISTS}lists/TEXANS/optional-information/", JOBS, "{run}", "{run}progress/", VIEW,
    "{run}log/", SCHEDULING, f"{SCHEDULING}week/", "{schedule}",
)  # fmt: skip
FORMS = {
    f"{LISTS}lists/TEXANS/copy/": "marketing",
    f"{LISTS}lists/TEXANS/delete/": "marketing",
    "{ada}edit-contact-information/": "clerk",
    f"{CRM360}create-new-constituent/": "clerk",
    f"{CRM360}create-new-constituent/k1/name/": "clerk",
    f"{CRM360}create-new-constituent/k1/review/": "clerk",
    "{ada}edit-details/": "clerk",
    "{ada}gifts/add/": "clerk",
    "{gift}": "clerk",
    f"{LISTS}create/": "marketing",
    f"{LISTS}lists/TEXANS/definition/change/": "marketing",
    f"{JOBS}set-up-codes/create/": "marketing",
    f"{JOBS}set-up-codes/codes/DAILY/": "marketing",
    f"{SCHEDULING}create/": "marketing",
    f"{SCHEDULING}create/MKT600/": "marketing",
    f"{SCHEDULING}preview/": "marketing",
    "{schedule}change/": "marketing",
    f"{VIEW}add/": "",
    "{field}": "",
    TOKENS: "",
}
ACTIONS = {
    f"{LISTS}lists/TEXANS/copy/": "marketing",
    f"{LISTS}lists/UNBUILT/delete/": "marketing",
    "{why}decide/": "marketing",
    f"{LISTS}lists/TEXANS/preview/": "marketing",
    f"{LISTS}rule-builder/": "marketing",
    "{ada}edit-contact-information/": "clerk",
    f"{CRM360}create-new-constituent/k1/name/": "clerk",
    f"{CRM360}create-new-constituent/k1/review/": "clerk",
    "{ada}edit-details/": "clerk",
    "{ada}gifts/add/": "clerk",
    "{gift}": "clerk",
    "{gift}remove/": "clerk",
    f"{LISTS}create/": "marketing",
    f"{LISTS}lists/TEXANS/definition/change/": "marketing",
    f"{LISTS}lists/TEXANS/optional-information/": "marketing",
    f"{JOBS}run-mkt510/": "marketing",
    f"{JOBS}run-mkt600/": "marketing",
    "{run}cancel/": "marketing",
    "{run}run-failed-again/": "marketing",
    f"{JOBS}set-up-codes/create/": "marketing",
    f"{JOBS}set-up-codes/codes/DAILY/": "marketing",
    f"{JOBS}set-up-codes/codes/DAILY/run/": "marketing",
    f"{JOBS}set-up-codes/codes/MONTHLY/delete/": "marketing",
    f"{SCHEDULING}create/MKT600/": "marketing",
    "{schedule}change/": "marketing",
    "{schedule}pause/": "marketing",
    "{schedule}resume/": "marketing",
    "{schedule}run-now/": "marketing",
    "{schedule}delete/": "marketing",
    f"{VIEW}add/": "",
    "{field}": "",
    "{field}move/": "",
    "{field}remove/": "",
    f"{TOKENS}create/": "",
    "{token}revoke/": "",
}


@pytest.fixture
def paths(association: Association) -> dict[str, str]:
    create_token("Power BI")
    schedule = scheduled("WEEKLY", now=timezone.now())
    return {
        "ada": f"{CRM360}{association.ada.pk}/",
        "why": f"{LISTS}lists/TEXANS/members/{association.ada.pk}/",
        "gift": f"{CRM360}{association.ada.pk}/gifts/{association.ada.gifts.get().pk}/",
        "run": f"{JOBS}runs/{association.first_run.pk}/",
        "schedule": f"{SCHEDULING}schedules/{schedule.pk}/",
        "field": f"{VIEW}{PersonalizationField.objects.earliest('id').pk}/",
        "token": f"{TOKENS}{ApiToken.objects.get().pk}/",
    }


@pytest.fixture
def people(reader: Client, clerk: Client, marketer: Client, administrator: Client) -> dict[str, Client]:
    return {"reader": reader, "clerk": clerk, "marketing": marketer, "administrator": administrator}


def test_every_address_of_the_site_is_in_these_tables(paths: dict[str, str]) -> None:
    """A page that is added later must say who may see it."""
    named = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    ours = {name for name in named if not name.startswith(("account_", "socialaccount_"))} - {
        "livez",
        "data-service",
    }
    from django.urls import resolve

    tested = {resolve(path.format(**paths)).url_name for path in (*READ, *FORMS, *ACTIONS)}
    assert ours == tested


def test_without_signing_in_every_page_and_action_leads_to_the_sign_in_page(
    client: Client, paths: dict[str, str]
) -> None:
    for path in (*READ, *FORMS):
        assert client.get(path.format(**paths)).url.startswith("/accounts/login/"), path
    for path in ACTIONS:
        assert client.post(path.format(**paths)).url.startswith("/accounts/login/"), path


def test_whoever_is_signed_in_may_read(people: dict[str, Client], paths: dict[str, str]) -> None:
    for path in READ:
        for name, person in people.items():
            assert person.get(path.format(**paths)).status_code in {200, 286}, (path, name)


def test_someone_whose_account_was_closed_is_signed_out(association: Association, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("former")
    client = signed_in_as(user)
    assert client.get(CRM360).status_code == 200
    user.is_active = False
    user.save()
    assert client.get(CRM360).status_code == 302


def test_each_form_opens_for_its_role_and_the_administrator_alone(
    people: dict[str, Client], paths: dict[str, str]
) -> None:
    for path, role in FORMS.items():
        for name, person in people.items():
            expected = 200 if name in {role, "administrator"} else 403
            assert person.get(path.format(**paths), follow=True).status_code == expected, (path, name)


def test_each_action_is_refused_to_everyone_but_its_role_and_changes_nothing(
    people: dict[str, Client], paths: dict[str, str]
) -> None:
    before = state()
    for path, role in ACTIONS.items():
        for name, person in people.items():
            if name not in {role, "administrator"}:
                assert person.post(path.format(**paths), VALID.get(path, {})).status_code == 403, (path, name)
    assert state() == before


def test_no_action_is_a_get(people: dict[str, Client], paths: dict[str, str]) -> None:
    both = {f"{LISTS}lists/TEXANS/optional-information/", f"{LISTS}lists/UNBUILT/delete/"}
    for path in ACTIONS.keys() - FORMS.keys() - both:
        assert people["administrator"].get(path.format(**paths)).status_code == 405, path


def test_every_action_needs_the_token_against_forged_requests(
    paths: dict[str, str], django_user_model: Any
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(
        django_user_model.objects.create_superuser("boss"), backend="django.contrib.auth.backends.ModelBackend"
    )
    before = state()
    for path in ACTIONS:
        assert strict.post(path.format(**paths), VALID.get(path, {})).status_code == 403, path
    assert state() == before


SCHEDULE = {"unit": "DAILY", "every": 1, "times": "02:00", "begin": "2026-12-01", "time_zone": "UTC"}
VALID: dict[str, dict[str, object]] = {
    f"{LISTS}lists/TEXANS/copy/": {"code": "COPY", "name": "Copy"},
    f"{LISTS}lists/UNBUILT/delete/": {"code": "UNBUILT"},
    "{why}decide/": {"decision": "in", "reason": "because"},
    "{ada}edit-contact-information/": {"version": 1, "allow_solicitation": "no", "allow_email": "no"},
    f"{LISTS}lists/TEXANS/optional-information/": {"frequency": "WEEKLY"},
    f"{JOBS}run-mkt510/": {"list_code": "TEXANS"},
    f"{JOBS}run-mkt600/": {"setup_code": "DAILY"},
    f"{JOBS}set-up-codes/create/": {"code": "BUILD", "job": "MKT510", "list_code": "TEXANS"},
    f"{JOBS}set-up-codes/codes/DAILY/": {"frequency": "DAILY", "list_code": "TEXANS"},
    f"{SCHEDULING}create/MKT600/": SCHEDULE | {"setup_code": "DAILY"},
    "{schedule}change/": SCHEDULE | {"version": 1},
    "{field}move/": {"place": 2},
    f"{TOKENS}create/": {"name": "Another"},
}


def state() -> list[object]:
    """Everything that the actions could change."""
    return [
        list(EmailAddress.objects.order_by("id").values_list("do_not_solicit", "constituent__version")),
        list(Gift.objects.values_list("amount")),
        list(MarketingList.objects.order_by("id").values_list("code", "frequency", "modified_at")),
        list(JobRun.objects.order_by("id").values_list("id", "state", "cancelled_by")),
        list(SetupCode.objects.values_list("code", "job", "frequency", "list_code")),
        list(JobSchedule.objects.values_list("setup_code_id", "rule", "enabled", "next_at", "version")),
        list(PersonalizationField.objects.values_list("name", "label", "position")),
        list(ApiToken.objects.values_list("name", "revoked_at")),
    ]
