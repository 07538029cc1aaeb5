"""Why someone is in or out: the steps agree with the regeneration, and with a plain evaluation (B5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.lists.rules.explain import Verdict, explain
from rollkeeper.crm.lists.rules.fields import FieldCatalogue
from rollkeeper.crm.lists.why import why
from tests.crm.lists.naive_rules import TODAY, Person, holds
from tests.crm.lists.people import constituent, store
from tests.crm.lists.test_rule_selection import ATTRIBUTES, people, rules
from tests.crm.pages.conftest import reader, signed_in_as

__all__ = ["reader", "signed_in_as"]

TEXANS = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]}


def agrees(verdict: Verdict, rule: dict[str, Any], person: Person) -> None:
    assert verdict.holds is holds(rule, person), rule
    for part, below in zip(verdict.parts, rule.get("rules", ()), strict=True):
        agrees(part, below, person)


@pytest.mark.slow
class EveryStepAgreesWithPlainPython(TestCase):
    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(people, st.lists(rules, min_size=3, max_size=6))
    def test_random_rules_about_a_random_person(self, person: Person, some: list[dict[str, Any]]) -> None:
        row = store(person)
        for rule in some:
            whole = rule if "rules" in rule else {"combinator": "and", "rules": [rule]}
            verdict = explain(whole, FieldCatalogue(ATTRIBUTES), TODAY, row.pk)
            assert verdict is not None
            agrees(verdict, whole, person)


@pytest.mark.django_db
def test_what_is_there_is_shown_beside_each_condition() -> None:
    someone = constituent("1", state="TX")
    someone.gifts.create(fund_code="LIBRARY", amount="5", given_on=TODAY)
    someone.gifts.create(fund_code="ROOF", amount="5", given_on=TODAY)
    rule = {"combinator": "or", "rules": [
        {"field": "state", "operator": "=", "value": "CA"},
        {"field": "gift.fund_code", "operator": "=", "value": "ROOF"},
        {"field": "city", "operator": "=", "value": "Austin"},
    ]}  # fmt: skip
    verdict = explain(rule, FieldCatalogue(), TODAY, someone.pk)
    assert verdict is not None
    assert [(part.holds, part.value) for part in verdict.parts] == [
        (False, "TX"), (True, "LIBRARY, ROOF"), (False, None),
    ]  # fmt: skip


@pytest.mark.django_db
def test_in_as_of_the_last_build_and_out_as_of_now() -> None:  # S15
    ana, ben = constituent("ana", state="TX"), constituent("ben", state="NY")
    texans = save_list("TX", "Texans", rule=TEXANS)
    regenerate(texans.pk)
    Constituent.objects.filter(pk=ana.pk).update(state="NY")
    Constituent.objects.filter(pk=ben.pk).update(state="TX")
    about_ana, about_ben = (why(texans, Constituent.objects.get(pk=each.pk), TODAY) for each in (ana, ben))
    assert (about_ana.is_member, about_ana.chosen_now, about_ana.will_change) == (True, False, True)
    assert (about_ben.is_member, about_ben.chosen_now, about_ben.will_change) == (False, True, True)
    regenerate(texans.pk)
    about_ana = why(texans, Constituent.objects.get(pk=ana.pk), TODAY)
    assert (about_ana.is_member, about_ana.will_change) == (False, False)
    assert [(stay.came, stay.went) for stay in about_ana.stays] == [(1, 2)]
    assert all(stay.came_at and stay.went_at for stay in about_ana.stays)


@pytest.mark.django_db
def test_someone_merged_away_is_out_whatever_the_rule_says() -> None:
    loser = constituent("1", state="TX", status="DUPLICATE")
    found = why(save_list("TX", "Texans", rule=TEXANS), loser, TODAY)
    assert [step.holds for step in found.steps] == [False, True]
    assert not found.chosen_now


@pytest.mark.django_db
def test_imported_ids_say_whether_the_id_is_among_them() -> None:
    one, two = constituent("1"), constituent("2")
    by_ids = save_list("I", "Ids", ids=[("1", "0")])
    assert why(by_ids, one, TODAY).chosen_now
    assert not why(by_ids, two, TODAY).chosen_now


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_query_is_asked_about_the_one_id() -> None:
    one, two = constituent("1", state="TX"), constituent("2", state="NY")
    query = save_list("Q", "Query", sql="SELECT master_customer_id FROM constituents WHERE state LIKE 'T%'")
    assert why(query, one, TODAY).chosen_now
    assert not why(query, two, TODAY).chosen_now


LISTS = "/marketing-and-communication/list-maintenance/"


@pytest.mark.django_db
def test_a_page_says_why_and_the_search_of_members_leads_there(reader: Client) -> None:
    ana = constituent("ana", state="TX", label_name="Ana")
    constituent("ben", state="NY", label_name="Ben")
    texans = save_list("TX", "Texans", rule=TEXANS)
    regenerate(texans.pk)
    Constituent.objects.filter(pk=ana.pk).update(state="NY")
    found = reader.get(f"{LISTS}lists/TX/?q=ben").content.decode()
    assert "Why out" in found
    page = " ".join(reader.get(f"{LISTS}lists/TX/members/{ana.pk}/").content.decode().split())
    assert "The next regeneration removes them." in page
    assert "there: NY" in page
    assert reader.get(f"{LISTS}lists/TX/members/999999/").status_code == 404


@pytest.mark.django_db
def test_the_history_is_drawn_from_the_second_version_on(reader: Client) -> None:
    ana = constituent("ana", state="TX")
    constituent("ben", state="TX")
    texans = save_list("TX", "Texans", rule=TEXANS)
    regenerate(texans.pk)
    assert b"<svg viewBox" not in reader.get(f"{LISTS}lists/TX/history/").content
    Constituent.objects.filter(pk=ana.pk).update(state="NY")
    regenerate(texans.pk)
    page = reader.get(f"{LISTS}lists/TX/history/")
    drawn = page.context["chart"]
    assert (drawn.largest, drawn.most_changed) == (2, 2)
    assert drawn.dots[0][1] < drawn.dots[1][1], "a smaller list is drawn lower"
    assert [(bar.added_height > 0, bar.removed_height > 0) for bar in drawn.bars] == [(True, False), (False, True)]
    assert b"Version 2: 1 members, 0 added, 1 removed" in page.content
