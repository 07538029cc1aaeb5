"""The CRM site's pages in a real browser: readable by everyone, light and dark, narrow and wide."""

from __future__ import annotations

import pytest

from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import record_run
from rollkeeper.crm.lists.regenerate import regenerate
from tests.crm.pages.association import associate
from tests.web.browser import Window

pytestmark = pytest.mark.slow

CRM360 = "/customers-and-committees/crm360/"
LISTS = "/marketing-and-communication/list-maintenance/"
JOBS = "/reporting/jobs/"
VIEW = "/admin/personalization-view/"


def test_customers_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = associate()
    for path, picture in (
        ("/", "home"),
        (CRM360, "crm360"),
        (f"{CRM360}?q=ada", "crm360-search"),
        (f"{CRM360}?q=nobody", "crm360-none"),
        (f"{CRM360}{made.ada.pk}/", "constituent"),
        (f"{CRM360}{made.grace.pk}/", "constituent-denied"),
        (f"{CRM360}{made.grace.pk}/permission-history/", "permission-history"),
        (f"{CRM360}{made.ada.pk}/edit-contact-information/", "edit-contact"),
    ):
        desk.examine(path, picture)


def test_lists_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = associate()
    for _ in range(3):
        regenerate(made.texans.pk)
    for path, picture in (
        (LISTS, "lists"),
        (f"{LISTS}?q=nothing", "lists-none"),
        (f"{LISTS}create/", "list-create"),
        (f"{LISTS}lists/TEXANS/", "list-members"),
        (f"{LISTS}lists/UNBUILT/", "list-unbuilt"),
        (f"{LISTS}lists/TEXANS/definition/", "list-definition"),
        (f"{LISTS}lists/BY_IDS/definition/", "list-ids"),
        (f"{LISTS}lists/TEXANS/definition/change/", "list-change"),
        (f"{LISTS}lists/TEXANS/history/", "list-history"),
        (f"{LISTS}lists/TEXANS/?q=0000", "list-members-found"),
        (f"{LISTS}lists/TEXANS/members/{made.ada.pk}/", "list-why"),
        (f"{LISTS}lists/TEXANS/optional-information/", "list-optional"),
    ):
        desk.examine(path, picture)


def test_jobs_and_administration_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = associate()
    skipping = perform(record_run("MKT600", setup_code="DAILY", requested_by="ada").pk)
    for path, picture in (
        (JOBS, "jobs"),
        (f"{JOBS}runs/{made.first_run.pk}/", "job-run"),
        (f"{JOBS}runs/{skipping.pk}/", "job-run-skipping"),
        (VIEW, "view"),
        (f"{VIEW}add/", "field-add"),
        ("/admin/api-tokens/", "tokens"),
    ):
        desk.examine(path, picture)


def test_a_waiting_run_is_readable(desk: Window) -> None:
    run = JobRun.objects.create(job="MKT510", list_code="TEXANS", requested_by="ada")
    desk.examine(f"{JOBS}runs/{run.pk}/", "job-run-waiting")


def test_empty_pages_are_readable(desk: Window) -> None:
    for path in ("/", CRM360, LISTS, JOBS, VIEW, "/admin/api-tokens/"):
        desk.examine(path, "empty" + path.replace("/", "-"))
