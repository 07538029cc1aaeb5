"""What CRM360's search finds (S5): names and organisations by words, ids with or without zeros, addresses."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.crm.constituents.models import Constituent, ConstituentWord, EmailAddress
from rollkeeper.crm.constituents.search import find, understood
from rollkeeper.crm.constituents.search_ways import Match
from rollkeeper.crm.constituents.search_words import Words
from rollkeeper.crm.sample.load import bulk_loading, copy_in
from rollkeeper.web.paging import Place

pytestmark = pytest.mark.django_db


def person(master: str, first: str = "", last: str = "", **more: Any) -> Constituent:
    return Constituent.objects.create(
        master_customer_id=master,
        first_name=first,
        last_name=last,
        label_name=more.pop("label", f"{first} {last}"),
        **more,
    )


def found(text: str, by: str = "") -> list[str]:
    matches = find(understood(text, by), Place(), 50)
    people = Constituent.objects.in_bulk([match.constituent_id for match in matches])
    return [people[match.constituent_id].master_customer_id for match in matches]


@pytest.fixture
def people() -> None:
    person("000001", "José", "Müller-Lüdenscheidt")
    person("000002", "Łukasz", "Ångström")
    person("000003", "Siobhán", "O’Brien")
    person("000004", "Ἀθηνᾶ", "Παπαδοπούλου")
    person("000005", "Фёдор", "Достоевский")
    person("000006", "太郎", "山田")
    person("000007", "مُحَمَّد", "الأمين")
    person("000008", "Mary Ann", "de la Cruz")
    person("000009", "Straße", "Æsir", organization="Münchner Rück AG")
    person("000010", label="3M Company", record_type="C")
    person("000011", "José", "Ángel", organization="Universidad de São Paulo")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("jose", ["000001", "000011"]),  # accents do not matter, in what is stored …
        ("JÖSË", ["000001", "000011"]),  # … nor in what is typed
        ("jose muller", ["000001"]),
        ("mull jos", ["000001"]),  # any order, each word by its beginning
        ("ludens", ["000001"]),
        ("mullerlud", ["000001"]),  # with or without the hyphen
        ("müller-lüd", ["000001"]),
        ("lukasz angst", ["000002"]),
        ("obrien", ["000003"]),
        ("o'brien", ["000003"]),
        ("O Brien siobhan", ["000003"]),
        ("παπαδοπουλου", ["000004"]),
        ("ΠΑΠΑΔΟΠΟΎΛΟΥ ΑΘΗΝ", ["000004"]),
        ("федор", ["000005"]),
        ("ДОСТ", ["000005"]),
        ("山田", ["000006"]),
        ("太", ["000006"]),
        ("محمد", ["000007"]),
        ("cruz mary", ["000008"]),
        ("ann", ["000008"]),
        ("strasse", ["000009"]),
        ("aesir", ["000009"]),
        ("munch ruck", ["000009"]),  # the organisation
        ("jose paulo", ["000011"]),  # a name and the organisation
        ("jose cruz", []),
        ("ösé", []),  # a word is looked for by its beginning
        ("3m", ["000010"]),  # what could be an id and is a name
        ("3m comp", ["000010"]),
        ("%", []),
        ("jos_", ["000001", "000011"]),  # signs are no letters, and no wildcards
    ],
)
def test_names_and_organisations_are_found_in_every_script(people: None, text: str, ids: list[str]) -> None:
    assert sorted(found(text)) == ids


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("000003", ["000003"]),
        ("3", ["000003", "000010"]),  # leading zeros may be left out; 3M after it
        ("00001", ["000001", "000010", "000011"]),
        ("000003-0", ["000003"]),
        ("3-0", ["000003"]),
        ("3-1", []),
        ("000", [f"{number:06}" for number in range(1, 12)]),  # nobody twice
    ],
)
def test_customer_ids_are_found_with_and_without_their_zeros(people: None, text: str, ids: list[str]) -> None:
    assert found(text) == ids


def test_an_id_with_letters_is_no_ones_twice() -> None:
    person("3M17", label="3M Company")
    assert found("3m") == ["3M17"]
    assert found("3M") == ["3M17"]
    assert found("3M17") == ["3M17"]


def test_what_is_searched_in_can_be_said(people: None) -> None:
    assert found("3", "name") == ["000010"]
    assert found("3", "customer_id") == ["000003"]
    EmailAddress.objects.create(
        constituent=Constituent.objects.get(master_customer_id="000003"), address="jose@x.org"
    )
    assert found("jose", "email") == ["000003"]
    assert found("JOSE@") == ["000003"]


def test_words_follow_every_change_of_a_name(people: None) -> None:
    row = Constituent.objects.get(master_customer_id="000001")
    Constituent.objects.filter(pk=row.pk).update(first_name="Pepe", label_name="")
    assert found("pepe muller") == ["000001"]
    assert found("jose") == ["000011"]
    Constituent.objects.filter(pk=row.pk).update(city="Bonn")
    assert found("pepe muller") == ["000001"]
    row.delete()
    assert found("pepe") == []
    assert not ConstituentWord.objects.filter(constituent_id=row.pk).exists()


def test_words_of_many_at_once_are_kept_too(people: None) -> None:
    Constituent.objects.update(organization="Everyone Ltd")
    assert len(found("everyone ltd")) == 11
    Constituent.objects.all().delete()
    assert not ConstituentWord.objects.exists()


def walked(text: str, size: int) -> tuple[list[Match], list[Match]]:
    """All pages forwards, and all pages backwards from the end, in reading order."""
    search, forwards, place = understood(text, "name"), [], Place()
    while page := find(search, place, size):
        forwards += page
        place = Place(page[-1].key)
    backwards: list[Match] = []
    place = Place(None, backwards=True)
    while page := find(search, place, size):
        backwards = [*reversed(page), *backwards]
        place = Place(page[-1].key, backwards=True)
    return forwards, backwards


LETTERS = st.text("aábcß -'", max_size=6)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(LETTERS, LETTERS), max_size=12),
    st.text("aábcß -'", min_size=1, max_size=5).filter(str.strip),
)
def test_words_find_whom_a_naive_reading_finds_on_every_size_of_page(
    names: list[tuple[str, str]], text: str
) -> None:
    Constituent.objects.all().delete()
    for number, (first, last) in enumerate(names):
        person(f"n{number}", first, last)
    folded = str.maketrans({"á": "a", "ß": "ss", "-": " ", "'": " "})
    terms = text.translate(folded).split()
    expected = set()
    for number, (first, last) in enumerate(names):
        written = f"{first} {last}"
        words = written.translate(folded).split()
        words += written.replace("-", "").replace("'", "").translate(folded).split()
        if terms and all(any(word.startswith(term) for word in words) for term in terms):
            expected.add(f"n{number}")
    forwards, backwards = walked(text, 2)
    masters = {row.pk: row.master_customer_id for row in Constituent.objects.all()}
    assert sorted(masters[match.constituent_id] for match in forwards) == sorted(expected)
    assert [match.constituent_id for match in forwards] == [match.constituent_id for match in backwards]


def test_no_search_reads_or_sorts_everyone(people: None) -> None:
    """The planner is asked, not the clock: what could grow with the association is a walk along an index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
        )
    for text, by in (("jose", ""), ("jo mu", ""), ("3", ""), ("00", ""), ("a@", ""), ("", "")):
        plans: list[str] = []
        with connection.execute_wrapper(explained(plans)):
            find(understood(text, by), Place(), 51)
        assert plans
        for plan in plans:
            assert "Seq Scan" not in plan, plan
            assert "Sort" not in plan, plan


def explained(plans: list[str]) -> Any:
    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if " FROM " in sql:
            execute(f"EXPLAIN {sql}", params, many, context)
            plans.append("\n".join(row[0] for row in context["cursor"].cursor.fetchall()))
        return execute(sql, params, many, context)

    return explain


def test_the_rarest_word_leads() -> None:
    for number in range(30):
        person(f"m{number}", "Maria", f"Name{number}")
    person("z", "Maria", "Zuse")
    matches = Words("maria zuse").matches(0, Place(), 10)
    assert [match.key[1:3] for match in matches] == [(1, "zuse")]


def test_a_bulk_load_without_triggers_fills_the_words() -> None:
    with connection.cursor() as cursor:
        with bulk_loading(cursor):
            cursor.execute("SELECT nextval(pg_get_serial_sequence('constituent', 'id'))")
            template = Constituent(
                id=cursor.fetchone()[0], master_customer_id="000042", first_name="José", last_name="Łuk"
            )
            columns = [column for column in Constituent._meta.concrete_fields if not column.has_db_default()]
            values = {column.name: [column.get_prep_value(getattr(template, column.name))] for column in columns}
            copy_in(cursor, "constituent", pa.table(values | {"attributes": ["{}"]}))
        assert found("luk jose") == ["000042"]
