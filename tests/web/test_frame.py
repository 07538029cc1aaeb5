"""The frame without a browser: menu, sign-in, error pages, headers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from rollkeeper.web.age import age_in_words

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def ada(client: Client, django_user_model: Any, db: None) -> Client:
    user = django_user_model.objects.create_user("ada", password="correct horse battery")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "60 s ago"),
        (timedelta(minutes=2), "2 min ago"),
        (timedelta(hours=47, minutes=59), "47 h ago"),
        (timedelta(days=59), "59 days ago"),
        (timedelta(days=400), "13 months ago"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_an_age_is_said_in_the_fewest_words(ago: timedelta, words: str) -> None:
    assert age_in_words(NOW - ago, NOW) == words


def test_the_menu_marks_the_page_and_opens_what_leads_to_it(ada: Client) -> None:
    page = ada.get("/components/nothing-yet/").content.decode()
    assert page.count('aria-current="page"') == 1
    assert 'href="/components/nothing-yet/" class="menu-link is-open" aria-current="page"' in page
    assert "<li>Parts</li>" in "".join(page.split("\n")).replace("  ", "")


def test_an_entry_with_a_permission_is_for_those_who_have_it(ada: Client, django_user_model: Any) -> None:
    assert "For administrators" not in ada.get("/").content.decode()
    django_user_model.objects.update(is_superuser=True)
    assert "For administrators" in ada.get("/").content.decode()


def test_every_page_asks_for_a_sign_in(client: Client, db: None) -> None:
    answer = client.get("/components/")
    assert answer.status_code == 302
    assert answer.url == "/accounts/login/?next=/components/"


def test_signing_in_leads_back_to_where_one_was_going(client: Client, django_user_model: Any, db: None) -> None:
    django_user_model.objects.create_user("ada", password="correct horse battery")
    page = client.get("/accounts/login/?next=/components/").content.decode()
    assert 'name="next" value="/components/"' in page
    data = {"login": "ada", "password": "correct horse battery", "next": "/components/"}
    assert client.post("/accounts/login/", data).url == "/components/"


def test_the_sign_in_page_offers_nothing_that_is_not_there(client: Client, db: None) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "/accounts/password/reset/" not in page
    assert "/accounts/signup/" not in page
    assert "Ask your administrator" in page


def test_nobody_signs_up(client: Client, db: None) -> None:
    assert "Accounts are made by an administrator" in client.get("/accounts/signup/").content.decode()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere/", 404, "There is nothing here"),
        ("/secret/", 403, "You may not do this"),
        ("/permissions/?after=x", 400, "makes no sense"),
    ],
)
def test_errors_are_pages_that_say_what_to_do(ada: Client, path: str, status: int, words: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == status
    assert words in answer.content.decode()


def test_a_broken_page_says_that_nothing_was_saved(ada: Client) -> None:
    ada.raise_request_exception = False
    answer = ada.get("/broken/")
    assert answer.status_code == 500
    assert "Nothing that you entered was saved" in answer.content.decode()
    assert "Test site" in answer.content.decode()


def test_pages_allow_no_script_or_style_but_their_own(ada: Client) -> None:
    policy = ada.get("/").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy


def test_an_action_needs_a_post_with_the_page_s_token(django_user_model: Any, db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    user = django_user_model.objects.create_user("ada")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/act/").status_code == 405
    answer = client.post("/act/")
    assert answer.status_code == 403
    assert "This form has grown too old" in answer.content.decode()
    token = client.get("/").context["csrf_token"]
    assert client.post("/act/", {"csrfmiddlewaretoken": str(token)}).status_code == 302
