"""The document's sentences, followed step by step in a browser (S5, S6, S8, S9), with the mouse and without one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from rollkeeper.crm.constituents.models import EmailAddress, PermissionChange
from rollkeeper.crm.lists.models import MarketingList
from tests.crm.pages.association import associate
from tests.web.browser import Window

pytestmark = pytest.mark.slow


def is_marked() -> bool:
    return EmailAddress.objects.get(address="ada@example.org").do_not_solicit


def test_do_not_solicit_by_email_with_the_mouse(desk: Window) -> None:
    associate()
    page = desk.page
    desk.open("/")
    # "navigate to Customers and Committees > CRM360"
    expect(page.get_by_text("Customers and Committees")).to_be_visible()
    page.get_by_role("link", name="CRM360").click()
    # "Search for the desired customer and double-click the result to select."
    page.get_by_label("Search constituents").fill("lovel")
    page.get_by_role("button", name="Search").click()
    row = page.get_by_role("cell", name="Ada Lovelace")
    row.click()
    expect(page.get_by_role("link", name="000000000001-0")).to_be_focused()
    row.dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    # "Edit the contact information, and click to expand the Email section."
    page.get_by_role("link", name="Edit contact information").click()
    page.locator("summary").get_by_text("Email", exact=True).click()
    # "Click the Wrench icon and select Do Not Solicit by Email."
    page.locator("summary", has_text="Wrench: ada@example.org").click()
    page.get_by_role("button", name="Do Not Solicit by Email").click()
    expect(page.get_by_text("Marked: Do Not Solicit by Email. Not saved yet.")).to_be_visible()
    expect(page.get_by_text("1 address is marked. Nothing is changed before Save.")).to_be_visible()
    desk.save("edit-contact-marked")
    assert desk.violations() == []
    assert not is_marked(), "nothing changes before Save (S8)"
    # "Click Save."
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Do Not Solicit by Email of ada@example.org is now True")).to_be_visible()
    expect(page.get_by_text("Not e-mailed").first).to_be_visible()
    assert is_marked()
    change = PermissionChange.objects.get()
    assert (change.changed_by, change.origin, change.old, change.new) == (
        "administrator",
        "CRM360 page",
        False,
        True,
    )
    desk.save("constituent-saved")
    assert desk.errors == []


def test_both_wrench_choices_by_keyboard_alone(desk: Window) -> None:
    associate()
    page = desk.page
    desk.open("/customers-and-committees/crm360/")
    page.keyboard.press("/")
    page.keyboard.type("lovel")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=lovel*")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    open_email_section(page)
    choose(page, "Do Not Solicit by Email")
    expect(page.get_by_text("Marked: Do Not Solicit by Email. Not saved yet.")).to_be_visible()
    choose(page, "Allow Solicitation by Email")  # as it is: the mark is gone
    expect(page.locator("[data-mark-words]")).to_have_count(2)
    expect(page.locator("[data-mark-words]").first).to_be_hidden()
    choose(page, "Do Not Solicit by Email")
    assert not is_marked()
    save(page)
    expect(page.get_by_text("is now True")).to_be_visible()
    assert is_marked()
    open_email_section(page)
    choose(page, "Allow Solicitation by Email")  # S6
    save(page)
    expect(page.get_by_text("is now False")).to_be_visible()
    assert not is_marked()
    assert desk.errors == []


def tab_to(page: Page, words: str) -> None:
    """Press Tab until the focus is on what has these words."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if str(page.evaluate("document.activeElement.textContent")).strip().startswith(words):
            return
    raise AssertionError(f"Tab never reaches {words!r}")


def open_email_section(page: Page) -> None:
    tab_to(page, "Edit contact information")
    page.keyboard.press("Enter")
    page.wait_for_url("**/edit-contact-information/")
    tab_to(page, "Email")
    page.keyboard.press("Enter")


def choose(page: Page, words: str) -> None:
    """Open the wrench (the focus comes back to it) and choose with Tab and Enter."""
    if not str(page.evaluate("document.activeElement.textContent")).strip().startswith("Wrench"):
        tab_to(page, "Wrench: ada@example.org")
    page.keyboard.press("Enter")
    tab_to(page, words)
    page.keyboard.press("Enter")
    assert str(page.evaluate("document.activeElement.textContent")).strip() == "Wrench: ada@example.org"


def save(page: Page) -> None:
    tab_to(page, "Save")
    page.keyboard.press("Enter")
    page.wait_for_url("**/crm360/*/")


def test_a_mark_that_was_not_saved_is_gone_with_cancel_and_with_a_new_visit(desk: Window) -> None:
    made = associate()
    page = desk.page
    path = f"/customers-and-committees/crm360/{made.ada.pk}/edit-contact-information/"
    desk.open(path)
    page.locator("summary").get_by_text("Email", exact=True).click()
    page.locator("summary", has_text="Wrench: ada@example.org").click()
    page.get_by_role("button", name="Do Not Solicit by Email").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
    desk.open(path)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing was marked, so nothing was changed.")).to_be_visible()
    assert not is_marked()


def test_the_regeneration_frequency_is_set_as_the_document_says(desk: Window) -> None:  # S9
    associate()
    page = desk.page
    desk.open("/")
    expect(page.get_by_text("Marketing and Communication")).to_be_visible()
    page.get_by_role("link", name="List Maintenance").click()
    page.get_by_label("Search lists").fill("texas")
    page.keyboard.press("Enter")
    page.get_by_role("cell", name="Members in Texas").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Members in Texas")
    page.get_by_role("link", name="Optional Information").click()
    page.get_by_label("Regeneration Frequency").select_option("Weekly")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. Regeneration Frequency: Weekly.")).to_be_visible()
    assert MarketingList.objects.get(code="TEXANS").frequency == "WEEKLY"


def test_a_run_is_watched_to_its_end(desk: Window) -> None:
    from rollkeeper.crm.jobs.models import JobRun
    from rollkeeper.crm.jobs.perform import perform

    associate()
    page = desk.page
    desk.open("/marketing-and-communication/list-maintenance/lists/UNBUILT/")
    page.get_by_role("button", name="Run MKT510").click()
    expect(page.get_by_text("waiting for a worker")).to_be_visible()
    perform(JobRun.objects.latest("id").pk)
    expect(page.get_by_text("Completed", exact=True)).to_be_visible(timeout=15_000)
    expect(page.get_by_role("cell", name="Regenerated")).to_be_visible()
    expect(page.locator("#announcer")).to_contain_text("Completed. 1 list regenerated.")
    expect(page.locator("[hx-trigger]")).to_have_count(0)
    assert desk.errors == []


def test_only_the_field_of_the_chosen_kind_is_shown(desk: Window) -> None:
    associate()
    page = desk.page
    desk.open("/marketing-and-communication/list-maintenance/create/")
    expect(page.get_by_role("group", name="The whole rule")).to_be_visible()
    expect(page.get_by_label("SQL", exact=True)).to_be_hidden()
    page.get_by_label("Made from").select_option("SQL")
    expect(page.get_by_label("SQL", exact=True)).to_be_visible()
    expect(page.get_by_role("group", name="The whole rule")).to_be_hidden()
