"""Rows set aside and lists missing at source, on their pages (B7, S29)."""

from __future__ import annotations

import csv
import re

import pytest
from django.test import Client

from rollkeeper.marketing.sync_runs.models import SetAsideRow, SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.marketing.target_groups.set_aside_words import TO_DO, words_of
from rollkeeper.sync.set_aside import Reason
from tests.marketing.pages.population import SET_ASIDE, Population
from tests.marketing.pages.test_pages import text_of


def of_group(population: Population, rest: str = "") -> str:
    return f"/subscribers/target-groups/{population.held.pk}/{rest}"


def test_rows_set_aside_now_are_listed_with_reason_advice_and_what_is_kept(
    population: Population, reader: Client
) -> None:
    text = text_of(reader.get(of_group(population, "set-aside/")))
    assert f"{len(SET_ASIDE)} rows of Lapsed in the last year" in text
    assert "130 The row does not say whether e-mail is allowed. Set Allow Email to Yes or No" in text
    assert "1 The row has no customer id" in text
    only = text_of(reader.get(of_group(population, "set-aside/?reason=no_permission")))
    assert f"stays a member with the data of run {population.first_run.pk}" in only
    assert "Not a member" in only
    assert f"Run {population.held_run.pk}" in only
    assert "Invalid: our check" in only


def test_all_rows_are_reached_by_paging(population: Population, reader: Client) -> None:
    seen, here = 0, "set-aside/"
    while here:
        page = reader.get(of_group(population, here)).content.decode()
        seen += page.count("row-as-it-came")
        following = re.search(r'rel="next" href="([^"]+)"', page)
        here = "set-aside/" + following[1].replace("&amp;", "&") if following else ""
    assert seen == len(SET_ASIDE)


def test_rows_of_earlier_runs_are_not_among_them(population: Population, reader: Client) -> None:
    TargetGroup.objects.filter(pk=population.held.pk).update(applied_run=population.first_run.pk)
    assert "Nothing is set aside" in text_of(reader.get(of_group(population, "set-aside/")))


def test_rows_set_aside_now_are_downloaded(population: Population, reader: Client) -> None:
    answer = reader.get(of_group(population, "set-aside.csv"))
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert len(rows) == len(SET_ASIDE)
    assert rows[0]["since_run"] == str(population.held_run.pk)
    assert {row["what_to_do"] for row in rows} == {TO_DO[Reason.NO_PERMISSION], TO_DO[Reason.NO_CUSTOMER_ID]}


def test_sync_again_is_on_the_page(population: Population, marketer: Client) -> None:
    assert "Sync again" in text_of(marketer.get(of_group(population, "set-aside/")))


def test_an_answer_of_the_other_side_is_shown_as_such(population: Population, reader: Client) -> None:
    SetAsideRow.objects.filter(run=population.held_run).update(kind="rejected", reason="Quota exceeded")
    text = text_of(reader.get(of_group(population, "set-aside/")))
    assert "Rejected: the other side&#x27;s answer" in text
    assert "Quota exceeded" in text


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_says_what_is_wrong_and_what_to_do(reason: Reason) -> None:
    words = words_of(reason.value)
    assert words.what.endswith((".", ":"))  # what the other side answered follows a colon
    assert words.to_do.endswith(".")


def test_the_run_s_count_of_rows_set_aside_leads_there(population: Population, reader: Client) -> None:
    page = reader.get(of_group(population)).content.decode()
    assert f'href="{of_group(population, "set-aside/")}"' in page


def test_a_list_gone_from_the_crm_says_since_when_on_the_list_and_its_page(
    population: Population, reader: Client
) -> None:  # S29
    listed = text_of(reader.get("/subscribers/target-groups/?q=OLDEVENT"))
    assert re.search(r"Missing at source since \d+ \w+ \d{4}", listed)
    shown = text_of(reader.get(f"/subscribers/target-groups/{population.missing.pk}/"))
    assert re.search(r"Found gone .*\(2 days ago\)|Found gone .*\(48 h ago\)", shown)
    assert "nothing can be sent to it" in shown
    assert SyncRun.objects.filter(status="waiting").count() == 0
