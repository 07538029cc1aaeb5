"""The document's "Regenerating Marketing Lists", sentence by sentence, with the worker of `up` behind it (S9–S14)."""

from __future__ import annotations

import re
import time
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import Desk
from tests.journeys.up import Up

pytestmark = pytest.mark.slow

CODE = "INSURANCE_B"
TICKED = (
    150.0  # seconds within which a schedule of every minute must have run, on a machine with other things to do
)


def listed(up: Up) -> dict[str, Any]:
    [found] = [found for found in up.command("crm", "lists") if found["code"] == CODE]
    return dict(found)


def make_list(up: Up) -> None:
    rule = up.installation.home / "insurance.json"
    rule.write_text(
        '{"combinator": "and", "rules": [{"field": "last_name", "operator": "beginsWith", "value": "B"}]}'
    )
    up.command("crm", "save-list", CODE, "--name", "Insurance offer", "--rule", str(rule))


def set_the_regeneration_frequency(desk: Desk, frequency: str) -> None:
    """The document's first four steps, and Save."""
    page = desk.page
    desk.menu("Marketing and Communication", "List Maintenance")  # Navigate to … > List Maintenance.
    page.get_by_label("Search lists").fill(CODE)  # Search for the desired list to refresh.
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("row").filter(has_text=CODE).get_by_role("cell").nth(1).dblclick()  # Double click …
    page.get_by_role("link", name="Optional Information").click()  # Click Optional Information.
    desk.look()
    page.get_by_label("Regeneration Frequency").select_option(frequency)  # … menu and select a frequency.
    desk.press("Save")


def run_job(desk: Desk, button: str, label: str, value: str) -> None:
    desk.menu("Reporting", "Jobs")
    form = desk.page.locator("form").filter(has=desk.page.get_by_role("button", name=button, exact=True))
    field = form.get_by_label(label, exact=True)
    if label == "Setup Code":
        field.select_option(value)
    else:
        field.fill(value)
    desk.press(button)
    desk.wait_for_the_run()


def begin_a_schedule(desk: Desk) -> None:
    """Reporting > Job Scheduling > Create New > Search > MKT600 > Select."""
    page = desk.page
    desk.menu("Reporting", "Job Scheduling")  # navigate to Reporting > Job Scheduling.
    page.get_by_role("link", name="Create New").click()  # Click Create New.
    desk.look()
    desk.press("Search")  # Click Search.
    desk.look()
    page.get_by_role("row").filter(has_text="MKT600").get_by_role("cell").nth(1).dblclick()  # Double click MKT600.
    expect(page.get_by_role("row").filter(has_text="MKT600")).to_contain_text("Chosen")
    desk.look()
    desk.press("Select")  # Click Select.
    desk.look()


def open_schedule(desk: Desk, setup_code: str) -> None:
    desk.menu("Reporting", "Job Scheduling")
    desk.page.get_by_role("link", name=setup_code, exact=True).click()
    desk.look()


def test_the_documents_instructions_word_for_word(up: Up, desk: Desk) -> None:
    page = desk.page
    make_list(up)
    desk.sign_in_to_crm()
    set_the_regeneration_frequency(desk, "Weekly")  # S9
    assert listed(up)["frequency"] == "WEEKLY"

    run_job(desk, "Run MKT600", "Setup Code", "WEEKLY")  # before MKT510: skipped, loudly (S11)
    expect(page.get_by_text("Not regenerated:")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=CODE)).to_contain_text("MKT510 has not built this list yet.")
    assert listed(up)["last_regenerated"] is None
    run_job(desk, "Run MKT510", "List Code", CODE)  # "The MKT 510 job must run initially" (S10)
    expect(page.get_by_role("row").filter(has_text=CODE)).to_contain_text("Regenerated")
    assert listed(up)["members"] > 0

    begin_a_schedule(desk)
    page.get_by_label("Setup Code").select_option("WEEKLY")  # Select the Setup Code you wish to schedule …
    page.get_by_label("Weekly", exact=True).check()  # Select the schedule pattern (recurrence rate).
    page.get_by_label("Sunday", exact=True).check()
    begin = date.fromisoformat(page.get_by_label("Begin date").input_value())
    page.get_by_label("End date (optional)").fill((begin - timedelta(days=1)).isoformat())
    expect(page.get_by_text("The End date is before the Begin date.")).to_be_visible()
    page.get_by_label("End date (optional)").fill(
        (begin + timedelta(days=365)).isoformat()
    )  # Add a Begin date (and …
    expect(page.locator(".preview-sentence")).to_have_text("Every week on Sunday at 02:00.")
    expect(page.locator(".preview-runs li")).to_have_count(5)
    desk.press("Save")  # Click Save.
    expect(page.get_by_role("heading", name="MKT600 WEEKLY")).to_be_visible()
    expect(page.get_by_text("that day included").first).to_be_visible()
    desk.look()

    begin_a_schedule(desk)  # "create a separate scheduled job for each of the different setup codes" (S12)
    offered = page.get_by_label("Setup Code").locator("option").all_inner_texts()
    assert not any("WEEKLY" in code for code in offered), "it has its schedule"
    page.get_by_label("Setup Code").select_option("DAILY")
    page.get_by_label("Minutely", exact=True).check()
    expect(page.locator(".preview-sentence")).to_have_text("Every minute.")
    desk.press("Save")

    open_schedule(desk, "WEEKLY")  # "Set up MKT600 jobs to run concurrently" (S13)
    before = listed(up)["version"]
    desk.press("Run now")
    desk.wait_for_the_run()
    expect(page.get_by_role("row").filter(has_text=CODE)).to_contain_text("Regenerated")
    assert listed(up)["version"] == before + 1

    the_worker_ran_it(desk, "DAILY")
    desk.menu("Reporting", "Job Scheduling")
    page.get_by_role("link", name="Week", exact=True).click()
    expect(page.get_by_text("The week as a table")).to_be_visible()
    desk.look()
    open_schedule(desk, "DAILY")
    desk.press("Pause")
    expect(page.get_by_text("It does not run until it is resumed.").first).to_be_visible()
    desk.look()
    assert {found["setup_code"]: found["state"] for found in up.command("crm", "schedules")} == {
        "DAILY": "paused",
        "WEEKLY": "active",
    }


def the_worker_ran_it(desk: Desk, setup_code: str) -> None:
    """Nobody presses anything: the worker's tick makes the run, and it ends well."""
    page = desk.page
    open_schedule(desk, setup_code)
    end = time.monotonic() + TICKED
    done = page.get_by_role("row").filter(has_text=re.compile("Completed"))
    while done.count() == 0:
        assert time.monotonic() < end, page.locator("main").inner_text()
        time.sleep(3)
        page.reload()
    desk.look()
    done.first.get_by_role("link").first.click()
    expect(page.get_by_text(f"Requested by schedule {setup_code}").first).to_be_visible()
    desk.look()
