"""Saving a list: all or nothing, one definition, and `modified_at` only for a real change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.imported_ids import IdFile
from rollkeeper.crm.lists.models import MarketingList
from tests.crm.lists.people import constituent

pytestmark = pytest.mark.django_db

TEXANS = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]}


def test_a_list_is_created_unbuilt_and_without_frequency() -> None:
    saved = save_list("TX", "Texans", rule=TEXANS)
    assert (saved.kind, saved.rule, saved.frequency, saved.version) == ("rule", TEXANS, "NONE", 0)
    assert saved.last_regenerated_at is None


def test_name_and_frequency_change_without_touching_the_definition() -> None:
    before = save_list("TX", "Texans", rule=TEXANS, frequency="DAILY", may_be_empty=True)
    after = save_list("TX", "People of Texas", frequency="WEEKLY")
    assert (after.pk, after.name, after.frequency) == (before.pk, "People of Texas", "WEEKLY")
    assert (after.rule, after.may_be_empty, after.modified_at) == (TEXANS, True, before.modified_at)
    assert save_list("TX", None, frequency="NONE").name == "People of Texas"


def test_modified_at_moves_only_when_the_definition_changes() -> None:  # S24
    first = save_list("TX", "Texans", rule=TEXANS)
    assert save_list("TX", "Texans", rule=dict(TEXANS)).modified_at == first.modified_at
    changed = save_list("TX", "Texans", rule={**TEXANS, "not": True})
    assert changed.modified_at > first.modified_at


def test_modified_at_moves_only_when_the_ids_change() -> None:
    first = save_list("I", "Ids", ids=[("1", "0"), ("2", "0"), ("2", "0")])
    assert first.imported_ids.count() == 2
    assert save_list("I", "Ids", ids=[("2", "0"), ("1", "0")]).modified_at == first.modified_at
    fewer = save_list("I", "Ids", ids=[("2", "0")])
    assert fewer.modified_at > first.modified_at
    assert list(fewer.imported_ids.values_list("master_customer_id", flat=True)) == ["2"]


def test_another_kind_of_definition_replaces_the_one_before() -> None:
    save_list("L", "List", ids=[("1", "0")])
    by_rule = save_list("L", "List", rule=TEXANS)
    assert (by_rule.kind, by_rule.imported_ids.count()) == ("rule", 0)
    by_ids = save_list("L", "List", ids=[("1", "0")])
    assert (by_ids.kind, by_ids.rule) == ("ids", None)


@pytest.mark.parametrize("code", ["", " ", "a b", "ä", "-x", "x" * 61, "a/b", "x'", "a\n"])
def test_a_code_that_cannot_be_one_is_refused(code: str) -> None:
    with pytest.raises(ListRefused, match="code"):
        save_list(code, "Name", rule=TEXANS)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "a\x00b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ListRefused, match="name"):
        save_list("CODE", name, rule=TEXANS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "needs a definition"),
        ({"rule": TEXANS, "ids": [("1", "0")]}, "one definition"),
        ({"rule": TEXANS, "frequency": "YEARLY"}, "HOURLY"),
        ({"ids": []}, "at least one"),
        ({"rule": {"combinator": "and", "rules": [], "id": float("nan")}}, "JSON"),
        ({"rule": {"combinator": "and", "rules": [], "id": "\x00"}}, "U\\+0000"),
        ({"rule": {"combinator": "and", "rules": [], "id": "\ud800"}}, "JSON"),
        ({"rule": {"combinator": "and", "rules": [{"field": "nose", "operator": "null"}]}}, "'nose'"),
    ],
)
def test_what_cannot_define_a_list_is_refused_and_nothing_is_kept(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ListRefused, match=says):
        save_list("CODE", "Name", **arguments)
    assert not MarketingList.objects.exists()


def test_a_new_list_without_name_is_refused() -> None:
    with pytest.raises(ListRefused, match="name"):
        save_list("CODE", None, rule=TEXANS)


def test_a_failed_change_leaves_the_list_as_it_was() -> None:
    save_list("I", "Ids", ids=[("1", "0")])
    with pytest.raises(ListRefused):
        save_list("I", "Other", ids=[])
    kept = MarketingList.objects.get(code="I")
    assert (kept.name, kept.imported_ids.count()) == ("Ids", 1)


def test_ids_come_from_a_file_with_bad_lines_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(b"00000001,0\nnonsense\n00000002,0\n")
    file = IdFile(path)
    assert save_list("I", "Ids", ids=file).imported_ids.count() == 2
    assert [line.line for line in file.set_aside] == [2]


def test_an_attribute_that_a_constituent_has_is_a_field() -> None:
    constituent("1", attributes={"Chapter role": "Chair"})
    rule = {"combinator": "and", "rules": [{"field": "Chapter role", "operator": "=", "value": "Chair"}]}
    assert save_list("CHAIRS", "Chairs", rule=rule).rule == rule
