"""Regeneration: the members are those the definition chooses now, and only changes are written."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import ListMember, ListVersion, MarketingList
from rollkeeper.crm.lists.regenerate import Regeneration, regenerate
from tests.crm.lists.people import constituent

TEXANS = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]}


def members(marketing_list: MarketingList) -> set[str]:
    current = ListMember.objects.filter(list=marketing_list, went=None)
    return set(current.values_list("constituent__master_customer_id", flat=True))


@pytest.mark.django_db
def test_members_come_and_go_by_version() -> None:
    ana, ben, cleo = (constituent(name, state="TX") for name in ("ana", "ben", "cleo"))
    texans = save_list("TX", "Texans", rule=TEXANS)
    assert regenerate(texans.pk) == Regeneration(version=1, members=3, added=3, removed=0)
    Constituent.objects.filter(pk=ben.pk).update(state="NY")
    dora = constituent("dora", state="TX")
    assert regenerate(texans.pk) == Regeneration(version=2, members=3, added=1, removed=1)
    Constituent.objects.filter(pk=ben.pk).update(state="TX")
    assert regenerate(texans.pk) == Regeneration(version=3, members=4, added=1, removed=0)
    stays = ListMember.objects.order_by("pk").values_list("constituent_id", "came", "went")
    assert sorted(stays) == sorted(
        [(ana.pk, 1, None), (ben.pk, 1, 2), (cleo.pk, 1, None), (dora.pk, 2, None), (ben.pk, 3, None)]
    )
    texans.refresh_from_db()
    assert (texans.version, texans.member_count) == (3, 4)


@pytest.mark.django_db
def test_an_unchanged_list_gets_a_version_and_no_member_row_is_written() -> None:  # S15: "as of" moves
    constituent("1", state="TX")
    texans = save_list("TX", "Texans", rule=TEXANS)
    regenerate(texans.pk)
    texans.refresh_from_db()
    first = texans.last_regenerated_at
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctid::text, xmin::text FROM list_member")
        before = cursor.fetchall()
        assert regenerate(texans.pk) == Regeneration(version=2, members=1, added=0, removed=0)
        cursor.execute("SELECT ctid::text, xmin::text FROM list_member")
        assert cursor.fetchall() == before
    texans.refresh_from_db()
    assert first is not None
    assert texans.last_regenerated_at is not None
    assert texans.last_regenerated_at > first
    assert list(ListVersion.objects.order_by("number").values_list("number", "member_count", "added")) == [
        (1, 1, 1),
        (2, 1, 0),
    ]


@pytest.mark.django_db
def test_a_first_build_of_no_one_does_not_count() -> None:  # S11
    texans = save_list("TX", "Texans", rule=TEXANS)
    done = regenerate(texans.pk)
    assert (done.version, done.counts) == (0, False)
    texans.refresh_from_db()
    assert (texans.version, texans.last_regenerated_at) == (0, None)
    assert not ListVersion.objects.exists()


@pytest.mark.django_db
def test_a_first_build_of_no_one_counts_where_the_list_may_be_empty() -> None:  # S11
    texans = save_list("TX", "Texans", rule=TEXANS, may_be_empty=True)
    assert regenerate(texans.pk) == Regeneration(version=1, members=0, added=0, removed=0)


@pytest.mark.django_db
def test_a_list_that_was_built_may_become_empty() -> None:
    one = constituent("1", state="TX")
    texans = save_list("TX", "Texans", rule=TEXANS)
    regenerate(texans.pk)
    Constituent.objects.filter(pk=one.pk).update(state="NY")
    assert regenerate(texans.pk) == Regeneration(version=2, members=0, added=0, removed=1)


@pytest.mark.django_db
def test_the_loser_of_a_merge_is_in_no_list_made_by_rule() -> None:
    constituent("1", state="TX", status="DUPLICATE")
    constituent("2", state="TX", status="INACTIVE")
    everyone = save_list("ALL", "All", rule={"combinator": "and", "rules": []})
    regenerate(everyone.pk)
    assert members(everyone) == {"2"}


@pytest.mark.django_db
def test_only_ids_that_exist_become_members_and_later_ones_join_later() -> None:
    constituent("1")
    constituent("1", "1")
    by_ids = save_list("I", "Ids", ids=[("1", "0"), ("2", "0"), ("01", "0")])
    assert regenerate(by_ids.pk).members == 1
    constituent("2")
    assert regenerate(by_ids.pk) == Regeneration(version=2, members=2, added=1, removed=0)


@pytest.mark.django_db
def test_a_rule_whose_attribute_no_one_has_any_more_chooses_as_if_it_were_missing() -> None:
    one = constituent("1", attributes={"colour": "red"})
    by_rule = save_list("RED", "Red", rule={
        "combinator": "and", "rules": [{"field": "colour", "operator": "=", "value": "red"}],
    })  # fmt: skip
    assert regenerate(by_rule.pk).members == 1
    Constituent.objects.filter(pk=one.pk).update(attributes={})
    assert regenerate(by_rule.pk).members == 0


@pytest.mark.django_db
def test_a_list_that_is_gone_is_refused() -> None:
    with pytest.raises(ListRefused, match="not there"):
        regenerate(999)


@pytest.mark.django_db
def test_a_relative_date_is_of_the_day_of_the_regeneration() -> None:
    constituent("1", attributes={"renews": "2001-01-01"})
    rule = {"combinator": "and", "rules": [{"field": "renews", "operator": "<", "value": "today-30"}]}
    assert regenerate(save_list("R", "Renewals", rule=rule).pk).members == 1


@pytest.mark.django_db(transaction=True)
def test_a_list_is_never_regenerated_twice_at_once() -> None:  # S13
    constituent("1", state="TX")
    texans = save_list("TX", "Texans", rule=TEXANS)
    other = save_list("OTHER", "Other", rule=TEXANS)
    waited, free = threading.Event(), threading.Event()
    results: list[Regeneration] = []

    def run(list_id: int, done: threading.Event) -> None:
        with closing(connection):
            results.append(regenerate(list_id))
        done.set()

    with transaction.atomic():
        first = regenerate(texans.pk)
        same = threading.Thread(target=run, args=[texans.pk, waited])
        different = threading.Thread(target=run, args=[other.pk, free])
        same.start()
        different.start()
        assert free.wait(20), "another list had to wait"
        assert not waited.wait(0.5), "the same list was regenerated meanwhile"
    assert waited.wait(20)
    same.join()
    different.join()
    assert first.version == 1
    assert results[-1] == Regeneration(version=2, members=1, added=0, removed=0)


@pytest.mark.django_db
def test_whoever_deletes_constituents_or_lists_their_members_go_too() -> None:
    for number in range(4):
        constituent(str(number), state="TX")
    texans = save_list("TX", "Texans", rule=TEXANS)
    by_ids = save_list("I", "Ids", ids=[("2", "0"), ("3", "0")])
    regenerate(texans.pk)
    regenerate(by_ids.pk)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM constituent WHERE master_customer_id IN ('0', '3')")
    assert (members(texans), members(by_ids)) == ({"1", "2"}, {"2"})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM list_version")
        cursor.execute("DELETE FROM marketing_list WHERE code = 'I'")
    assert not ListMember.objects.filter(list_id=by_ids.pk).exists()
    assert not by_ids.imported_ids.exists()
    texans.delete()
    assert not ListMember.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_constituent_deleted_during_a_regeneration_is_no_member_after_it() -> None:
    gone = constituent("1", state="TX")
    constituent("2", state="TX")
    texans = save_list("TX", "Texans", rule=TEXANS)
    deleted = threading.Event()

    def delete() -> None:
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("DELETE FROM email_address")
            cursor.execute("DELETE FROM constituent WHERE id = %s", [gone.pk])
        deleted.set()

    with transaction.atomic():
        regenerate(texans.pk)
        thread = threading.Thread(target=delete)
        thread.start()
        assert not deleted.wait(0.5), "the deletion did not wait"
    assert deleted.wait(20)
    thread.join()
    assert members(texans) == {"2"}


class AnyVersionCanBeReadBack(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sets(st.integers(0, 6)), min_size=1, max_size=6))
    def test_random_changes_between_regenerations(self, states: list[set[int]]) -> None:
        for number in range(7):
            constituent(str(number))
        texans = save_list("TX", "Texans", rule=TEXANS, may_be_empty=True)
        for version, inside in enumerate(states, start=1):
            Constituent.objects.update(state="NY")
            Constituent.objects.filter(master_customer_id__in=[str(n) for n in inside]).update(state="TX")
            done = regenerate(texans.pk)
            before = states[version - 2] if version > 1 else set()
            assert done == Regeneration(version, len(inside), len(inside - before), len(before - inside))
        for version, inside in enumerate(states, start=1):
            stays = ListMember.objects.filter(list=texans, came__lte=version).exclude(went__lte=version)
            assert set(stays.values_list("constituent__master_customer_id", flat=True)) == {str(n) for n in inside}
