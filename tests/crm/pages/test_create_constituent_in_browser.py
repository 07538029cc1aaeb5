"""S3 and S4 as the document tells them, followed in a browser; and the records clerk's pages, without a mouse too."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from rollkeeper.crm.constituents.effective import effective_permissions
from rollkeeper.crm.constituents.models import Constituent, EmailAddress
from rollkeeper.crm.constituents.permission import set_do_not_solicit
from tests.crm.pages.association import associate
from tests.crm.pages.test_do_not_solicit import tab_to
from tests.web.browser import Window

pytestmark = pytest.mark.slow
CRM360 = "/customers-and-committees/crm360/"


def readable(desk: Window, picture: str) -> None:
    desk.save(picture)
    assert desk.violations() == []


def test_a_new_customer_with_the_allow_email_flag(desk: Window) -> None:  # S3
    associate()
    page = desk.page
    desk.open("/")
    # "To create a new customer in Personify360, navigate to Customers and Committees > CRM360 and click Create New Constituent."
    expect(page.get_by_text("Customers and Committees")).to_be_visible()
    page.get_by_role("link", name="CRM360").click()
    page.get_by_role("link", name="Create New Constituent").click()
    readable(desk, "wizard-name")
    # "Proceed through the necessary steps,"
    page.get_by_label("First name").fill("Katherine")
    page.get_by_label("Last name").fill("Johnson")
    page.get_by_role("button", name="Next").click()
    readable(desk, "wizard-contact")
    page.get_by_label("E-mail address").fill("katherine@example.org")
    page.get_by_role("button", name="Next").click()
    # The document: and when you reach Step 3 (Special Info), set the appropriate Allow Email flag.
    steps = page.get_by_role("list", name="Steps").get_by_role("listitem")
    expect(steps.nth(2)).to_have_text("Special Info")
    expect(steps.nth(2)).to_have_attribute("aria-current", "step")
    decides = page.locator("[data-decides]")
    expect(decides).to_contain_text("May be e-mailed")
    page.get_by_role("group", name="Allow Email").get_by_label("False").check()
    expect(decides).to_contain_text("Allow Email is False.")
    expect(decides).to_contain_text("Not e-mailed")
    readable(desk, "wizard-special-info")
    page.get_by_role("button", name="Next").click()
    readable(desk, "wizard-review")
    assert not Constituent.objects.filter(last_name="Johnson").exists(), "nothing is written before Save"
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Katherine Johnson")
    made = Constituent.objects.get(last_name="Johnson")
    assert (made.master_customer_id, made.allow_email) == ("000000000005", False)
    readable(desk, "wizard-created")
    assert desk.errors == []


def test_no_solicitation_means_no_email(desk: Window) -> None:  # S4
    """ "The Allow Solicitation flag will also control the Allow Email flag." """
    associate()
    page = desk.page
    desk.open(f"{CRM360}create-new-constituent/")
    page.get_by_label("Last name").fill("Vaughan")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    solicitation, email = (page.get_by_role("group", name=name) for name in ("Allow Solicitation", "Allow Email"))
    solicitation.get_by_label("False").check()
    expect(email.get_by_label("False")).to_be_checked()
    expect(page.locator("[data-decides]")).to_contain_text(
        "Allow Solicitation is False, and it controls Allow Email"
    )
    email.get_by_label("True").check()
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("Allow Email cannot be set to True while Allow Solicitation is False")).to_be_visible()
    readable(desk, "wizard-refused")
    email.get_by_label("False").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Save").click()
    made = Constituent.objects.get(last_name="Vaughan")
    assert not effective_permissions([made.pk])[made.pk].allow_email


def test_the_wizard_by_keyboard_alone_with_back_reload_and_the_browsers_own_back(desk: Window) -> None:
    associate()
    page = desk.page
    desk.open(CRM360)
    tab_to(page, "Create New Constituent")
    page.keyboard.press("Enter")
    page.wait_for_url("**/name/")
    page.get_by_label("Last name").focus()
    page.keyboard.type("Lovelace")
    page.get_by_label("First name").focus()
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contact-information/")
    expect(page.get_by_text("This one may be there already.")).to_be_visible()
    readable(desk, "wizard-duplicate")
    page.get_by_label("City").focus()
    page.keyboard.type("Lon")
    tab_to(page, "Back")
    page.keyboard.press("Enter")
    page.wait_for_url("**/name/")
    expect(page.get_by_label("First name")).to_have_value("Ada")
    page.reload()
    expect(page.get_by_label("First name")).to_have_value("Ada")
    page.get_by_label("First name").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/contact-information/")
    expect(page.get_by_label("City")).to_have_value("Lon")
    page.go_back()
    page.wait_for_url("**/name/")
    expect(page.get_by_label("Last name")).to_have_value("Lovelace")
    page.go_forward()
    page.wait_for_url("**/contact-information/")
    page.get_by_label("City").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/special-info/")
    tab_to(page, "Next")
    page.keyboard.press("Enter")
    page.wait_for_url("**/review/")
    page.reload()
    tab_to(page, "Save")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Created Ada Lovelace")).to_be_visible()
    assert Constituent.objects.filter(last_name="Lovelace").count() == 2
    assert desk.errors == []


def open_email(page: Page) -> None:
    page.locator("summary").get_by_text("Email", exact=True).click()


def test_what_decides_follows_the_wrench_and_the_primary_address(desk: Window) -> None:  # S6
    made = associate()
    page = desk.page
    desk.open(f"{CRM360}{made.ada.pk}/edit-contact-information/")
    decides = page.locator("[data-decides]")
    open_email(page)
    page.locator("summary", has_text="Wrench: ada@example.org").click()
    page.get_by_role("button", name="Do Not Solicit by Email").click()
    expect(decides).to_contain_text("The primary address is marked Do Not Solicit by Email.")
    page.locator("summary", has_text="Wrench: ada@home.example").click()
    page.get_by_role("button", name="Make it the primary address").click()
    expect(page.get_by_text("Marked: the primary address. Not saved yet.").last).to_be_visible()
    expect(decides).to_contain_text("May be e-mailed")
    page.get_by_role("group", name="Allow Solicitation").get_by_label("False").check()
    expect(decides).to_contain_text("Allow Solicitation is False, and it controls Allow Email.")
    page.get_by_role("group", name="Allow Solicitation").get_by_label("True").check()
    page.locator("summary", has_text="Add an address").click()
    page.locator("#id_address_new_0").fill("ada@new.example")
    page.get_by_role("button", name="Add another address").click()
    page.locator("#id_address_new_1").fill("ada@two.example")
    readable(desk, "edit-contact-full")
    assert EmailAddress.objects.filter(constituent=made.ada).count() == 2, "nothing changes before Save (S8)"
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("ada@home.example is now the primary address")).to_be_visible()
    assert EmailAddress.objects.filter(constituent=made.ada).count() == 4
    assert EmailAddress.objects.get(constituent=made.ada, is_primary=True).address == "ada@home.example"
    readable(desk, "constituent-changed")
    assert desk.errors == []


def test_two_people_at_one_record(desk: Window) -> None:
    made = associate()
    page = desk.page
    desk.open(f"{CRM360}{made.ada.pk}/edit-contact-information/")
    open_email(page)
    page.locator("summary", has_text="Add an address").click()
    page.locator("#id_address_new_0").fill("ada@new.example")
    set_do_not_solicit(EmailAddress.objects.get(address="ada@example.org"), True, author="grace", origin="import")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("was changed by someone else while you had it open")).to_be_visible()
    expect(page.get_by_role("cell", name="Do Not Solicit by Email of ada@example.org")).to_be_visible()
    expect(page.locator("#id_address_new_0")).to_have_value("ada@new.example")
    readable(desk, "conflict")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("ada@new.example was added")).to_be_visible()
    assert EmailAddress.objects.get(address="ada@example.org").do_not_solicit
    # The refused first Save is a failed request to the browser, and nothing else went wrong.
    assert [error for error in desk.errors if "409" not in error] == []


def test_the_clerks_pages_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = associate()
    gift = made.ada.gifts.get()
    for path, picture in (
        (f"{CRM360}create-new-constituent/", "new-name"),
        (f"{CRM360}{made.ada.pk}/edit-details/", "edit-details"),
        (f"{CRM360}{made.ada.pk}/memberships/add/", "membership-add"),
        (f"{CRM360}{made.ada.pk}/gifts/{gift.pk}/", "gift-change"),
        (f"{CRM360}{made.ada.pk}/changes/", "changes-none"),
    ):
        desk.examine(path, picture)
    set_do_not_solicit(EmailAddress.objects.get(address="ada@example.org"), True, author="grace", origin="import")
    desk.examine(f"{CRM360}{made.ada.pk}/changes/", "changes")
    desk.examine("/admin/audit/", "audit")
