"""The rule builder: what it shows and what is sent back are the same rule; its buttons; nothing saved before Save."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.rules.builder import Fields, view
from rollkeeper.crm.lists.rules.draft import MOST_NODES, Rule, changed, nodes, read
from rollkeeper.crm.lists.rules.fields import FieldCatalogue
from rollkeeper.crm.lists.rules.result import result
from rollkeeper.crm.lists.rules.sentence import sentence
from tests.crm.lists.naive_rules import TODAY
from tests.crm.lists.people import constituent
from tests.crm.lists.test_rule_selection import ATTRIBUTES, rules
from tests.crm.pages.conftest import marketer, signed_in_as

__all__ = ["marketer", "signed_in_as"]

CATALOGUE = FieldCatalogue(ATTRIBUTES)
LISTS = "/marketing-and-communication/list-maintenance/"
BUILDER = f"{LISTS}rule-builder/"
TEXANS: Rule = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]}


class Form(HTMLParser):
    """What a browser would send of the fields on a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: dict[str, list[str]] = {}
        self._select, self._textarea = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        name = has.get("name") or ""
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._textarea = name
            self.sent.setdefault(name, []).append("")
        elif tag == "option" and "selected" in has:
            self.sent.setdefault(self._select, []).append(has["value"] or "")
        elif tag == "input" and name and (has.get("type") != "checkbox" or "checked" in has):
            self.sent.setdefault(name, []).append(
                has.get("value") or ("on" if has.get("type") == "checkbox" else "")
            )

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.sent[self._textarea][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            text = self.sent[self._textarea][-1].removeprefix("\n")
            self.sent[self._textarea][-1] = text.replace("\n", "\r\n")
            self._textarea = ""


def shown(rule: Rule) -> dict[str, list[str]]:
    context = {"rule": view(rule, CATALOGUE), "fields": Fields(CATALOGUE)}
    return Form(render_to_string("lists/rule_builder.html", context)).sent


def plain(rule: Any) -> Any:
    """The rule with every way to write the same value made one."""
    if "rules" in rule:
        parts = [plain(part) for part in rule["rules"]]
        return {"combinator": rule["combinator"], "rules": parts, "not": rule.get("not", False)}
    value = rule.get("value")
    if rule["field"] in {"allow_email", "allow_solicitation", "membership.auto_renew"}:
        flags = [one in {True, "true", "Y"} for one in (value if isinstance(value, list) else [value])]
        value = flags if isinstance(value, list) else flags[0]
    if rule["operator"] in {"null", "notNull"}:
        value = None
    value = [str(one) for one in value] if isinstance(value, list) else str(value)
    return {"field": rule["field"], "operator": rule["operator"], "value": value}


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules)
def test_what_is_shown_is_sent_back_as_the_same_rule(rule: Rule) -> None:
    whole = rule if "rules" in rule else {"combinator": "and", "rules": [rule]}
    assert plain(read(shown(whole), CATALOGUE)) == plain(whole)


def conditions(rule: Rule) -> list[str]:
    return [
        text
        for part in rule["rules"]
        for text in (conditions(part) if "rules" in part else [json.dumps(part, default=str, sort_keys=True)])
    ]


def paths(rule: Rule, path: str = "0") -> list[str]:
    below = [
        each
        for place, part in enumerate(rule["rules"])
        for each in (paths(part, f"{path}.{place}") if "rules" in part else [f"{path}.{place}"])
    ]
    return [path, *below]


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules, st.data())
def test_moving_keeps_every_condition_and_names_where_it_is(rule: Rule, data: st.DataObject) -> None:
    whole = rule if "rules" in rule else {"combinator": "and", "rules": [rule]}
    for _ in range(4):
        path = data.draw(st.sampled_from(paths(whole)))
        verb = data.draw(st.sampled_from(["up", "down"]))
        after = changed(whole, f"{verb}:{path}")
        assert sorted(conditions(after.rule)) == sorted(conditions(whole))
        assert nodes(after.rule) == nodes(whole)
        assert after.path in paths(after.rule)
        whole = after.rule


def named(*names: str) -> list[Rule]:
    return [{"field": name, "operator": "null"} for name in names]


def names(rule: Rule) -> Any:
    return [names(part) if "rules" in part else part["field"] for part in rule["rules"]]


@pytest.mark.parametrize(
    ("action", "expected", "path"),
    [
        ("up:0.1", ["b", "a", ["c", "d"]], "0.0"),
        ("down:0.1", ["a", ["b", "c", "d"]], "0.1.0"),  # into the group below
        ("up:0.2.0", ["a", "b", "c", ["d"]], "0.2"),  # out of the group
        ("down:0.2.1", ["a", "b", ["c"], "d"], "0.3"),
        ("up:0.2", ["a", ["c", "d"], "b"], "0.1"),
        ("up:0.0", ["a", "b", ["c", "d"]], "0.0"),
        ("remove:0.1", ["a", ["c", "d"]], "0.1"),
        ("remove:0.2.1", ["a", "b", ["c"]], "0.2"),
        ("remove:0", ["a", "b", ["c", "d"]], "0"),
        ("add:0.2", ["a", "b", ["c", "d", "state"]], "0.2.2"),
        ("group:0", ["a", "b", ["c", "d"], []], "0.3"),
        ("add:0.7", ["a", "b", ["c", "d"]], "0"),
        ("burn:0.1", ["a", "b", ["c", "d"]], "0.1"),
        ("add:0.-1", ["a", "b", ["c", "d"]], "0"),
    ],
)
def test_each_button(action: str, expected: list[object], path: str) -> None:
    rule: Rule = {"combinator": "and", "rules": [*named("a", "b"), {"combinator": "or", "rules": named("c", "d")}]}
    after = changed(rule, action)
    assert (names(after.rule), after.path) == (expected, path)


def test_the_builder_stops_growing_where_a_form_would_get_too_long() -> None:
    rule: Rule = {"combinator": "and", "rules": named(*["a"] * (MOST_NODES - 1))}
    assert changed(rule, "add:0").rule == rule


def test_the_next_days_are_a_between_with_today() -> None:
    sent = {"g:0": ["and"], "f:0.0": ["membership.expires_on"], "o:0.0": ["inNextDays"], "v:0.0": ["30"]}
    rule = read(sent, CATALOGUE)
    assert rule["rules"] == [
        {"field": "membership.expires_on", "operator": "between", "value": ["today", "today+30"]}
    ]
    assert sentence(rule).parts[0].text == "membership expires on is in the next 30 days."
    assert shown(rule)["o:0.0"] == ["inNextDays"]


@pytest.mark.django_db
def test_while_building_one_sees_how_many_and_a_sample_of_ten() -> None:
    for number in range(12):
        constituent(f"{number:02}", state="TX")
    found = result(TEXANS, TODAY)
    assert (found.count, len(found.sample)) == (12, 10)
    assert "no value" not in found.problem
    wrong = result({"combinator": "and", "rules": [{"field": "gift.total", "operator": "=", "value": ""}]}, TODAY)
    assert wrong.count is None
    assert "needs a number" in wrong.problem


@pytest.mark.slow
@pytest.mark.django_db
def test_a_count_that_takes_too_long_is_given_up() -> None:
    for number in range(200):
        constituent(f"{number}", attributes={"note": "x" * 20_000})
    parts = [{"field": "attribute:note", "operator": "contains", "value": f"y{n}"} for n in range(60)]
    slow = {"combinator": "or", "rules": parts}
    found = result(slow, TODAY, seconds=0.01)
    assert found.count is None
    assert "longer than" in found.problem
    assert result(TEXANS, TODAY).count == 0, "the limit is gone again"


@pytest.mark.django_db
def test_nothing_is_saved_before_save(marketer: Client) -> None:
    constituent("1", state="CA")
    save_list("TX", "Texans", rule=TEXANS)
    before = (list(MarketingList.objects.values()), RecordChange.objects.count())
    built = {"name": "Californians", "kind": "rule", "g:0": "and", "f:0.0": "state", "o:0.0": "=", "v:0.0": "CA"}
    change = f"{LISTS}lists/TX/definition/change/"
    part = marketer.post(BUILDER, {**built, "do": "group:0"}).content.decode()
    assert 'name="g:0.1"' in part
    assert "<strong>1</strong> constituent would be chosen now" in part
    assert "<html" not in part
    assert "would be chosen" in marketer.post(BUILDER, {**built, "do": "count"}).content.decode()
    page = marketer.post(change, {**built, "do": "add:0"}).content.decode()  # without JavaScript
    assert 'name="f:0.1"' in page
    assert (list(MarketingList.objects.values()), RecordChange.objects.count()) == before
    assert marketer.post(change, built).status_code == 302
    assert MarketingList.objects.get().rule == {
        "combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "CA"}],
    }  # fmt: skip


@pytest.mark.django_db
def test_a_rule_that_cannot_define_a_list_comes_back_as_it_was_built(marketer: Client) -> None:
    built = {"code": "NEW", "name": "New", "kind": "rule", "frequency": "NONE", "g:0": "or",
             "f:0.0": "gift.total", "o:0.0": ">", "v:0.0": "much"}  # fmt: skip
    page = marketer.post(f"{LISTS}create/", built).content.decode()
    assert "needs a number" in page
    assert Form(page).sent["v:0.0"] == ["much"]
    assert not MarketingList.objects.exists()


@pytest.mark.django_db
def test_a_long_rule_is_edited_as_json(marketer: Client) -> None:
    rule = {"combinator": "or", "rules": [{"field": "city", "operator": "=", "value": str(n)} for n in range(200)]}
    save_list("LONG", "Long", rule=rule)
    page = marketer.get(f"{LISTS}lists/LONG/definition/change/").content.decode()
    assert 'name="rule"' in page
    assert 'name="g:0"' not in page
    assert 'name="rule"' in marketer.get(f"{LISTS}create/?as=json").content.decode()
