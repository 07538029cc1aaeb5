"""Visitors sign in and change their password; every other page of accounts is closed (B22)."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize(
    "page", ["password/reset/", "password/reset/key/1-2/", "password/set/", "email/", "confirm-email/"]
)
def test_pages_that_would_send_mail_are_not_there(client: Client, page: str) -> None:
    assert client.get(f"/accounts/{page}").status_code == 404
    assert client.post(f"/accounts/{page}", {"email": "a@example.org"}).status_code == 404


@pytest.mark.django_db
def test_nobody_signs_up_by_themselves(client: Client) -> None:
    answer = client.post("/accounts/signup/", {"username": "new", "password1": "a-long-enough-one"})
    assert answer.status_code == 200
    assert b"password1" not in answer.content
    assert client.get("/accounts/login/").status_code == 200
