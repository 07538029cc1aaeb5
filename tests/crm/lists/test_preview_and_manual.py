"""Previews write nothing and say what the regeneration does (B4); decisions by hand survive it (B16)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.changes.state import kept_and_computed
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.manual import decide, take_back
from rollkeeper.crm.lists.models import ListMember, ListVersion, ManualMember, MarketingList
from rollkeeper.crm.lists.preview import preview
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.lists.why import why
from rollkeeper.crm.personalization.profile import refresh_profiles
from tests.crm.lists.naive_rules import TODAY
from tests.crm.lists.people import constituent
from tests.crm.lists.test_regenerate import TEXANS, members
from tests.crm.pages.conftest import marketer, signed_in_as

__all__ = ["marketer", "signed_in_as"]

LISTS = "/marketing-and-communication/list-maintenance/"


def put(marketing_list: MarketingList, person: Constituent, *, is_in: bool) -> None:
    decide(
        marketing_list,
        person,
        is_in=is_in,
        reason="asked by phone",
        author="ada",
        origin="test",
        now=timezone.now(),
    )


def written() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (MarketingList, ListMember, ListVersion)]


@pytest.mark.slow
class APreviewSaysWhatTheRegenerationDoes(TestCase):
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.tuples(st.sets(st.integers(0, 6)), st.dictionaries(st.integers(0, 6), st.booleans())),
            min_size=1, max_size=4,
        )
    )  # fmt: skip
    def test_random_changes_and_decisions(self, steps: list[tuple[set[int], dict[int, bool]]]) -> None:
        people = [constituent(str(number)) for number in range(7)]
        texans = save_list("TX", "Texans", rule=TEXANS, may_be_empty=True)
        decided: dict[int, bool] = {}
        present: set[int] = set()
        for chosen, decisions in steps:
            Constituent.objects.update(state="NY")
            Constituent.objects.filter(master_customer_id__in=[str(n) for n in chosen]).update(state="TX")
            for number, is_in in decisions.items():
                put(texans, people[number], is_in=is_in)
            decided |= decisions
            expected = (chosen | {n for n, is_in in decided.items() if is_in}) - {
                n for n, is_in in decided.items() if not is_in
            }
            before = written()
            seen = preview(MarketingList.objects.get(pk=texans.pk))
            assert written() == before
            assert {person.master_customer_id for person in seen.added_people} == {
                str(n) for n in expected - present
            }
            assert {person.master_customer_id for person in seen.removed_people} == {
                str(n) for n in present - expected
            }
            done = regenerate(texans.pk)
            assert (done.members, done.added, done.removed) == (seen.members, seen.added, seen.removed)
            assert members(texans) == {str(n) for n in expected}
            present = expected
            for number, person in enumerate(people):
                about = why(texans, Constituent.objects.get(pk=person.pk), TODAY)
                assert about.chosen_now is (number in expected)
            refresh_profiles()
            kept, computed = kept_and_computed(texans.pk)
            assert kept == computed, "the facts kept of the list are those of its rows (B1)"


@pytest.mark.django_db
def test_a_preview_of_a_rule_that_is_not_saved_compares_with_the_present_members(marketer: Client) -> None:
    constituent("ana", state="TX", label_name="Ana")
    constituent("ben", state="NY", label_name="Ben")
    texans = save_list("TX", "Texans", rule=TEXANS)
    regenerate(texans.pk)
    before = written()
    built = {
        "name": "X",
        "kind": "rule",
        "g:0": "and",
        "f:0.0": "state",
        "o:0.0": "=",
        "v:0.0": "NY",
        "do": "preview",
    }
    seen = marketer.post(f"{LISTS}lists/TX/definition/change/", built).context["preview"]
    assert [person.label_name for person in seen.added_people] == ["Ben"]
    assert [person.label_name for person in seen.removed_people] == ["Ana"]
    created = marketer.post(f"{LISTS}create/", built | {"code": "NEW", "frequency": "NONE"}).context["preview"]
    assert (created.members, created.added, created.removed) == (1, 1, 0)
    assert written() == before
    page = marketer.post(f"{LISTS}lists/TX/preview/").content.decode()
    assert "0 would come, 0 would go" in " ".join(page.split())


@pytest.mark.django_db
def test_a_preview_of_what_cannot_be_regenerated_says_why(marketer: Client) -> None:
    built = {"name": "X", "kind": "sql", "sql": "DELETE FROM constituents", "do": "preview", "code": "NEW",
             "frequency": "NONE"}  # fmt: skip
    answer = marketer.post(f"{LISTS}create/", built)
    assert answer.context["form"].non_field_errors()
    assert "preview" not in answer.context


@pytest.mark.django_db
def test_whoever_decides_says_why_and_it_is_kept_who_did() -> None:  # B22
    ana = constituent("ana")
    texans = save_list("TX", "Texans", rule=TEXANS)
    for reason in ("", "  ", "x" * 501, "a\x00b"):
        with pytest.raises(ListRefused, match="Say why"):
            decide(texans, ana, is_in=True, reason=reason, author="ada", origin="t", now=timezone.now())
    with pytest.raises(ListRefused, match="merged"):
        put(texans, constituent("old", status="DUPLICATE"), is_in=True)
    put(texans, ana, is_in=True)
    put(texans, ana, is_in=False)
    take_back(texans, ana, author="bob", origin="t", now=timezone.now())
    with pytest.raises(ListRefused, match="Nothing was decided"):
        take_back(texans, ana, author="bob", origin="t", now=timezone.now())
    kept = RecordChange.objects.filter(subject_key="TX", part="member ana-0").order_by("id")
    assert [(each.author, each.changes[0][1:]) for each in kept] == [
        ("ada", [None, "always in"]), ("ada", ["always in", "never in"]), ("bob", ["never in", None]),
    ]  # fmt: skip
    assert not ManualMember.objects.exists()


@pytest.mark.django_db
def test_decisions_go_with_the_constituent_and_with_the_list() -> None:
    ana, ben = constituent("ana"), constituent("ben")
    texans = save_list("TX", "Texans", rule=TEXANS)
    put(texans, ana, is_in=True)
    put(texans, ben, is_in=True)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM constituent WHERE id = %s", [ana.pk])
    assert ManualMember.objects.get().constituent_id == ben.pk
    texans.delete()
    assert not ManualMember.objects.exists()


@pytest.mark.django_db
def test_the_page_decides_and_shows_who_did(marketer: Client) -> None:
    ana = constituent("ana", label_name="Ana")
    texans = save_list("TX", "Texans", rule=TEXANS)
    page = f"{LISTS}lists/TX/members/{ana.pk}/"
    assert marketer.post(f"{page}decide/", {"decision": "in", "reason": "board member"}).url == page
    assert regenerate(texans.pk).members == 1
    shown = " ".join(marketer.get(page).content.decode().split())
    assert "Always in: “board member” (marketing" in shown
    assert "board member" in marketer.get(f"{LISTS}lists/TX/by-hand/").content.decode()
    assert "1 decided by hand" in marketer.get(f"{LISTS}lists/TX/").content.decode()
    for wrong in ({"decision": "in"}, {"decision": "perhaps", "reason": "x"}):
        answer = marketer.post(f"{page}decide/", wrong, follow=True)
        assert "notice-error" in answer.content.decode() or "alert" in answer.content.decode()
    assert ManualMember.objects.get().is_in
    marketer.post(f"{page}decide/", {"decision": "definition"})
    assert not ManualMember.objects.exists()
