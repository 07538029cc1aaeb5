"""The login event: fresh lists when ten minutes have passed, and a sign-in that nothing holds up (S18, S19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.models import SyncRun
from tests.marketing.pages.population import make_bridge

pytestmark = pytest.mark.django_db


def sign_in(django_user_model: Any) -> Any:
    django_user_model.objects.create_user("ada", password="correct horse battery")
    return Client().post("/accounts/login/", {"login": "ada", "password": "correct horse battery"})


def last_sync(bridge: Bridge, ago: timedelta | None) -> None:
    Bridge.objects.filter(pk=bridge.pk).update(catalog_synced_at=None if ago is None else timezone.now() - ago)


@pytest.mark.parametrize(("ago", "runs"), [(None, 1), (timedelta(minutes=10), 1), (timedelta(minutes=9), 0)])
def test_a_sign_in_asks_for_lists_when_ten_minutes_have_passed(  # S18
    django_user_model: Any, ago: timedelta | None, runs: int
) -> None:
    last_sync(make_bridge(), ago)
    assert sign_in(django_user_model).url == "/"
    assert SyncRun.objects.filter(event="login", kind="catalog", group=None, requested_by="ada").count() == runs


def test_a_sign_in_asks_nothing_of_a_bridge_that_is_switched_off(django_user_model: Any) -> None:
    bridge = make_bridge()
    last_sync(bridge, None)
    Bridge.objects.update(is_enabled=False)
    sign_in(django_user_model)
    assert not SyncRun.objects.exists()


def test_a_second_sign_in_joins_the_request_that_waits(django_user_model: Any) -> None:
    last_sync(make_bridge(), None)
    sign_in(django_user_model)
    Client().post("/accounts/login/", {"login": "ada", "password": "correct horse battery"})
    assert SyncRun.objects.count() == 1


def test_a_wrong_password_asks_for_nothing(django_user_model: Any) -> None:
    last_sync(make_bridge(), None)
    django_user_model.objects.create_user("ada", password="correct horse battery")
    Client().post("/accounts/login/", {"login": "ada", "password": "wrong"})
    assert not SyncRun.objects.exists()


def test_a_queue_that_is_broken_does_not_keep_anyone_out(  # S18
    django_user_model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    last_sync(make_bridge(), None)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE procrastinate_jobs RENAME TO procrastinate_jobs_gone")
    answer = sign_in(django_user_model)
    assert answer.status_code == 302
    assert answer.url == "/"
    assert not SyncRun.objects.exists()
    assert "could not be requested" in caplog.text
