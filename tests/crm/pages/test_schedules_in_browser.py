"""Job Scheduling in a real browser: readable by everyone, light and dark, narrow and wide; by keyboard."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import record_run
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.schedules.models import JobSchedule
from tests.crm.pages.association import associate
from tests.crm.pages.scheduling import schedule_all
from tests.crm.schedules.making import make_setup_codes
from tests.web.browser import Window

pytestmark = pytest.mark.slow

SCHEDULING = "/reporting/job-scheduling/"
JOBS = "/reporting/jobs/"


def test_schedules_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = schedule_all()
    for path, picture in (
        (SCHEDULING, "schedules"),
        (f"{SCHEDULING}week/", "schedule-week"),
        (f"{SCHEDULING}week/?from=2001-01-01", "schedule-week-empty"),
        (f"{SCHEDULING}create/", "schedule-create"),
        (f"{SCHEDULING}create/?q=&job=MKT600", "schedule-chosen"),
        (f"{SCHEDULING}create/MKT600/", "schedule-new"),
        (f"{SCHEDULING}schedules/{made['WEEKLY'].pk}/", "schedule"),
        (f"{SCHEDULING}schedules/{made['MONTHLY'].pk}/", "schedule-paused"),
        (f"{SCHEDULING}schedules/{made['MONTHLY'].pk}/change/", "schedule-change"),
        (f"{JOBS}runs/{JobRun.objects.latest('id').pk}/", "job-run-late"),
    ):
        desk.examine(path, picture)
    desk.open(f"{SCHEDULING}create/?q=&job=MKT510&select=yes")  # a refusal, which the browser logs as an error
    assert desk.violations() == []


def test_jobs_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    associate()
    MarketingList.objects.filter(code="TEXANS").update(rule={"combinator": "xor", "rules": []})
    failed = perform(record_run("MKT600", setup_code="DAILY", requested_by="ada").pk)
    for path, picture in (
        (JOBS, "jobs"),
        (f"{JOBS}runs/{failed.pk}/", "job-run-failed"),
        (f"{JOBS}set-up-codes/create/", "setup-code-create"),
        (f"{JOBS}set-up-codes/codes/DAILY/", "setup-code-change"),
    ):
        desk.examine(path, picture)


def test_nothing_scheduled_is_readable(desk: Window) -> None:
    desk.examine(SCHEDULING, "schedules-none")


def test_each_pattern_shows_what_it_uses_and_is_told_as_one_types(desk: Window) -> None:  # S14
    make_setup_codes()
    page = desk.page
    desk.open(f"{SCHEDULING}create/MKT600/")
    said = page.get_by_role("status").filter(has_text="Every")
    expect(said).to_contain_text("Every day at 02:00.")
    for unit, words in (
        ("Minutely", "Every 2 minutes."),
        ("Hourly", "Every 2 hours, on the hour."),
        ("Daily", "Every 2 days at 02:00."),
    ):
        page.get_by_label(unit, exact=True).check()
        page.get_by_label("Every", exact=True).fill("2")
        expect(said).to_contain_text(words)
        assert page.get_by_label("Times of day").is_visible() is (unit == "Daily")
    page.get_by_label("Weekly", exact=True).check()
    expect(page.get_by_text("Choose at least one day of the week.")).to_be_visible()
    page.get_by_label("Monday", exact=True).check()
    page.get_by_label("Thursday", exact=True).check()
    page.get_by_label("Times of day").fill("06:00, 18:30")
    expect(said).to_contain_text("Every 2 weeks on Monday and Thursday at 06:00 and 18:30.")
    expect(said.locator("li")).to_have_count(5)
    page.get_by_label("Monthly", exact=True).check()
    page.get_by_label("On", exact=True).select_option("Day of the week")
    expect(said).to_contain_text("Every 2 months on the first Monday at 06:00 and 18:30.")
    page.get_by_label("On", exact=True).select_option("Last day of the month")
    expect(said).to_contain_text("Every 2 months on the last day at")
    page.get_by_label("Yearly", exact=True).check()
    page.get_by_label("Month", exact=True).select_option("February")
    expect(said).to_contain_text("Every 2 years on the last day of February at")
    assert desk.violations() == []
    today = date.fromisoformat(page.get_by_label("Begin date").input_value())
    page.get_by_label("End date (optional)").fill((today - timedelta(days=1)).isoformat())
    expect(page.get_by_text("The End date is before the Begin date.")).to_be_visible()
    assert desk.violations() == []
    assert desk.errors == []


def test_a_schedule_is_made_by_keyboard_alone(desk: Window) -> None:
    make_setup_codes()
    page = desk.page
    desk.open(SCHEDULING)
    page.get_by_role("link", name="Create New").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/create/")
    page.keyboard.press("/")
    page.keyboard.type("mkt600")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=mkt600*")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**job=MKT600*")
    page.get_by_role("button", name="Select").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/create/MKT600/")
    page.get_by_label("Setup Code").focus()
    page.keyboard.type("WEEKLY")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")  # from Daily to Weekly
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # Monday
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/schedules/*/")
    assert JobSchedule.objects.get().rule == "RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=MO;BYHOUR=2;BYMINUTE=0"
    assert desk.errors == []
