"""A rule that cannot be meant is refused with a sentence that names what is wrong."""

from __future__ import annotations

import pytest

from rollkeeper.crm.lists.errors import RuleError
from rollkeeper.crm.lists.rules.fields import FieldCatalogue
from rollkeeper.crm.lists.rules.rule import parse_rule
from tests.crm.lists.naive_rules import TODAY


def refusal(rule: object) -> str:
    with pytest.raises(RuleError) as caught:
        parse_rule(rule, FieldCatalogue(["colour"]), TODAY)
    return str(caught.value)


def one(field: object, operator: object, *value: object) -> dict[str, object]:
    condition = {"field": field, "operator": operator}
    if value:
        condition["value"] = value[0]
    return {"combinator": "and", "rules": [condition]}


def test_an_unknown_field_is_named_with_those_there_are() -> None:
    message = refusal(one("sate", "=", "TX"))
    assert "'sate'" in message
    assert "Did you mean 'state'?" in message
    assert "gift.total" in message
    assert "colour" in message


def test_an_unknown_operator_is_named_with_those_there_are() -> None:
    message = refusal(one("state", "like", "TX"))
    assert "'like'" in message
    assert "doesNotContain" in message


@pytest.mark.parametrize("combinator", ["xor", None, 1, "AND NOT"])
def test_an_unknown_combinator_is_named(combinator: object) -> None:
    assert repr(combinator) in refusal({"combinator": combinator, "rules": []})


@pytest.mark.parametrize(
    "rule",
    [None, [], "state = TX", 3, {"rules": []}, {"combinator": "and"}, {"combinator": "and", "rules": {}},
     {"combinator": "and", "rules": ["and"]}, {"combinator": "and", "rules": [], "not": "no"}],
)  # fmt: skip
def test_what_has_not_the_shape_of_a_rule_is_refused(rule: object) -> None:
    assert refusal(rule)


@pytest.mark.parametrize(
    ("field", "operator", "value", "needs"),
    [
        ("membership.expires_on", "<", "30/11/2026", "a date such as"),
        ("membership.expires_on", "<", "2026-02-30", "a date such as"),
        ("membership.expires_on", "<", "today+999999999", "a date such as"),
        ("membership.expires_on", "<", "", "a date such as"),
        ("event.count", "=", "1.5", "a whole number"),
        ("event.count", "=", True, "a whole number"),
        ("gift.total", ">", "lots", "a number"),
        ("gift.total", ">", float("nan"), "a number"),
        ("gift.total", ">", float("inf"), "a number"),
        pytest.param("gift.total", ">", 10**5000, "a number", id="thousands of digits"),
        ("allow_email", "=", "maybe", "true or false"),
        ("state", "=", True, "a text"),
        ("state", "=", ["TX"], "a text"),
        ("state", "=", "a\x00b", "a text"),
        ("state", "=", "\ud800", "a text"),
        ("colour", "=", {"a": 1}, "a text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_what_is_needed(
    field: str, operator: str, value: object, needs: str
) -> None:
    message = refusal(one(field, operator, value))
    assert repr(field) in message
    assert needs in message


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        ("gift.total", "contains", "1"),
        ("membership.expires_on", "beginsWith", "2026"),
        ("allow_email", "<", True),
        ("allow_email", "between", [True, False]),
        ("state", "between", ["A"]),
        ("state", "between", "A,B,C"),
        ("state", "in", []),
        ("state", "in", ""),
        ("state", "=", None),
        (None, "=", "x"),
        ("a\x00", "=", "x"),
        ("\ud800", "=", "x"),
        (["state"], "=", "x"),
        ("state", None, "x"),
        ("state", ["="], "x"),
    ],
)
def test_an_operator_without_fitting_field_or_values_is_refused(
    field: object, operator: object, value: object
) -> None:
    assert refusal(one(field, operator, value))


def test_a_condition_without_value_is_refused() -> None:
    assert "For missing values use null" in refusal(one("state", "="))


def test_a_comparison_with_another_field_is_refused_rather_than_misread() -> None:
    condition = {"field": "state", "operator": "=", "value": "city", "valueSource": "field"}
    assert "another field" in refusal({"combinator": "and", "rules": [condition]})


def test_a_rule_too_deep_or_too_long_is_refused() -> None:
    rule: dict[str, object] = {"combinator": "and", "rules": []}
    for _ in range(60):
        rule = {"combinator": "and", "rules": [rule]}
    assert "deep" in refusal(rule)
    many = {"combinator": "and", "rules": [{"field": "state", "operator": "null"}] * 1001}
    assert "conditions" in refusal(many)


def test_what_an_editor_adds_to_a_rule_is_let_pass() -> None:
    condition = {"id": "x1", "field": "state", "operator": "=", "value": "TX", "valueSource": "value"}
    parse_rule({"id": "root", "combinator": "AND", "rules": [condition]}, FieldCatalogue(), TODAY)
