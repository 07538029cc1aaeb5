"""The marketing site's pages in a real browser, with people in them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog

from rollkeeper.marketing.guard.limits import Limits, change_limits
from rollkeeper.marketing.guard.models import HeldDecision
from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.marketing.pages.population import make_bridge, populate
from tests.web.browser import Window

pytestmark = pytest.mark.slow


def test_every_page_is_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = populate()
    person = Subscriber.objects.get(master_customer_id="000000000013")
    field = made.bridge.fields.get(name="ExpiryDate")
    bridge = f"/admin/setup/bridge-configurations/{made.bridge.pk}/"
    group = "/subscribers/target-groups/"
    held = made.held.held_removals.order_by("id")[0]
    change_limits(made.gold, Limits(40, 25), changed_by="ada")
    HeldDecision.objects.create(
        group=made.held, held_by_run=made.held_run.pk, people=40, decision="discarded", decided_by="ada"
    )
    for path, picture in (
        ("/", "home"),
        ("/subscribers/", "subscribers"),
        ("/subscribers/?q=m", "subscribers-search"),
        ("/subscribers/?q=zzz", "subscribers-none"),
        (f"/subscribers/{person.pk}/", "subscriber"),
        ("/subscribers/target-groups/", "target-groups"),
        (f"/subscribers/target-groups/{made.gold.pk}/", "count-details"),
        (f"/subscribers/target-groups/{made.held.pk}/", "count-details-held"),
        (f"/subscribers/target-groups/{made.missing.pk}/", "count-details-missing"),
        (f"/subscribers/target-groups/{made.never_synced.pk}/", "count-details-never"),
        (f"/subscribers/target-groups/{made.gold.pk}/people/allowed/?lost=1", "people"),
        ("/admin/setup/bridge-configurations/", "bridges"),
        (bridge, "bridge"),
        (f"{bridge}change/", "bridge-change"),
        (f"{bridge}fields/{field.pk}/", "bridge-field"),
        ("/sync-runs/", "sync-runs"),
        (f"/sync-runs/{made.changing_run.pk}/", "sync-run"),
        (f"/sync-runs/{made.first_run.pk}/", "sync-run-first"),
        (f"/sync-runs/{made.failed_run.pk}/", "sync-run-failed"),
        (f"/sync-runs/{made.held_run.pk}/", "sync-run-held"),
        (f"{group}{made.held.pk}/held/", "held-removals"),
        (f"{group}{made.gold.pk}/held/", "held-removals-none"),
        (f"{group}{made.held.pk}/set-aside/", "set-aside"),
        (f"{group}{made.gold.pk}/guard/", "group-limits"),
        (f"{group}{made.held.pk}/why/?master={held.master_customer_id}&sub=0", "why"),
        (f"{bridge}guard/", "bridge-limits"),
        (f"/sync-runs/previews/{made.preview.pk}/", "preview"),
        (f"/sync-runs/previews/{made.preview.pk}/?people=updated", "preview-updated"),
        (f"/sync-runs/previews/{made.preview.pk}/?people=set_aside", "preview-set-aside"),
    ):
        desk.examine(path, picture)


def test_a_running_sync_is_readable(desk: Window) -> None:
    made = populate(people=50, groups=2)
    running = {"status": SyncRun.Status.RUNNING, "phase": "Receiving members", "rows_received": 700}
    SyncRun.objects.create(
        bridge=made.bridge, group=made.gold, kind="audience", event="overnight", requested_by="ada", **running
    )
    desk.examine(f"/subscribers/target-groups/{made.gold.pk}/", "count-details-running")


def test_a_preview_being_made_is_readable(desk: Window) -> None:
    made = populate(people=50, groups=2)
    waiting = Preview.objects.create(
        bridge=made.bridge, group=made.gold, status="running", phase="Receiving members", requested_by="ada"
    )
    desk.examine(f"/sync-runs/previews/{waiting.pk}/", "preview-running")


def test_held_removals_are_decided_by_keyboard(desk: Window) -> None:
    """Tab reaches each button, Enter presses it, the question can be answered with no."""
    made = populate(people=400, groups=2)
    held = made.held.count_held
    desk.open(f"/subscribers/target-groups/{made.held.pk}/held/")
    questions: list[str] = []

    def answer(dialog: Dialog) -> None:
        questions.append(dialog.message)
        if len(questions) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    desk.page.on("dialog", answer)
    _press(desk, f"Approve {held} removals")
    assert not SyncRun.objects.filter(status="waiting").exists()
    desk.page.keyboard.press("Enter")  # the button still has the focus
    desk.page.wait_for_url(f"**/target-groups/{made.held.pk}/")
    assert questions == [f"Remove {held} people from this target group?"] * 2
    assert SyncRun.objects.get(status="waiting").approve_held
    SyncRun.objects.filter(status="waiting").delete()
    desk.open(f"/subscribers/target-groups/{made.held.pk}/held/")
    _press(desk, "Discard")
    desk.page.wait_for_url(f"**/target-groups/{made.held.pk}/")
    assert TargetGroup.objects.get(pk=made.held.pk).count_held == 0


def _press(desk: Window, label: str) -> None:
    """Walk there by Tab and press Enter."""
    button = desk.page.get_by_role("button", name=label, exact=True)
    for _ in range(80):
        desk.page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    else:
        raise AssertionError(f"Tab does not reach {label}")
    desk.page.keyboard.press("Enter")


def test_a_preview_that_becomes_ready_shows_itself(desk: Window) -> None:
    made = populate(people=50, groups=2)
    found = made.preview
    Preview.objects.filter(pk=found.pk).update(status="running", phase="Receiving members")
    desk.open(f"/sync-runs/previews/{found.pk}/")
    assert desk.page.get_by_text("Receiving members").is_visible()
    Preview.objects.filter(pk=found.pk).update(status="ready", phase="")
    desk.page.get_by_role("button", name="Apply this preview").wait_for()
    assert "Ready" in desk.page.inner_text("#announcer")


def test_empty_pages_are_readable(desk: Window) -> None:
    for path in (
        "/",
        "/subscribers/",
        "/subscribers/target-groups/",
        "/admin/setup/bridge-configurations/",
        "/sync-runs/",
    ):
        desk.examine(path, "empty" + path.replace("/", "-"))
    make_bridge()
    desk.examine("/subscribers/target-groups/", "empty-with-bridge")
