"""Syncing from the page, watched without a reload (S21, S23); and all of it by keyboard."""

from __future__ import annotations

import pytest
from django.utils import timezone

from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.marketing.pages.population import Population, populate
from tests.web.browser import Window

pytestmark = pytest.mark.slow


@pytest.fixture
def made(transactional_db: None) -> Population:
    return populate(people=60, groups=3)


def test_a_sync_is_asked_for_watched_and_its_result_appears(made: Population, desk: Window) -> None:
    page, group = desk.page, made.never_synced
    desk.open(f"/subscribers/target-groups/{group.pk}/")
    page.get_by_role("button", name="Sync Target Group", exact=True).click()
    page.get_by_text("waiting for a worker").wait_for()
    assert page.get_by_role("button", name="Sync Target Group").count() == 0
    run = SyncRun.objects.get(status="waiting")
    running = {
        "status": "running",
        "phase": "Receiving members",
        "rows_received": 617,
        "started_at": timezone.now(),
    }
    SyncRun.objects.filter(pk=run.pk).update(**running)
    page.get_by_text("Receiving members · 617 rows received").wait_for()
    assert page.get_by_label("Rows received").get_attribute("value") == "617"
    page.evaluate("window.stayed = true")
    SyncRun.objects.filter(pk=run.pk).update(
        status="completed", mode="full", added=1234, received=1234, finished_at=timezone.now()
    )
    TargetGroup.objects.filter(pk=group.pk).update(
        synced_at=timezone.now(), synced_list_as_of=timezone.now(), count_members=1234, count_receiving=1200
    )
    page.get_by_role("button", name="Resync Target Group").wait_for()
    assert page.locator(".funnel-count").first.inner_text() == "1,234"
    assert page.evaluate("window.stayed"), "the page was loaded anew"
    assert f"Run {run.pk}: Completed." in page.locator("#announcer").inner_text()
    assert page.locator("[hx-trigger^=every]").count() == 0
    assert desk.errors == []


def test_refresh_target_group_list_shows_the_new_lists_when_they_are_there(made: Population, desk: Window) -> None:
    page = desk.page
    desk.open("/subscribers/target-groups/")
    page.get_by_role("button", name="Refresh Target Group List").click()
    page.get_by_text("waiting for a worker").wait_for()
    TargetGroup.objects.create(bridge=made.bridge, code="AAA", name="A list that is new")
    SyncRun.objects.filter(status="waiting").update(status="completed", finished_at=timezone.now())
    page.get_by_text("A list that is new").wait_for()
    assert desk.errors == []


def test_a_failed_run_says_why_and_leaves_the_button(made: Population, desk: Window) -> None:
    page = desk.page
    desk.open(f"/subscribers/target-groups/{made.gold.pk}/")
    page.get_by_role("button", name="Resync Target Group").click()
    page.get_by_text("waiting for a worker").wait_for()
    SyncRun.objects.filter(status="waiting").update(
        status="failed", message="The CRM did not answer.", finished_at=timezone.now()
    )
    page.get_by_text("The last sync failed; the target group is as it was.").wait_for()
    assert page.get_by_role("button", name="Resync Target Group").is_visible()


def test_held_removals_are_approved_only_after_a_question(made: Population, desk: Window) -> None:
    page = desk.page
    desk.open(f"/subscribers/target-groups/{made.held.pk}/held/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Approve").click()
    assert not SyncRun.objects.filter(status="waiting").exists()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("waiting for a worker").wait_for()
    assert SyncRun.objects.get(status="waiting").approve_held


def test_from_home_to_a_person_by_keyboard_alone(made: Population, desk: Window) -> None:
    page = desk.page
    desk.open("/subscribers/target-groups/")
    page.keyboard.press("/")
    page.keyboard.type("gold")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=gold")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Gold members, all chapters").wait_for()
    reach(desk, "− 6 no address")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/has_address/?lost=1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("The CRM has no primary e-mail address for this person").wait_for()


def reach(desk: Window, words: str) -> None:
    """Press Tab until the element with these words has the focus; each stop on the way must show its focus."""
    for _ in range(60):
        desk.page.keyboard.press("Tab")
        here = desk.page.evaluate(
            "({ words: document.activeElement.textContent.trim(),"
            " outline: getComputedStyle(document.activeElement).outlineStyle })"
        )
        assert here["outline"] == "solid", here
        if here["words"] == words:
            return
    raise AssertionError(f"{words} is not reached by Tab")
