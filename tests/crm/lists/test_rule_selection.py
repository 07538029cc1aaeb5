"""A compiled rule chooses whom a plain evaluation of it chooses."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from rollkeeper.crm.lists.rules.fields import FieldCatalogue
from rollkeeper.crm.lists.rules.selection import select_by_rule
from tests.crm.lists.naive_rules import TODAY, Person, holds
from tests.crm.lists.people import store

ATTRIBUTES = ("colour", "Größe %s", "id'; --")
LETTERS = "aAbÉéжЖΣσςя漢語ا%_\\'\" -0"

texts = st.text(alphabet=LETTERS, max_size=4)
some_text = st.text(alphabet=LETTERS, min_size=1, max_size=3)
days = st.integers(-4, 4).map(lambda shift: TODAY + timedelta(days=shift))
amounts = st.integers(0, 400).map(lambda cents: Decimal(cents) / 100)

people = st.builds(
    Person,
    master=st.just("?"),
    status=st.sampled_from(["ACTIVE", "INACTIVE", "DUPLICATE"]),
    columns=st.fixed_dictionaries({"first_name": texts, "city": texts}),
    attributes=st.dictionaries(st.sampled_from([*ATTRIBUTES, "city"]), texts, max_size=3),
    allow_email=st.booleans(),
    allow_solicitation=st.booleans(),
    address=st.none() | some_text,
    do_not_solicit=st.booleans(),
    memberships=st.lists(
        st.fixed_dictionaries(
            {
                "level_code": texts,
                "begins_on": days,
                "expires_on": days,
                "auto_renew": st.booleans(),
            }
        ),
        max_size=2,
        unique_by=lambda term: term["expires_on"],
    ),
    registrations=st.lists(st.fixed_dictionaries({"event_code": texts, "event_on": days}), max_size=2),
    gifts=st.lists(st.fixed_dictionaries({"fund_code": texts, "amount": amounts, "given_on": days}), max_size=2),
    interests=st.lists(texts, max_size=2),
)

date_values = days.map(lambda day: day.isoformat()) | st.integers(-4, 4).map(
    lambda shift: "today" if shift == 0 else f"today{shift:+d}"
)
number_values = amounts.map(str) | st.integers(0, 3)


def condition(field: str, operator: str, value: st.SearchStrategy[Any] | None) -> st.SearchStrategy[Any]:
    parts: dict[str, st.SearchStrategy[Any]] = {"field": st.just(field), "operator": st.just(operator)}
    if value is not None:
        parts["value"] = value
    return st.fixed_dictionaries(parts)


def conditions_on(
    field: str, values: st.SearchStrategy[Any], *, text: bool = False, ordered: bool = True
) -> st.SearchStrategy[Any]:
    single = ["=", "!="] + (["<", "<=", ">", ">="] if ordered else [])
    found = [condition(field, operator, values) for operator in single]
    found += [condition(field, operator, None) for operator in ("null", "notNull")]
    found += [
        condition(field, operator, st.lists(values, min_size=1, max_size=3).filter(lambda one: one != [""]))
        for operator in ("in", "notIn")
    ]
    if ordered:
        found.append(condition(field, "between", st.lists(values, min_size=2, max_size=2)))
    if text:
        parts = ("contains", "beginsWith", "endsWith", "doesNotContain")
        found += [condition(field, operator, values) for operator in parts]
    return st.one_of(found)


# An attribute compared with a number is ordered as a number: tested below by example.
worded = texts.filter(lambda text: not text.lstrip("-").isdigit())
conditions = st.one_of(
    *(conditions_on(name, texts, text=True) for name in ("first_name", "email")),
    *(conditions_on(name, worded, text=True) for name in ("city", *ATTRIBUTES)),
    *(
        conditions_on(n, texts, text=True)
        for n in ("membership.level_code", "event.code", "gift.fund_code", "interest")
    ),
    *(conditions_on(name, date_values) for name in ("membership.expires_on", "event.on", "gift.last_on")),
    *(conditions_on(name, number_values) for name in ("gift.total", "total_given")),
    conditions_on("event.count", st.integers(0, 3) | st.sampled_from(["0", "1", "2"])),
    *(
        conditions_on(name, st.sampled_from([True, False, "true", "Y", "N"]), ordered=False)
        for name in ("allow_email", "allow_solicitation", "membership.auto_renew")
    ),
)
rules = st.recursive(
    conditions,
    lambda parts: st.fixed_dictionaries(
        {"combinator": st.sampled_from(["and", "or"]), "rules": st.lists(parts, max_size=3), "not": st.booleans()}
    ),
    max_leaves=6,
)


def chosen(rule: dict[str, Any]) -> set[str]:
    whole = rule if "rules" in rule else {"combinator": "and", "rules": [rule]}
    selection = select_by_rule(whole, FieldCatalogue(ATTRIBUTES), TODAY)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT master_customer_id FROM ({selection.sql}) s JOIN constituent USING (id)",
            selection.parameters,
        )
        found = [master for (master,) in cursor.fetchall()]
    assert len(found) == len(set(found)), "a constituent came twice"
    return set(found)


class RulesAgreeWithPlainPython(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(people, min_size=1, max_size=5), st.lists(rules, min_size=5, max_size=12))
    def test_random_rules_over_random_people(self, everyone: list[Person], some: list[dict[str, Any]]) -> None:
        for number, person in enumerate(everyone):
            person.master = f"{number:08}"
            store(person)
        for rule in some:
            expected = {one.master for one in everyone if one.status != "DUPLICATE" and holds(rule, one)}
            assert chosen(rule) == expected, rule


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("age", "operator", "value", "is_in"),
    [
        ("9", "<", 30, True),  # as numbers: as text, "9" comes after "30"
        ("9", "<", "30", True),
        ("9.5", "between", "9,10", True),
        ("unknown", "<", 30, False),
        ("unknown", ">", 30, False),
        ("09", "=", 9, False),  # equality is of the text
        ("9", "=", 9, True),
        ("2026-11-20", "<", "today", True),
        ("2026-11-20", ">=", "today-3", False),
        ("", "<", 30, False),
    ],
)
def test_an_attribute_is_ordered_by_number_or_day_when_compared_with_one(
    age: str, operator: str, value: object, is_in: bool
) -> None:
    store(Person("1", attributes={"colour": age}))
    assert chosen({"field": "colour", "operator": operator, "value": value}) == ({"1"} if is_in else set())


@pytest.mark.django_db
def test_a_cancelled_registration_counts_for_nothing() -> None:
    registration = {"event_code": "CONF", "event_on": TODAY, "status": "CANCELLED"}
    store(Person("1", registrations=[registration]))
    assert chosen({"field": "event.code", "operator": "=", "value": "CONF"}) == set()
    assert chosen({"field": "event.count", "operator": "=", "value": 0}) == {"1"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        ("membership_level", "Gold", "Silver"),
        ("event_count", 3, 4),
        ("membership_expires_on", "2027-01-31", "today"),
    ],
)
def test_an_imported_column_stands_in_under_a_flat_name(field: str, value: object, other: object) -> None:
    store(Person("1", attributes={field: str(value)}))
    store(Person("2", attributes={field: "2027-02-31"}))  # no day, no number: as if it were not there
    assert chosen({"field": field, "operator": "=", "value": value}) == {"1"}
    assert chosen({"field": field, "operator": "=", "value": other}) == set()
