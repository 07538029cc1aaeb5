"""OData's delta links: what changed since an answer, page by page (B2, B18)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from rollkeeper.crm.constituents.models import Constituent, Membership
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.personalization.fields import remove_field

from .association import add_constituent, set_view
from .conftest import HttpClient

TRACK = {"Prefer": "odata.track-changes"}
LIST = "O'Neil"
PATH = "MarketingLists('O''Neil')/Members"


@pytest.fixture
def listed(transactional_db: None) -> MarketingList:
    """Seven members, and fields of each type."""
    set_view(
        ("city", "City", "text", "constituent.city"),
        ("number", "Gifts", "integer", "gifts.number"),
        ("total", "Total", "decimal", "gifts.total"),
        ("joined", "Joined on", "date", "membership.joined_on"),
        ("renews", "Renews", "boolean", "membership.auto_renew"),
    )
    for number in range(1, 8):
        add_constituent(str(number), email=f"{number}@example.org", city="Łódź")
    made = MarketingList.objects.create(code=LIST, name=LIST, kind="rule", rule={"combinator": "and", "rules": []})
    regenerate(made.pk)
    return made


def get(service: HttpClient, path: str, **headers: str) -> Any:
    response = service.get(path, **headers)
    assert response.status == 200, response.data[:500]
    return json.loads(response.data)


def read_all(service: HttpClient, path: str, size: int = 1000) -> tuple[list[dict[str, Any]], str]:
    """All rows of an answer, page by page, and the delta link after the last one."""
    prefer = {"Prefer": f"odata.track-changes, odata.maxpagesize={size}"}
    page = get(service, path, **prefer)
    rows = list(page["value"])
    while "@odata.nextLink" in page:
        assert "@odata.deltaLink" not in page
        page = get(service, page["@odata.nextLink"], **prefer)
        rows += page["value"]
    return rows, page["@odata.deltaLink"]


def apply(copy: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row.get("@odata.context", "").endswith("$deletedEntity"):
            copy.pop(row["id"].rpartition("MasterCustomerId='")[2].partition("'")[0], None)
        else:
            copy[row["MasterCustomerId"]] = row


def test_a_delta_link_answers_what_changed_since(listed: MarketingList, service: HttpClient) -> None:
    response = service.get(PATH, **TRACK)
    assert response.headers["Preference-Applied"] == "odata.track-changes"
    link = json.loads(response.data)["@odata.deltaLink"]
    assert get(service, link)["value"] == []

    Constituent.objects.filter(master_customer_id="2").update(city="Kraków", allow_email=False)
    Membership.objects.create(
        constituent=Constituent.objects.get(master_customer_id="2"), level_code="G", level_name="Gold",
        joined_on="2020-02-03", begins_on="2020-02-03", expires_on="2030-01-01", auto_renew=True,
    )  # fmt: skip
    Constituent.objects.get(master_customer_id="3").delete()
    Constituent.objects.filter(master_customer_id="4").update(status="DUPLICATE")
    regenerate(listed.pk)
    found = get(service, link)
    root = f"{service.url}/odata/"
    assert found["@odata.context"] == f"{root}$metadata#MarketingLists('O%27%27Neil')/Members/$delta"
    whole = {row["MasterCustomerId"]: row for row in get(service, PATH)["value"]}
    members = "MarketingLists('O%27%27Neil')/Members"
    assert found["value"] == [
        whole["2"],
        {
            "@odata.context": f"{root}$metadata#{members}/$deletedEntity",
            "id": f"{root}{members}(MasterCustomerId='3',SubCustomerId='0')",
            "reason": "deleted",
        },
        {
            "@odata.context": f"{root}$metadata#{members}/$deletedEntity",
            "id": f"{root}{members}(MasterCustomerId='4',SubCustomerId='0')",
            "reason": "changed",
        },
    ]
    assert (whole["2"]["number"], whole["2"]["total"], whole["2"]["renews"]) == (0, 0, True)
    assert get(service, found["@odata.deltaLink"])["value"] == []


def test_pages_of_an_answer_and_of_its_changes_lead_to_the_list(listed: MarketingList, service: HttpClient) -> None:
    first = get(service, PATH, Prefer="odata.track-changes,odata.maxpagesize=3")
    Constituent.objects.filter(master_customer_id="1").update(city="changed while the pages were read")
    rows, page = list(first["value"]), first
    while "@odata.nextLink" in page:
        page = get(service, page["@odata.nextLink"], Prefer="odata.maxpagesize=3")
        rows += page["value"]
    copy: dict[str, Any] = {}
    apply(copy, rows)
    link = page["@odata.deltaLink"]

    Constituent.objects.update(city="Lublin")
    Constituent.objects.get(master_customer_id="5").delete()
    page = get(service, link, Prefer="odata.maxpagesize=2")
    assert len(page["value"]) == 2
    apply(copy, page["value"])
    Constituent.objects.filter(master_customer_id="1").update(city="changed behind the reader")
    while "@odata.nextLink" in page:
        page = get(service, page["@odata.nextLink"], Prefer="odata.maxpagesize=2")
        assert len(page["value"]) <= 2
        apply(copy, page["value"])
    apply(copy, get(service, page["@odata.deltaLink"])["value"])
    assert copy == {row["MasterCustomerId"]: row for row in get(service, PATH)["value"]}
    assert copy["1"]["city"] == "changed behind the reader"


def test_a_narrowed_answer_has_narrowed_changes(listed: MarketingList, service: HttpClient) -> None:
    link = read_all(service, f"{PATH}?$select=MasterCustomerId,city")[1]
    Constituent.objects.filter(master_customer_id="2").update(city="Kraków")
    found = get(service, link)
    assert found["value"] == [{"MasterCustomerId": "2", "city": "Kraków"}]
    assert found["@odata.context"].endswith("Members(MasterCustomerId,city)/$delta")
    assert parse_qs(urlsplit(found["@odata.deltaLink"]).query)["$select"] == ["MasterCustomerId,city"]


def test_of_a_part_of_a_list_or_another_collection_no_changes_are_tracked(
    listed: MarketingList, service: HttpClient
) -> None:
    for path in (
        f"{PATH}?$filter=AllowEmail%20eq%20true",
        f"{PATH}?$top=3",
        f"{PATH}?$orderby=Email",
        "Constituents",
    ):
        response = service.get(path, **TRACK)
        assert "Preference-Applied" not in response.headers
        assert "@odata.deltaLink" not in json.loads(response.data)
    assert "@odata.deltaLink" not in get(service, PATH)
    assert "$deltatoken" in service.error("Constituents?$deltatoken=x", 501)


def test_a_link_that_is_of_no_use_any_more_is_gone(listed: MarketingList, service: HttpClient) -> None:
    link = read_all(service, PATH, 2)[1]
    own = link.partition("%24deltatoken=")[2]
    for token in ("x", "", "%00", own[:-1] + ("B" if own.endswith("A") else "A"), own[1:]):
        assert "anew" in service.error(f"{PATH}?$deltatoken={token}", 410)
    save_list("OTHER", "Other", rule={"combinator": "and", "rules": []})
    regenerate(MarketingList.objects.get(code="OTHER").pk)
    other = link.replace("O%27%27Neil", "OTHER").replace("O''Neil", "OTHER")
    assert "anew" in service.error(other, 410)
    assert service.error(f"{link}&$skiptoken=x", 400)
    assert service.error(f"{link}&$filter=AllowEmail", 400)
    remove_field("city")
    assert "anew" in service.error(link, 410)
