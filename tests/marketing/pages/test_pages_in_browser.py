"""The marketing site's pages in a real browser, with people in them."""

from __future__ import annotations

import pytest

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SyncRun
from tests.marketing.pages.population import make_bridge, populate
from tests.web.browser import Window

pytestmark = pytest.mark.slow


def test_every_page_is_readable_light_dark_narrow_and_wide(desk: Window) -> None:
    made = populate()
    person = Subscriber.objects.get(master_customer_id="000000000013")
    field = made.bridge.fields.get(name="ExpiryDate")
    bridge = f"/admin/setup/bridge-configurations/{made.bridge.pk}/"
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
    ):
        desk.examine(path, picture)


def test_a_running_sync_is_readable(desk: Window) -> None:
    made = populate(people=50, groups=2)
    running = {"status": SyncRun.Status.RUNNING, "phase": "Receiving members", "rows_received": 700}
    SyncRun.objects.create(
        bridge=made.bridge, group=made.gold, kind="audience", event="overnight", requested_by="ada", **running
    )
    desk.examine(f"/subscribers/target-groups/{made.gold.pk}/", "count-details-running")


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
