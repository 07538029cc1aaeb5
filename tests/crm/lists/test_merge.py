"""Lists made of lists: who is in, no circle, and their parts before them in a run (B16)."""

from __future__ import annotations

import pytest
from django.db.models import ProtectedError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from rollkeeper.crm.changes.state import kept_and_computed
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import record_run
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.parts import Merge
from rollkeeper.crm.lists.preview import preview
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.lists.why import why
from rollkeeper.crm.personalization.profile import refresh_profiles
from tests.crm.lists.naive_rules import TODAY
from tests.crm.lists.people import constituent
from tests.crm.lists.test_regenerate import members
from tests.crm.pages.conftest import marketer, signed_in_as

__all__ = ["marketer", "signed_in_as"]

LISTS = "/marketing-and-communication/list-maintenance/"


def by_ids(code: str, *numbers: int, frequency: str = "NONE") -> MarketingList:
    """A list of these people, built; of no one it needs someone who is not there."""
    ids = [(str(number), "0") for number in numbers] or [("nobody", "0")]
    made = save_list(code, code, ids=ids, frequency=frequency, may_be_empty=True)
    regenerate(made.pk)
    return made


def merged(code: str, combined: str, excluded: str = "", frequency: str = "NONE") -> MarketingList:
    merge = Merge(tuple(combined.split()), tuple(excluded.split()))
    return save_list(code, code, merge=merge, frequency=frequency, may_be_empty=True)


@pytest.mark.slow
class AMergeIsTheSetsItSays(TestCase):
    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.sets(st.integers(0, 6)), min_size=4, max_size=4),
        st.lists(st.booleans(), min_size=4, max_size=4),
    )
    def test_random_lists(self, sets: list[set[int]], out: list[bool]) -> None:
        out[0] = False
        people = [constituent(str(number)) for number in range(7)]
        for place, inside in enumerate(sets):
            by_ids(f"L{place}", *inside)
        names = {flag: " ".join(f"L{n}" for n, each in enumerate(out) if each is flag) for flag in (True, False)}
        merge = merged("M", names[False], names[True])
        wanted = set().union(*(s for s, each in zip(sets, out, strict=True) if not each))
        wanted -= set().union(*(s for s, each in zip(sets, out, strict=True) if each))
        assert preview(merge).members == len(wanted)
        assert regenerate(merge.pk).members == len(wanted)
        assert members(merge) == {str(number) for number in wanted}
        for number, person in enumerate(people):
            assert why(merge, person, TODAY).chosen_now is (number in wanted)
        refresh_profiles()
        kept, computed = kept_and_computed(merge.pk)
        assert kept == computed


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("combined", "excluded", "words"),
    [
        ("", "A", "at least one list that goes in"),
        ("A GONE", "", "There is no list GONE"),
        ("A B", "B", "B cannot both go in and be kept out"),
        ("M", "", "by way of M"),
        ("A", "N", "by way of N"),
        ("A O", "", "by way of O"),
    ],
)
def test_what_cannot_be_merged_is_refused(combined: str, excluded: str, words: str) -> None:
    for code in "AB":
        by_ids(code)
    merged("M", "A")
    merged("N", "B", "M")
    merged("O", "N")
    with pytest.raises(ListRefused, match=words):
        merged("M", combined, excluded)
    assert [(part.part.code, part.role) for part in MarketingList.objects.get(code="M").parts.all()] == [
        ("A", "combined")
    ]


@pytest.mark.django_db
def test_a_merge_waits_for_the_first_build_of_its_parts() -> None:  # S11
    constituent("1")
    save_list("A", "A", ids=[("1", "0")])
    merge = merged("M", "A")
    with pytest.raises(ListRefused, match="MKT510 has not built A yet"):
        regenerate(merge.pk)
    with pytest.raises(ListRefused, match="MKT510 has not built A yet"):
        preview(merge)


@pytest.mark.django_db
def test_a_run_takes_the_parts_before_the_lists_made_of_them() -> None:  # S12
    one = constituent("1", state="TX")
    texans = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]}
    regenerate(save_list("Z", "Z", rule=texans, frequency="DAILY").pk)
    middle = merged("M", "Z", frequency="DAILY")
    regenerate(middle.pk)
    top = merged("A", "M", frequency="DAILY")
    regenerate(top.pk)
    Constituent.objects.filter(pk=one.pk).update(state="NY")
    constituent("2", state="TX")
    SetupCode.objects.get_or_create(code="DAILY", frequency="DAILY")
    run = perform(record_run("MKT600", setup_code="DAILY", requested_by="ada").pk)
    assert run.state == JobRun.State.COMPLETED
    assert list(run.results.order_by("id").values_list("list__code", flat=True)) == ["Z", "M", "A"]
    assert members(top) == {"2"}, "what changed today went through both merges"


@pytest.mark.django_db
def test_a_list_that_others_are_made_of_stays() -> None:
    part = by_ids("A")
    merge = merged("M", "A")
    with pytest.raises(ProtectedError):
        part.delete()
    merge.delete()
    part.delete()
    assert not MarketingList.objects.exists()


@pytest.mark.django_db
def test_a_list_that_becomes_something_else_forgets_its_parts() -> None:
    by_ids("A")
    merge = merged("M", "A")
    save_list("M", None, ids=[("1", "0")])
    assert not merge.parts.exists()


@pytest.mark.slow
@pytest.mark.django_db
def test_a_merge_is_made_previewed_shown_and_changed_on_its_pages(marketer: Client) -> None:
    constituent("1")
    constituent("2")
    by_ids("A", 1, 2)
    by_ids("B", 2)
    sent = {
        "code": "M",
        "name": "Merge",
        "kind": "merge",
        "combined": "A\r\n",
        "excluded": "B",
        "frequency": "NONE",
    }
    seen = marketer.post(f"{LISTS}create/", sent | {"do": "preview"}).context["preview"]
    assert [person.master_customer_id for person in seen.added_people] == ["1"]
    assert not MarketingList.objects.filter(code="M").exists()
    assert marketer.post(f"{LISTS}create/", sent).status_code == 302
    page = marketer.get(f"{LISTS}lists/M/definition/").content.decode()
    assert "Go in" in page
    assert "Are kept out" in page
    change = f"{LISTS}lists/M/definition/change/"
    assert marketer.get(change).context["form"]["combined"].value() == "A"
    answer = marketer.post(change, {"name": "Merge", "kind": "merge", "combined": "M"})
    assert "by way of M" in answer.content.decode()
    marketer.post(change, {"name": "Merge", "kind": "merge", "combined": "A B"})
    assert MarketingList.objects.get(code="M").parts.count() == 2
