"""The sample association: coherent, the same every time, with the dirt of real ones (spec/domain.md's rates)."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Any

import pytest
from django.db import connection

from rollkeeper.crm.constituents.models import Constituent, EmailAddress, Membership
from rollkeeper.crm.lists.definition import check_rule
from rollkeeper.crm.lists.models import DefinitionKind, MarketingList
from rollkeeper.crm.personalization.fields import view_fields
from rollkeeper.crm.personalization.profile import mark_everyone_dirty, refresh_profiles
from rollkeeper.crm.sample.generate import SampleRefused, generate
from rollkeeper.crm.sample.lists import NUMBERS, sample_lists
from rollkeeper.sync.member import fingerprint_text, hash_sum
from tests.crm.personalization.profiles import stored_members

pytestmark = [pytest.mark.django_db, pytest.mark.slow]  # each makes an association
TODAY = date(2026, 3, 1)


@pytest.fixture
def small() -> None:
    generate("small", today=TODAY)


def share(where: str, table: str = "profile") -> float:
    """Per cent of the table's rows for which the condition holds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 100.0 * count(*) FILTER (WHERE {where}) / count(*) FROM {table}")
        return float(cursor.fetchone()[0])


def values(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


def test_dirt_is_at_the_rates_of_real_associations(small: None) -> None:
    assert 10 <= share("email IS NULL") <= 15
    assert 3 <= share("email IN (SELECT email FROM profile GROUP BY email HAVING count(*) > 1)") <= 5
    assert 1 <= share(r"email !~ '^[^@ ]+@[^@ ]+\.[^@ ]+$'") <= 2
    for flag in ("allow_solicitation", "allow_email", "do_not_solicit"):
        assert 1 <= share(f"denied_by LIKE '%{flag}%'") <= 6
    assert 1 <= share("status <> 'ACTIVE'", "constituent") <= 8


def test_every_address_is_in_a_domain_that_is_reserved_for_examples(small: None) -> None:
    domains = {address.rpartition("@")[2] for address in EmailAddress.objects.values_list("address", flat=True)}
    reserved = ("example.org", "example.com", "example.net", "example", "")
    assert all(domain.endswith(reserved) for domain in domains)
    deliverable = [domain for domain in domains if "." in domain]
    assert all(domain.endswith(reserved[:3]) for domain in deliverable)


def test_names_are_in_many_scripts(small: None) -> None:
    letters = set("".join(Constituent.objects.values_list("last_name", flat=True)))
    scripts = {unicodedata.name(letter, "").split(" ")[0].split("-")[0] for letter in letters}
    assert {"LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "CJK", "HANGUL", "DEVANAGARI"} <= scripts


def test_ids_are_zero_padded_strings(small: None) -> None:
    ids = Constituent.objects.values_list("master_customer_id", "sub_customer_id")
    assert {len(master) for master, _ in ids} == {8}
    assert {sub for _, sub in ids} == {"0"}


def test_memberships_make_sense(small: None) -> None:
    for term in Membership.objects.all():
        assert term.joined_on <= term.begins_on <= min(term.expires_on, TODAY)
        assert (term.status == "ACTIVE") == (term.expires_on >= TODAY)
    assert values(
        "SELECT max(n) FROM (SELECT count(*) n FROM membership WHERE status='ACTIVE' GROUP BY constituent_id) x"
    ) == [1]
    years = values("SELECT (expires_on - joined_on) / 365 FROM membership WHERE level_code = 'STU'")
    assert max(years) <= 6


def test_profiles_are_there_and_right(small: None) -> None:
    assert len(view_fields()) >= 20
    assert stored_members().num_rows == 5_000
    mark_everyone_dirty()
    assert refresh_profiles(TODAY) == 0


def test_constraints_indexes_and_triggers_are_there_again(small: None) -> None:
    expected = ("email_address_one_primary", "interest_once")
    assert set(values("SELECT indexname FROM pg_indexes")) >= set(expected)
    assert values("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'gift'::regclass") == [1]
    Constituent.objects.filter(master_customer_id="00000001").update(city="Elsewhere")
    assert refresh_profiles(TODAY) == 1
    new = Constituent.objects.create(master_customer_id="A")
    assert new.pk > 5_000


def fingerprint() -> str:
    batch = stored_members()
    return fingerprint_text(hash_sum(batch.column("hash_hi").to_numpy(), batch.column("hash_lo").to_numpy()))


@pytest.mark.django_db(transaction=True)
def test_size_day_and_seed_settle_everything(small: None) -> None:
    first = fingerprint()
    Constituent.objects.all().delete()
    generate("small", today=TODAY)
    assert fingerprint() == first
    Constituent.objects.all().delete()
    generate("small", today=TODAY, seed=1)
    assert fingerprint() != first


def test_a_crm_that_has_constituents_is_left_alone() -> None:
    Constituent.objects.create(master_customer_id="1")
    with pytest.raises(SampleRefused, match="constituents already"):
        generate("small")
    assert Constituent.objects.count() == 1
    assert not MarketingList.objects.exists()


def test_an_unknown_size_is_refused_with_those_there_are() -> None:
    with pytest.raises(SampleRefused, match="small, middle, large"):
        generate("huge")


def test_the_small_association_has_twenty_lists_with_a_rule_or_a_query(small: None) -> None:
    lists = MarketingList.objects.all()
    assert lists.count() == 20
    assert set(lists.values_list("kind", flat=True)) == {DefinitionKind.RULE, DefinitionKind.SQL}
    assert lists.filter(code="ALL").exists()


@pytest.mark.parametrize("size", ["small", "middle", "large"])
def test_every_list_of_a_size_has_a_code_of_its_own_and_a_good_rule(size: str) -> None:
    lists = sample_lists(size, TODAY)
    assert len({found.code for found in lists}) == len(lists) == NUMBERS[size]
    for found in lists[:300]:
        assert (found.rule is None) != (found.sql is None)
        if found.rule is not None:
            check_rule(found.rule)


@pytest.mark.slow
def test_the_middle_association_takes_seconds() -> None:
    made = generate("middle", today=TODAY)
    assert (made.constituents, made.lists) == (50_000, 200)
    assert stored_members().num_rows == 50_000
