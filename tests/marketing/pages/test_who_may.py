"""Who may see and do what (B22): nobody without signing in; actions by permission and by POST alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from rollkeeper.marketing.guard.models import GuardChange, HeldDecision
from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.marketing.pages.population import Population, populate

PAGES = (
    "/",
    "/subscribers/",
    "/subscribers/{person}/",
    "/subscribers/target-groups/",
    "/subscribers/target-groups/{group}/",
    "/subscribers/target-groups/{group}/people/valid/",
    "/admin/setup/bridge-configurations/",
    "/admin/setup/bridge-configurations/{bridge}/",
    "/sync-runs/",
    "/sync-runs/{run}/",
    "/sync-runs/{run}/progress/",
    "/sync-runs/{run}/set-aside.csv",
    "/subscribers/target-groups/{group}/held/",
    "/subscribers/target-groups/{group}/held.csv",
    "/subscribers/target-groups/{group}/set-aside/",
    "/subscribers/target-groups/{group}/set-aside.csv",
    "/subscribers/target-groups/{group}/why/?master=000000000001&sub=0",
    "/sync-runs/previews/{preview}/",
    "/sync-runs/previews/{preview}/progress/",
    "/sync-runs/previews/{preview}/people.csv",
)
SYNC_ACTIONS = (
    "/subscribers/target-groups/refresh/",
    "/subscribers/target-groups/{group}/sync/",
    "/admin/setup/bridge-configurations/{bridge}/refresh/",
)
DECISIONS = (
    "/subscribers/target-groups/{held}/preview/",
    "/subscribers/target-groups/{held}/held/approve/",
    "/subscribers/target-groups/{held}/held/discard/",
    "/subscribers/target-groups/{held}/guard/",
    "/sync-runs/previews/{preview}/apply/",
    "/sync-runs/previews/{preview}/cancel/",
    "/sync-runs/{held_run}/alarm-seen/",
)
CANCEL = "/sync-runs/{run}/cancel/"
BRIDGE_ACTIONS = (
    "/admin/setup/bridge-configurations/{bridge}/change/",
    "/admin/setup/bridge-configurations/{bridge}/test/",
    "/admin/setup/bridge-configurations/{bridge}/fields/{field}/",
    "/admin/setup/bridge-configurations/{bridge}/guard/",
)


@pytest.fixture
def made(db: None) -> Population:
    return populate(people=30, groups=1)


def address(pattern: str, made: Population) -> str:
    return pattern.format(
        person=Subscriber.objects.order_by("id")[0].pk,
        group=made.gold.pk,
        bridge=made.bridge.pk,
        run=made.changing_run.pk,
        held=made.held.pk,
        held_run=made.held_run.pk,
        preview=made.preview.pk,
        field=made.bridge.fields.order_by("id")[0].pk,
    )


@pytest.mark.parametrize("pattern", [*PAGES, *SYNC_ACTIONS, *DECISIONS, CANCEL, *BRIDGE_ACTIONS])
def test_nobody_sees_or_does_anything_without_signing_in(made: Population, pattern: str) -> None:
    runs = SyncRun.objects.count()
    for answer in (Client().get(address(pattern, made)), Client().post(address(pattern, made))):
        assert answer.status_code == 302
        assert answer.url.startswith("/accounts/login/")
    assert SyncRun.objects.count() == runs


@pytest.mark.parametrize("pattern", PAGES)
def test_anyone_signed_in_may_look(made: Population, reader: Client, pattern: str) -> None:
    assert reader.get(address(pattern, made)).status_code in (200, 286)


@pytest.mark.parametrize("pattern", PAGES)
def test_a_page_is_not_posted_to(made: Population, administrator: Client, pattern: str) -> None:
    assert administrator.post(address(pattern, made)).status_code == 405


@pytest.mark.parametrize("pattern", SYNC_ACTIONS)
def test_a_reader_may_not_sync_and_sees_no_button_for_it(made: Population, reader: Client, pattern: str) -> None:
    runs = SyncRun.objects.count()
    assert reader.post(address(pattern, made)).status_code == 403
    assert SyncRun.objects.count() == runs
    page = address(pattern.removesuffix("refresh/").removesuffix("sync/"), made)
    assert 'method="post" action="/subscribers' not in reader.get(page).content.decode()


@pytest.mark.parametrize("pattern", SYNC_ACTIONS)
def test_marketing_staff_may_sync(made: Population, marketer: Client, pattern: str) -> None:
    assert marketer.post(address(pattern, made)).status_code == 302
    assert SyncRun.objects.filter(status=SyncRun.Status.WAITING, requested_by="marketer").count() == 1


@pytest.mark.parametrize("pattern", SYNC_ACTIONS)
def test_looking_never_syncs(made: Population, administrator: Client, pattern: str) -> None:
    runs = SyncRun.objects.count()
    assert administrator.get(address(pattern, made)).status_code == 405
    assert SyncRun.objects.count() == runs


def everything_decided() -> list[list[object]]:
    """All that a decision about a sync may change."""
    models = (SyncRun, Preview, HeldRemoval, HeldDecision, GuardChange, TargetGroup)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


@pytest.mark.parametrize("pattern", DECISIONS)
def test_a_reader_decides_nothing(made: Population, reader: Client, pattern: str) -> None:
    before = everything_decided()
    entered = {"held": str(made.held.count_held), "share": "99", "floor": "99"}
    assert reader.post(address(pattern, made), entered).status_code == 403
    assert everything_decided() == before


@pytest.mark.parametrize("pattern", DECISIONS)
def test_marketing_staff_decides(made: Population, marketer: Client, pattern: str) -> None:
    if "cancel" in pattern:
        Preview.objects.filter(pk=made.preview.pk).update(status=Preview.Status.WAITING)
    before = everything_decided()
    entered = {"held": str(made.held.count_held), "share": "99", "floor": "99"}
    assert marketer.post(address(pattern, made), entered).status_code == 302
    assert everything_decided() != before


@pytest.mark.parametrize("pattern", DECISIONS)
def test_looking_decides_nothing(made: Population, administrator: Client, pattern: str) -> None:
    before = everything_decided()
    assert administrator.get(address(pattern, made)).status_code == (200 if "guard" in pattern else 405)
    assert everything_decided() == before


@pytest.mark.parametrize("pattern", DECISIONS)
def test_a_decision_without_the_token_of_its_page_is_refused(
    made: Population, django_user_model: Any, pattern: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        django_user_model.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend"
    )
    before = everything_decided()
    assert client.post(address(pattern, made), {"held": str(made.held.count_held)}).status_code == 403
    assert everything_decided() == before


@pytest.mark.parametrize(
    "pattern",
    [
        "/",
        "/subscribers/target-groups/{held}/",
        "/subscribers/target-groups/{held}/held/",
        "/subscribers/target-groups/{held}/set-aside/",
        "/sync-runs/{held_run}/",
        "/sync-runs/previews/{preview}/",
        "/admin/setup/bridge-configurations/{bridge}/",
    ],
)
def test_a_reader_sees_no_button(made: Population, reader: Client, pattern: str) -> None:
    page = reader.get(address(pattern, made)).content.decode()
    posts = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page)
    assert set(posts) == {"/accounts/logout/"}
    assert "/guard/" not in page


def test_who_may_sync_may_cancel_and_nobody_else(made: Population, reader: Client, marketer: Client) -> None:
    run = made.changing_run
    SyncRun.objects.filter(pk=run.pk).update(status=SyncRun.Status.RUNNING)
    assert reader.post(address(CANCEL, made)).status_code == 403
    assert marketer.get(address(CANCEL, made)).status_code == 405
    assert not SyncRun.objects.get(pk=run.pk).cancel_requested
    assert "Cancel" not in reader.get(f"/sync-runs/{run.pk}/").content.decode()
    assert "Cancel" in marketer.get(f"/sync-runs/{run.pk}/").content.decode()
    assert marketer.post(address(CANCEL, made)).status_code == 302
    assert SyncRun.objects.get(pk=run.pk).cancel_requested


@pytest.mark.parametrize("pattern", BRIDGE_ACTIONS)
def test_only_an_administrator_configures_a_bridge(made: Population, marketer: Client, pattern: str) -> None:
    before = type(made.bridge).objects.values().get()
    data = {"name": "x", "url": "https://x.example.org/", "account": "x", "default": "x"}
    assert marketer.post(address(pattern, made), data).status_code == 403
    assert type(made.bridge).objects.values().get() == before


def test_a_person_who_was_deactivated_is_out(made: Population, django_user_model: Any) -> None:
    user = django_user_model.objects.create_user("gone", is_staff=True)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    user.is_active = False
    user.save()
    assert client.get("/").status_code == 302


def test_a_post_without_the_token_of_the_page_is_refused_in_the_site_s_look(
    made: Population, django_user_model: Any
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        django_user_model.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend"
    )
    answer = client.post("/subscribers/target-groups/refresh/")
    assert answer.status_code == 403
    assert "This form has grown too old" in answer.content.decode()
