"""Tokens: made once, checked, revoked, never kept."""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from rollkeeper.crm.data_service.models import ApiToken
from rollkeeper.crm.data_service.tokens import TokenNameTaken, check, create_token, revoke, token_in

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_token_opens_as_bearer_and_as_the_password_of_any_user() -> None:
    # B18
    token = create_token("excel")
    for header in (f"Bearer {token}", f"bearer {token}", basic("anyone", token), basic("", token)):
        found = check(header, NOW)
        assert found is not None
        assert found.name == "excel"


def test_the_token_itself_is_nowhere_in_the_database() -> None:
    token = create_token("excel")
    row = ApiToken.objects.get()
    assert token not in repr([getattr(row, field.attname) for field in ApiToken._meta.fields])
    assert len(bytes(row.digest)) == 32


def test_two_tokens_are_never_alike() -> None:
    assert create_token("one") != create_token("two")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer rkt_wrong",
        "Basic not-base64!",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        basic("no password", ""),
        "Digest rkt_wrong",
        "Bearer " + "x" * 10_000,
    ],
)
def test_anything_else_opens_nothing(header: str) -> None:
    create_token("excel")
    assert check(header, NOW) is None


def test_a_password_may_hold_a_colon_and_a_user_may_not() -> None:
    assert token_in(basic("user", "a:b")) == "a:b"


def test_a_revoked_token_opens_nothing_and_its_name_is_free_again() -> None:
    old = create_token("excel")
    assert revoke("excel", NOW)
    assert not revoke("excel", NOW)
    assert check(f"Bearer {old}", NOW) is None
    new = create_token("excel")
    assert check(f"Bearer {old}", NOW) is None
    assert check(f"Bearer {new}", NOW) is not None


def test_a_name_in_use_is_refused() -> None:
    create_token("excel")
    with pytest.raises(TokenNameTaken, match="'excel'"):
        create_token("excel")


def test_use_is_noted_at_most_once_a_minute() -> None:
    header = f"Bearer {create_token('excel')}"
    for at, noted in ((NOW, NOW), (NOW + timedelta(seconds=59), NOW)):
        check(header, at)
        assert ApiToken.objects.get().last_used_at == noted
    check(header, NOW + timedelta(seconds=61))
    assert ApiToken.objects.get().last_used_at == NOW + timedelta(seconds=61)


def test_a_token_is_in_no_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    good, wrong = create_token("excel"), "rkt_a-wrong-token"
    assert client.get("/odata/Constituents", headers={"Authorization": f"Bearer {wrong}"}).status_code == 401
    assert client.get("/odata/Nothing", headers={"Authorization": basic("excel", good)}).status_code == 404
    assert good not in caplog.text
    assert wrong not in caplog.text
