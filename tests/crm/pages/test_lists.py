"""List Maintenance: search, members, definitions, versions, Optional Information (S9–S12, S15)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.regenerate import regenerate
from tests.crm.pages.association import TEXANS, Association, person

LISTS = "/marketing-and-communication/list-maintenance/"


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ("", ["BY_IDS", "TEXANS", "UNBUILT"]),
        ("q=texan", ["TEXANS"]),
        ("q=in+texas", ["TEXANS"]),
        ("q=%25", []),
        ("frequency=DAILY", ["TEXANS", "UNBUILT"]),
        ("frequency=NONE&q=ids", ["BY_IDS"]),
        ("frequency=SOMETIMES", ["BY_IDS", "TEXANS", "UNBUILT"]),
    ],
)
def test_lists_are_found_by_code_name_and_frequency(
    association: Association, reader: Client, query: str, codes: list[str]
) -> None:
    page = reader.get(f"{LISTS}?{query}").context["page"]
    assert [found.code for found in page.rows] == codes


def test_a_list_shows_its_members_as_last_regenerated(association: Association, reader: Client) -> None:  # S15
    Constituent.objects.filter(pk=association.ada.pk).update(state="CA", label_name="Ada King")
    page = text(reader.get(f"{LISTS}lists/TEXANS/"))
    assert "2 members, version 1" in page
    assert "as of" in page
    assert "Ada King" in page, "still in, under the name of this moment"


def test_members_are_paged_by_key(association: Association, reader: Client) -> None:
    for number in range(120):
        person(f"9{number:03}", "P", f"Q{number}", state="TX")
    regenerate(association.texans.pk)
    ids: list[str] = []
    path = f"{LISTS}lists/TEXANS/"
    while path:
        answer = reader.get(path)
        ids += [member.constituent.master_customer_id for member in answer.context["members"]]
        following = answer.context["page"].next_url
        path = following and f"{LISTS}lists/TEXANS/{following}"
    assert len(ids) == len(set(ids)) == 122


def test_a_rule_reads_as_sentences(association: Association, reader: Client) -> None:
    page = text(reader.get(f"{LISTS}lists/TEXANS/definition/"))
    for words in (
        "All of these hold:", "state is “TX”.", "None of these holds:", "status is one of “INACTIVE”, “DECEASED”.",
        "membership expires on is between 2001-01-01 and 2001-12-31.",
    ):  # fmt: skip
        assert words in page, words


def test_sql_and_ids_are_shown(association: Association, reader: Client) -> None:
    save_list("QUERY", "A query", sql="SELECT master_customer_id FROM constituents WHERE state <> 'TX'")
    assert "WHERE state &lt;&gt; &#x27;TX&#x27;" in text(reader.get(f"{LISTS}lists/QUERY/definition/"))
    assert "2 customer ids." in text(reader.get(f"{LISTS}lists/BY_IDS/definition/"))


def test_versions_show_who_came_and_went(association: Association, reader: Client) -> None:
    Constituent.objects.filter(pk=association.ada.pk).update(state="CA")
    regenerate(association.texans.pk)
    page = reader.get(f"{LISTS}lists/TEXANS/history/").context["page"]
    assert [(v.number, v.member_count, v.added, v.removed) for v in page.rows] == [(2, 1, 0, 1), (1, 2, 2, 0)]


def test_the_regeneration_frequency_is_chosen_and_saved(
    association: Association, marketer: Client
) -> None:  # S9 S12
    path = f"{LISTS}lists/TEXANS/optional-information/"
    form = marketer.get(path).context["form"]
    assert form["frequency"].label == "Regeneration Frequency"
    answer = marketer.post(path, {"frequency": "WEEKLY", "may_be_empty": "on"})
    assert answer.url == path
    found = MarketingList.objects.get(code="TEXANS")
    assert (found.frequency, found.may_be_empty) == ("WEEKLY", True)
    assert found.version == 1, "members are a job's to change"
    assert found.modified_at == association.texans.modified_at, "the definition is as it was"
    assert marketer.post(path, {"frequency": "SOMETIMES"}).status_code == 200
    assert MarketingList.objects.get(code="TEXANS").frequency == "WEEKLY"


def test_readers_see_the_frequency_and_no_button(association: Association, reader: Client) -> None:
    page = reader.get(f"{LISTS}lists/TEXANS/optional-information/").content.decode()
    assert "Daily" in page
    assert "<select" not in page


def sent(**changes: object) -> dict[str, object]:
    return {"code": "NEW", "name": "New", "kind": "rule", "rule": json.dumps(TEXANS), "frequency": "NONE"} | changes


def test_a_list_is_created_from_a_rule(association: Association, marketer: Client) -> None:
    answer = marketer.post(f"{LISTS}create/", sent(frequency="DAILY"))
    assert answer.url == f"{LISTS}lists/NEW/definition/"
    found = MarketingList.objects.get(code="NEW")
    assert (found.kind, found.rule, found.frequency, found.version) == ("rule", TEXANS, "DAILY", 0)
    assert "Run MKT510 to build it" in text(marketer.get(answer.url))


def test_a_list_is_created_from_sql(association: Association, marketer: Client) -> None:
    query = "SELECT master_customer_id FROM constituents"
    assert marketer.post(f"{LISTS}create/", sent(kind="sql", sql=query)).status_code == 302
    assert MarketingList.objects.get(code="NEW").sql == query


def test_a_list_is_created_from_a_file_of_ids_and_bad_lines_are_named(
    association: Association, marketer: Client
) -> None:
    upload = SimpleUploadedFile("ids.csv", b"000000000001,0\nnonsense\n000000000002,0\n")
    answer = marketer.post(f"{LISTS}create/", sent(kind="ids", ids=upload))
    assert MarketingList.objects.get(code="NEW").imported_ids.count() == 2
    page = text(marketer.get(answer.url))
    assert "Read 2 customer ids." in page
    assert "Set aside 1 lines: line 2: there are 1 columns, not the two of master,sub." in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "{"}, "This is no JSON"),
        ({"rule": "[" * 100_000}, "This is no JSON"),
        ({"rule": ""}, "Enter a rule."),
        (
            {"rule": '{"combinator": "and", "rules": [{"field": "sate", "operator": "=", "value": "TX"}]}'},
            "Did you mean",
        ),
        ({"kind": "sql", "sql": ""}, "Enter a query."),
        ({"kind": "sql", "sql": "DELETE FROM constituents"}, "errors"),
        ({"kind": "sql", "sql": "SELECT 1; SELECT 2"}, "errors"),
        ({"kind": "ids"}, "Choose a file of customer ids."),
        ({"kind": "ids", "ids": SimpleUploadedFile("ids.csv", b"")}, "needs at least one"),
        ({"code": "TEXANS"}, "There is a list TEXANS already."),
        ({"code": "no spaces"}, "cannot be a list"),
        ({"name": "a\x07b"}, "without line breaks or control characters"),
        ({"kind": "magic"}, "Select a valid choice"),
    ],
)
def test_what_cannot_define_a_list_is_refused_with_the_reason(
    association: Association, marketer: Client, changes: dict[str, object], words: str
) -> None:
    before = MarketingList.objects.get(code="TEXANS").name
    answer = marketer.post(f"{LISTS}create/", sent(**changes))
    assert answer.status_code == 200
    assert answer.context["form"].errors
    if words != "errors":
        from html import unescape

        assert words in unescape(text(answer))
    assert not MarketingList.objects.filter(code="NEW").exists()
    assert MarketingList.objects.get(code="TEXANS").name == before


def test_a_definition_is_changed_and_the_members_wait_for_a_job(association: Association, marketer: Client) -> None:
    path = f"{LISTS}lists/TEXANS/definition/change/"
    shown = marketer.get(path).context["form"]
    assert json.loads(shown["rule"].value()) == TEXANS
    rule = {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "CA"}]}
    answer = marketer.post(path, {"name": "Californians", "kind": "rule", "rule": json.dumps(rule)})
    found = MarketingList.objects.get(code="TEXANS")
    assert (found.name, found.rule, found.member_count, found.frequency) == ("Californians", rule, 2, "DAILY")
    assert "The definition changed after the list was last regenerated." in text(marketer.get(answer.url))


def test_ids_stay_where_no_file_is_chosen(association: Association, marketer: Client) -> None:
    marketer.post(f"{LISTS}lists/BY_IDS/definition/change/", {"name": "Renamed", "kind": "ids"})
    found = MarketingList.objects.get(code="BY_IDS")
    assert (found.name, found.imported_ids.count()) == ("Renamed", 2)


@pytest.mark.parametrize("code", ["GONE", "create", "a%00b", "a%2Fb"])
def test_an_unknown_list_is_not_found(association: Association, reader: Client, code: str) -> None:
    assert reader.get(f"{LISTS}lists/{code}/").status_code == 404
