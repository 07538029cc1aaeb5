"""A rule in words."""

from __future__ import annotations

from typing import Any

import pytest

from rollkeeper.crm.lists.rules.rule import Operator
from rollkeeper.crm.lists.rules.sentence import WORDS, as_json, sentence


def condition(field: str, operator: str, value: Any = None) -> str:
    rule = {"combinator": "and", "rules": [{"field": field, "operator": operator, "value": value}]}
    return sentence(rule).parts[0].text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("state", "=", "TX"), "state is “TX”."),
        (("gift.total", ">", "0"), "gift total is more than 0."),
        (("membership.expires_on", "<=", "today+60"), "membership expires on is at most today+60."),
        (("state", "in", "TX, CA"), "state is one of “TX”, “CA”."),
        (("state", "notIn", ["TX", ""]), "state is none of “TX”, empty."),
        (("event.count", "between", [1, 3]), "event count is between 1 and 3."),
        (("allow_email", "=", True), "allow email is true."),
        (("city", "null"), "city is missing."),
        (("attribute:colour", "beginsWith", "b"), "attribute “colour” begins with “b”."),
    ],
)
def test_a_condition_reads_as_a_sentence(given: tuple[Any, ...], words: str) -> None:
    assert condition(*given) == words


def test_every_operator_has_words() -> None:
    assert WORDS.keys() == {operator.value for operator in Operator}


def test_a_long_list_of_values_is_cut_and_counted() -> None:
    assert condition("city", "in", [f"C{number}" for number in range(25)]).endswith("“C19” and 5 more.")


@pytest.mark.parametrize(
    ("combinator", "opposite", "heading", "of_nothing"),
    [
        ("and", False, "All of these hold:", "Everyone."),
        ("and", True, "Not all of these hold:", "No one."),
        ("or", False, "At least one of these holds:", "No one."),
        ("or", True, "None of these holds:", "Everyone."),
    ],
)
def test_a_group_says_how_its_parts_are_joined(
    combinator: str, opposite: bool, heading: str, of_nothing: str
) -> None:
    inner = {"combinator": combinator, "not": opposite, "rules": []}
    assert sentence(inner).text == of_nothing
    outer = sentence({"combinator": combinator, "not": opposite, "rules": [inner]})
    assert (outer.text, outer.parts[0].text) == (heading, of_nothing)


def test_json_for_people_has_its_keys_in_reading_order() -> None:
    rule = {"rules": [{"value": "TX", "id": "7", "operator": "=", "field": "state"}], "combinator": "and"}
    compact = " ".join(as_json(rule).split())
    assert (
        compact
        == '{ "combinator": "and", "rules": [ { "field": "state", "operator": "=", "value": "TX", "id": "7" } ] }'
    )
