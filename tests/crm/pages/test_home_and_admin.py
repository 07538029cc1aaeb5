"""Home, the personalization view (S25) and API tokens."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.crm.data_service.models import ApiToken
from rollkeeper.crm.data_service.tokens import check
from rollkeeper.crm.jobs.models import JobRun
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.personalization.fields import view_fields
from tests.crm.pages.association import Association

VIEW = "/admin/personalization-view/"
TOKENS = "/admin/api-tokens/"


def text(answer: Any) -> str:
    return unescape(" ".join(answer.content.decode().split()))


def test_home_counts_and_names_what_needs_a_person(association: Association, reader: Client) -> None:
    home = reader.get("/")
    assert home.context["constituents"].number == 4
    assert (home.context["lists"].lists, home.context["lists"].built, home.context["lists"].members) == (3, 1, 2)
    assert [found.code for found in home.context["never_built"]] == ["UNBUILT"], (
        "a list without frequency is no trouble"
    )
    assert home.context["attention"] == 1
    assert [run.pk for run in home.context["runs"]] == [association.first_run.pk]


def test_home_names_lists_that_are_late_or_failed_until_they_are_well(
    association: Association, reader: Client
) -> None:
    MarketingList.objects.filter(code="TEXANS").update(last_regenerated_at=timezone.now() - timedelta(hours=37))
    assert [found.code for found in reader.get("/").context["late"]] == ["TEXANS"]
    rule = association.texans.rule
    MarketingList.objects.filter(code="TEXANS").update(rule={"combinator": "and", "rules": [{"field": "gone"}]})
    perform(JobRun.objects.create(job="MKT510", list_code="TEXANS", requested_by="ada").pk)
    assert [result.list.code for result in reader.get("/").context["failed"]] == ["TEXANS"]
    MarketingList.objects.filter(code="TEXANS").update(rule=rule)
    perform(JobRun.objects.create(job="MKT510", list_code="TEXANS", requested_by="ada").pk)
    home = reader.get("/")
    assert home.context["failed"] == []
    assert list(home.context["late"]) == []


def test_home_says_when_nobody_takes_the_work(association: Association, reader: Client) -> None:
    run = JobRun.objects.create(job="MKT510", list_code="TEXANS", requested_by="ada")
    JobRun.objects.filter(pk=run.pk).update(requested_at=timezone.now() - timedelta(minutes=11))
    assert "Nobody takes the work." in text(reader.get("/"))


def names() -> list[str]:
    return [field.name for field in view_fields()]


def test_a_field_is_added_from_a_source_and_from_an_attribute(
    association: Association, administrator: Client
) -> None:
    answer = administrator.post(f"{VIEW}add/", {"name": "nick", "source": "constituent.nickname"})
    assert "It reaches the marketing site at its next catalog sync." in text(administrator.get(answer.url))  # S25
    administrator.post(f"{VIEW}add/", {"name": "colour", "label": "Favourite colour", "attribute": "colour"})
    assert [(f.name, f.label, f.source) for f in view_fields()[-2:]] == [
        ("nick", "Nickname", "constituent.nickname"), ("colour", "Favourite colour", "attribute:colour"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "x"}, "Choose a source or name an attribute"),
        ({"name": "x", "source": "constituent.city", "attribute": "colour"}, "one of the two"),
        ({"name": "x", "source": "constituent.password"}, "Select a valid choice"),
        ({"name": "city", "source": "constituent.city"}, "The view already has a field 'city'."),
        ({"name": "email", "source": "constituent.city"}, "Every member has a column 'email' already."),
        ({"name": "", "source": "constituent.city"}, "This field is required."),
    ],
)
def test_a_field_that_cannot_be_is_refused(
    association: Association, administrator: Client, sent: dict[str, str], words: str
) -> None:
    before = names()
    answer = administrator.post(f"{VIEW}add/", sent)
    assert words in text(answer)
    assert names() == before


def test_a_field_is_moved_changed_and_removed(association: Association, administrator: Client) -> None:
    first, second, *rest = view_fields()
    administrator.post(f"{VIEW}{first.pk}/move/", {"place": 2})
    assert names()[:2] == [second.name, first.name]
    answer = administrator.post(f"{VIEW}{first.pk}/move/", {"place": 99})
    assert "Not moved" in text(administrator.get(answer.url))
    answer = administrator.post(f"{VIEW}{first.pk}/move/", {"place": "top"})
    assert "Not moved" in text(administrator.get(answer.url))
    administrator.post(f"{VIEW}{first.pk}/", {"label": "Gifts", "source": "gifts.number"})
    changed = view_fields()[1]
    assert (changed.name, changed.label, changed.type, changed.source) == (
        first.name,
        "Gifts",
        "integer",
        "gifts.number",
    )
    assert "This field is required." in text(administrator.post(f"{VIEW}{first.pk}/", {"source": "gifts.number"}))
    administrator.post(f"{VIEW}{first.pk}/remove/")
    assert names() == [second.name, *[field.name for field in rest]]
    assert administrator.post(f"{VIEW}{first.pk}/remove/").status_code == 404


def test_a_token_is_shown_once_opens_the_service_and_can_be_revoked(db: None, administrator: Client) -> None:
    answer = administrator.post(f"{TOKENS}create/", {"name": "Power BI"})
    [token] = set(re.findall(r"rkt_[\w-]+", answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    assert check(f"Bearer {token}", timezone.now()) is not None
    assert token not in administrator.get(TOKENS).content.decode()
    assert "There is a token named 'Power BI'." in text(
        administrator.post(f"{TOKENS}create/", {"name": "Power BI"})
    )
    made = ApiToken.objects.get()
    answer = administrator.post(f"{TOKENS}{made.pk}/revoke/")
    assert "Revoked: Power BI." in text(administrator.get(answer.url))
    assert check(f"Bearer {token}", timezone.now()) is None
    answer = administrator.post(f"{TOKENS}{made.pk}/revoke/")
    assert "had been revoked already" in text(administrator.get(answer.url))


@pytest.mark.parametrize("name", ["", "x" * 101, "a\x07b"])
def test_a_token_needs_a_readable_name(db: None, administrator: Client, name: str) -> None:
    assert administrator.post(f"{TOKENS}create/", {"name": name}).context["form"].errors
    assert not ApiToken.objects.exists()
