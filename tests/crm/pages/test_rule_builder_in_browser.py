"""A rule built with the keyboard alone, in a real browser."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.manual import decide
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.parts import Merge
from tests.crm.pages.association import associate
from tests.web.browser import Window

pytestmark = pytest.mark.slow

CREATE = "/marketing-and-communication/list-maintenance/create/"


def test_a_rule_is_built_counted_and_saved_with_the_keyboard(desk: Window) -> None:  # B16
    associate()
    page = desk.page
    page.set_viewport_size({"width": 1440, "height": 900})
    desk.open(CREATE)
    page.get_by_label("Code").fill("EXPIRING")
    page.get_by_label("Name").fill("Expiring soon")
    page.get_by_role("button", name="Add condition").focus()
    page.keyboard.press("Enter")
    field = page.locator("#node-0\\.0")
    expect(field).to_be_visible()
    field.select_option("membership.expires_on")
    operator = page.locator("#operator-0\\.0")
    expect(operator.locator("option", has_text="is in the next")).to_have_count(1)
    operator.select_option("inNextDays")
    days = page.get_by_label("Days", exact=True)
    expect(days).to_be_visible()
    days.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("300")
    expect(page.locator("#rule-result")).to_contain_text("1 constituent would be chosen now")
    expect(page.locator("#rule-result")).to_contain_text("Ada Lovelace")
    page.get_by_role("button", name="Add group").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#group-0\\.1")).to_be_visible()
    page.get_by_role("button", name="Move up: 0.1").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#group-0\\.0")).to_be_visible()
    page.get_by_role("button", name="Remove 0.0").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#group-0\\.0")).to_have_count(0)
    desk.save("rule-builder-built")
    assert desk.violations() == []
    assert not MarketingList.objects.filter(code="EXPIRING").exists(), "nothing is saved before Save"
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Expiring soon")
    assert MarketingList.objects.get(code="EXPIRING").rule == {
        "combinator": "and",
        "rules": [{"field": "membership.expires_on", "operator": "between", "value": ["today", "today+300"]}],
    }
    assert desk.errors == []


def test_the_builder_is_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    associate()
    change = "/marketing-and-communication/list-maintenance/lists/TEXANS/definition/change/"
    desk.examine(change, "rule-builder")
    desk.examine(f"{change}?as=json", "rule-json")


def test_merges_previews_and_copies_are_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = associate()
    lists = "/marketing-and-communication/list-maintenance/lists"
    save_list("MERGE", "Texans and more", merge=Merge(("TEXANS",), ("UNBUILT",)))
    decide(made.texans, made.ada, is_in=True, reason="Board", author="grace", origin="test", now=timezone.now())
    for path, picture in (
        (f"{lists}/MERGE/definition/", "list-merge"),
        (f"{lists}/MERGE/definition/change/", "list-merge-change"),
        (f"{lists}/TEXANS/by-hand/", "list-by-hand"),
        (f"{lists}/TEXANS/members/{made.ada.pk}/", "list-why-by-hand"),
        (f"{lists}/TEXANS/copy/", "list-copy"),
        (f"{lists}/TEXANS/delete/", "list-delete"),
    ):
        desk.examine(path, picture)
    desk.open(f"{lists}/TEXANS/")
    desk.page.get_by_role("button", name="Preview").click()
    expect(desk.page.get_by_role("heading", name="Would come")).to_be_visible()
    desk.save("list-preview")
    assert desk.violations() == []
