"""Copies of lists, and lists that are deleted for good (S29)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.crm.audit.models import Action, RecordChange
from rollkeeper.crm.data_service.tokens import create_token
from rollkeeper.crm.lists.copy_and_delete import copy_list, delete_list
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.manual import decide
from rollkeeper.crm.lists.models import ListMember, MarketingList
from rollkeeper.crm.lists.parts import Merge
from rollkeeper.crm.lists.regenerate import regenerate
from tests.crm.lists.people import constituent
from tests.crm.lists.test_regenerate import TEXANS, members
from tests.crm.pages.conftest import marketer, signed_in_as

__all__ = ["marketer", "signed_in_as"]

LISTS = "/marketing-and-communication/list-maintenance/"


@pytest.mark.django_db
def test_a_copy_chooses_the_same_people_and_is_not_built_yet() -> None:
    constituent("1", state="TX")
    two = constituent("2")
    rule = save_list("R", "Rule", rule=TEXANS, frequency="DAILY", may_be_empty=True)
    ids = save_list("I", "Ids", ids=[("1", "0"), ("2", "0")])
    for each in (rule, ids):
        regenerate(each.pk)
    merge = save_list("M", "Merge", merge=Merge(("I",), ("R",)))
    decide(rule, two, is_in=True, reason="board", author="ada", origin="t", now=timezone.now())
    for original, expected in ((rule, {"1", "2"}), (ids, {"1", "2"}), (merge, {"2"})):
        copy = copy_list(original, f"{original.code}2", "Copy", author="ada", origin="t")
        assert (copy.version, copy.frequency, copy.may_be_empty) == (0, "NONE", original.may_be_empty)
        regenerate(copy.pk)
        assert members(copy) == expected
    made = RecordChange.objects.filter(action=Action.CREATED, subject_key="R2").get()
    assert made.author == "ada"
    assert ["copy_of", None, "R"] in made.changes


@pytest.mark.django_db
@pytest.mark.parametrize(("code", "name", "words"), [
    ("R", "Copy", "There is a list R already"), ("no spaces", "Copy", "cannot be a list"), ("R2", " ", "needs a name"),
])  # fmt: skip
def test_a_copy_needs_a_code_and_a_name_of_its_own(code: str, name: str, words: str) -> None:
    rule = save_list("R", "Rule", rule=TEXANS)
    with pytest.raises(ListRefused, match=words):
        copy_list(rule, code, name, author="ada", origin="t")
    assert MarketingList.objects.count() == 1


@pytest.mark.django_db
def test_a_deleted_list_is_gone_for_the_marketing_site(client: Client) -> None:  # S29
    constituent("1", state="TX")
    rule = save_list("R", "Rule", rule=TEXANS)
    regenerate(rule.pk)
    path, token = "/odata/MarketingLists('R')/Members", {"Authorization": f"Bearer {create_token('bridge')}"}
    assert client.get(path, headers=token).status_code == 200
    with pytest.raises(ListRefused, match="Type the code R"):
        delete_list(rule, confirmed_code="r", author="ada", origin="t")
    delete_list(rule, confirmed_code=" R ", author="ada", origin="t")
    assert client.get(path, headers=token).status_code == 404
    assert not MarketingList.objects.exists()
    assert not ListMember.objects.exists()
    kept = RecordChange.objects.get(action=Action.REMOVED)
    assert (kept.subject_key, kept.author) == ("R", "ada")


@pytest.mark.django_db
def test_a_list_that_others_are_made_of_cannot_be_deleted() -> None:
    part = save_list("A", "A", rule=TEXANS)
    save_list("M", "M", merge=Merge(("A",)))
    with pytest.raises(ListRefused, match="M would miss it"):
        delete_list(part, confirmed_code="A", author="ada", origin="t")


@pytest.mark.django_db
def test_the_pages_copy_and_delete(marketer: Client) -> None:
    save_list("R", "Rule", rule=TEXANS)
    assert marketer.post(f"{LISTS}lists/R/copy/", {"code": "R", "name": "x"}).status_code == 200
    answer = marketer.post(f"{LISTS}lists/R/copy/", {"code": "R2", "name": "Second"})
    assert answer.url == f"{LISTS}lists/R2/definition/"
    assert "Type the code R" in marketer.post(f"{LISTS}lists/R/delete/", {"code": "R2"}).content.decode()
    assert marketer.post(f"{LISTS}lists/R/delete/", {"code": "R"}).url == LISTS
    assert list(MarketingList.objects.values_list("code", flat=True)) == ["R2"]


@pytest.mark.django_db
def test_whoever_creates_and_changes_a_list_is_kept_with_what_changed(marketer: Client) -> None:  # B22
    built = {"code": "R", "name": "Rule", "kind": "rule", "frequency": "NONE", "g:0": "and",
             "f:0.0": "state", "o:0.0": "=", "v:0.0": "TX"}  # fmt: skip
    marketer.post(f"{LISTS}create/", built)
    marketer.post(f"{LISTS}lists/R/definition/change/", built | {"v:0.0": "CA"})
    marketer.post(f"{LISTS}lists/R/optional-information/", {"frequency": "DAILY"})
    marketer.post(f"{LISTS}lists/R/optional-information/", {"frequency": "DAILY"})
    kept = RecordChange.objects.filter(subject_kind="marketing_list", subject_key="R").order_by("id")
    assert [(each.author, each.action) for each in kept] == [
        ("marketing", "created"), ("marketing", "changed"), ("marketing", "changed"),
    ]  # fmt: skip
    assert [change[0] for change in kept[1].changes] == ["definition"]
    assert '"TX"' in kept[1].changes[0][1]
    assert '"CA"' in kept[1].changes[0][2]
    assert kept[2].changes == [["frequency", "NONE", "DAILY"]]


@pytest.mark.django_db
def test_of_a_long_definition_the_beginning_and_a_digest_are_kept() -> None:
    rules = [{"field": "city", "operator": "=", "value": str(n)} for n in range(500)]
    save_list("R", "Rule", rule={"combinator": "or", "rules": rules}, author="ada", origin="t")
    rules[-1] = {"field": "city", "operator": "=", "value": "other"}
    save_list("R", None, rule={"combinator": "or", "rules": rules}, author="ada", origin="t")
    changed = RecordChange.objects.latest("id").changes
    assert [change[0] for change in changed] == ["definition"]
    assert all(len(value) < 1_100 and "SHA-256" in value for value in changed[0][1:])
