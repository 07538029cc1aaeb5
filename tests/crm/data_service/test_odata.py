"""The OData v4 service as its clients use it: documents, entity sets, options, paging, refusals (B18)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rollkeeper.crm.data_service.entities import member_entity
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.personalization.models import PersonalizationField

from .association import BUILT_AT, FIELDS, add_constituent, build_list, set_view, unbuilt_list
from .odata import everything, get, refused

pytestmark = pytest.mark.django_db

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
EXCEL_ACCEPT = (
    "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
)


def test_the_service_document_names_the_entity_sets(client: Client) -> None:
    document = get(client, "", Accept=EXCEL_ACCEPT)
    assert document["@odata.context"] == "http://testserver/odata/$metadata"
    assert [entry["url"] for entry in document["value"]] == [
        "MarketingLists", "Constituents", "PersonalizationFields",
    ]  # fmt: skip


def test_the_metadata_declares_keys_types_and_each_personalization_field(client: Client) -> None:
    # S25
    set_view(
        *FIELDS, ("Weird name/1", "Weird", "text", "constituent.state"), ("2nd", "2nd", "text", "constituent.state")
    )
    response = client.get("/odata/$metadata", headers={**client.token, "Accept": EXCEL_ACCEPT})  # type: ignore[attr-defined]
    assert response["Content-Type"].startswith("application/xml")
    assert response["OData-Version"] == "4.0"
    root = ElementTree.fromstring(response.content)  # noqa: S314  # our own document
    types = {found.get("Name"): found for found in root.iter(f"{EDM}EntityType")}
    assert set(types) == {"MarketingList", "Constituent", "PersonalizationField", "Member"}
    keys = [found.get("Name") for found in types["Member"].iter(f"{EDM}PropertyRef")]
    assert keys == ["MasterCustomerId", "SubCustomerId"]
    properties = {found.get("Name"): found.get("Type") for found in types["Member"].iter(f"{EDM}Property")}
    assert properties["city"] == "Edm.String"
    assert properties["joined"] == "Edm.Date"
    assert properties["total"] == "Edm.Decimal"
    assert "Weird_x0020_name_x002F_1" in properties
    assert "_2nd" in properties
    navigation = types["MarketingList"].find(f"{EDM}NavigationProperty")
    assert navigation is not None
    assert navigation.get("Type") == "Collection(Rollkeeper.Member)"


def test_a_field_named_like_a_fixed_property_gets_a_name_of_its_own() -> None:
    view = [
        PersonalizationField(name=name, type="text", slot=slot) for slot, name in enumerate(("Email", "Email_"), 1)
    ]
    assert [found.name for found in member_entity(view, 1).properties][-2:] == ["Email_", "Email__"]


def test_lists_show_what_the_catalog_needs_built_or_not(client: Client) -> None:
    # S11, S16, S27
    build_list("TX", [add_constituent("1"), add_constituent("2")], frequency="DAILY", name="Texas")
    unbuilt_list("NEW")
    document = get(client, "MarketingLists")
    assert document["@odata.context"] == "http://testserver/odata/$metadata#MarketingLists"
    new, texas = document["value"]
    assert (new["Code"], new["LastRegenerated"], new["MemberCount"]) == ("NEW", None, 0)
    assert texas == {
        "Code": "TX",
        "Name": "Texas",
        "Description": "",
        "Frequency": "DAILY",
        "MemberCount": 2,
        "Version": 1,
        "LastRegenerated": "2026-11-23T02:14:05.123456+00:00",
    }


def test_one_entity_is_found_by_its_key(client: Client) -> None:
    add_constituent("00'1", "7", last_name="Ng", allow_email=False)
    one = get(
        client, "Constituents(MasterCustomerId='00''1',SubCustomerId='7')", {"$select": "LastName,AllowEmail"}
    )
    assert one == {
        "@odata.context": "http://testserver/odata/$metadata#Constituents(LastName,AllowEmail)/$entity",
        "LastName": "Ng",
        "AllowEmail": False,
    }
    unbuilt_list("NEW")
    assert get(client, "MarketingLists('NEW')")["Code"] == "NEW"
    assert get(client, "MarketingLists(Code='NEW')")["Code"] == "NEW"


def test_fields_come_in_the_views_order_with_their_place(client: Client) -> None:
    # S16, S25
    set_view(*FIELDS)
    rows = get(client, "PersonalizationFields", {"$orderby": "Position"})["value"]
    assert rows[0] == {"Name": "city", "Label": "City", "Type": "text", "Position": 1}
    assert [(row["Name"], row["Position"]) for row in rows] == [("city", 1), ("joined", 2), ("total", 3)]


def test_members_have_their_fields_with_types_and_the_effective_permission(client: Client) -> None:
    # S2, S4, S7
    set_view(*FIELDS)
    person = add_constituent("1", email="a@example.org", city="Łódź", allow_solicitation=False)
    person.gifts.create(fund_code="A", amount="12.50", given_on="2026-01-01")
    add_constituent("2")
    build_list("TX", [person])
    document = get(client, "MarketingLists('TX')/Members")
    assert document["@odata.context"] == "http://testserver/odata/$metadata#MarketingLists('TX')/Members"
    assert document["value"] == [
        {
            "MasterCustomerId": "1",
            "SubCustomerId": "0",
            "Email": "a@example.org",
            "FirstName": None,
            "LastName": None,
            "AllowEmail": False,
            "DeniedBy": "allow_solicitation",
            "city": "Łódź",
            "joined": None,
            "total": 12.5,
        }
    ]
    assert get(client, "MarketingLists('TX')/Members(MasterCustomerId='1',SubCustomerId='0')")["city"] == "Łódź"
    assert get(client, "MarketingLists('TX')/Members", {"$filter": "total gt 12 and total lt 12.6"})["value"]


def test_the_members_of_a_list_not_built_are_not_an_empty_answer(client: Client) -> None:
    # S11
    unbuilt_list("NEW")
    assert "MKT510 has not built list NEW" in refused(client, "MarketingLists('NEW')/Members", None, 409)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"$top": "2"}, ["1", "2"]),
        ({"$skip": "3"}, ["4", "5"]),
        ({"$top": "2", "$skip": "1"}, ["2", "3"]),
        ({"$top": "0"}, []),
        ({"$orderby": "MasterCustomerId desc", "$top": "2"}, ["5", "4"]),
        ({"$orderby": "PrimaryEmail"}, ["3", "5", "4", "2", "1"]),  # null sorts first
        ({"$orderby": "PrimaryEmail desc"}, ["1", "2", "4", "3", "5"]),
        ({"$orderby": "AllowEmail desc, PrimaryEmail asc"}, ["3", "5", "4", "1", "2"]),
    ],
)
@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_order_top_and_skip_hold_over_every_page_size(
    client: Client, options: dict[str, str], expected: list[str], page: int
) -> None:
    for number, email in enumerate(("d@x.example", "c@x.example", None, "b@x.example", None), start=1):
        add_constituent(str(number), email=email, allow_email=number != 2)
    rows = everything(client, "Constituents", options, Prefer=f"odata.maxpagesize={page}")
    assert [row["MasterCustomerId"] for row in rows] == expected


def test_the_count_is_of_all_that_meet_the_filter_on_every_page(client: Client) -> None:
    for number in range(5):
        add_constituent(str(number), allow_email=number > 0)
    options = {"$filter": "AllowEmail", "$count": "true", "$select": "MasterCustomerId"}
    first = get(client, "Constituents", options, Prefer="odata.maxpagesize=3")
    assert first["@odata.count"] == 4
    assert first["@odata.context"].endswith("#Constituents(MasterCustomerId)")
    assert first["value"][0] == {"MasterCustomerId": "1"}
    second = get(client, first["@odata.nextLink"])
    assert second["@odata.count"] == 4
    assert len(second["value"]) == 1


def test_the_client_is_told_which_page_size_was_applied(client: Client) -> None:
    response = client.get("/odata/Constituents", headers={**client.token, "Prefer": "odata.maxpagesize=7000"})  # type: ignore[attr-defined]
    assert response["Preference-Applied"] == "odata.maxpagesize=5000"


def test_a_row_that_comes_before_the_page_neither_repeats_nor_hides_one(client: Client) -> None:
    for number in range(10, 20):
        add_constituent(str(number))
    first = get(client, "Constituents", Prefer="odata.maxpagesize=5")
    add_constituent("00")
    second = get(client, first["@odata.nextLink"])
    ids = [row["MasterCustomerId"] for row in first["value"] + second["value"]]
    assert ids == [str(number) for number in range(10, 20)]


def test_pages_of_two_versions_of_a_list_are_not_mixed(client: Client) -> None:
    # S15
    made = build_list("TX", [add_constituent("1"), add_constituent("2")])
    first = get(client, "MarketingLists('TX')/Members", Prefer="odata.maxpagesize=1")
    later = BUILT_AT + timedelta(days=1)
    MarketingList.objects.filter(pk=made.pk).update(version=2, last_regenerated_at=later)
    following = first["@odata.nextLink"].removeprefix("http://testserver/odata/")
    assert "regenerated since the first page" in refused(client, following, None, 410)


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("Nothing", 404, "no entity set 'Nothing'"),
        ("MarketingLists('NOPE')", 404, "no MarketingList with this key"),
        ("MarketingLists('NOPE')/Members", 404, "no list NOPE"),
        ("MarketingLists/Members", 404, "nothing at this address"),
        ("Constituents('1')", 400, "MasterCustomerId='…',SubCustomerId='…'"),
        ("MarketingLists(Name='x')", 400, "Code='…'"),
        ("MarketingLists(5)", 400, "(5) cannot be read"),
        ("MarketingLists()", 400, "key is empty"),
        ("MarketingLists('x", 404, "nothing at"),
        ("Constituents?$top=x", 400, "$top"),
        ("Constituents?$top=-1", 400, "$top"),
        ("Constituents?$skip=99999999999", 400, "$skip"),
        ("Constituents?$count=yes", 400, "$count"),
        ("Constituents?$select=Nope", 400, "'Nope'"),
        ("Constituents?$orderby=Nope", 400, "'Nope'"),
        ("Constituents?$orderby=LastName%20up", 400, "'LastName up'"),
        ("Constituents?$orderby=", 400, "$orderby"),
        ("Constituents?$skiptoken=xyz", 400, "$skiptoken"),
        ("Constituents?$skiptoken=WyIiLCIxIl0", 400, "$skiptoken"),  # too few values
        ("Constituents?$expand=Members", 501, "$expand"),
        ("Constituents?$search=x", 501, "$search"),
        ("Constituents?top=5", 400, "'top'"),
        ("Constituents?$top=1&$top=2", 400, "'$top' is given twice"),
        ("Constituents?$format=xml", 406, "application/json"),
        ("MarketingLists('x')?$top=1", 400, "'$top'"),
        ("Constituents/$count?$top=1", 400, "'$top'"),
        ("$batch", 501, "$batch"),
        ("MarketingLists('\0')", 400, "U+0000"),
        ("Constituents(MasterCustomerId='1',SubCustomerId='0')/$count", 404, "no $count"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(client: Client, path: str, status: int, named: str) -> None:
    assert named in refused(client, path, None, status)


def test_a_forged_skiptoken_that_fits_no_type_is_a_bad_request(client: Client) -> None:
    forged = "WyIiLCJ4IiwieCIsIngiXQ"  # ["","x","x","x"]
    assert "does not fit" in refused(client, f"Constituents?$orderby=ModifiedAt&$skiptoken={forged}", None, 400)


def test_json_and_metadata_are_not_given_as_anything_else(client: Client) -> None:
    assert "application/json" in refused(client, "Constituents", None, 406, Accept="text/csv")
    assert "application/xml" in refused(client, "$metadata", None, 406, Accept="application/json")
    assert "application/json" in refused(client, "Constituents", None, 406, Accept="application/json;q=0")


def test_an_older_odata_is_refused(client: Client) -> None:
    assert "4.0" in refused(client, "Constituents", None, 400, **{"OData-MaxVersion": "3.0"})


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written(client: Client, method: str) -> None:
    response = getattr(client, method)("/odata/Constituents", headers=client.token)  # type: ignore[attr-defined]
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["", "$metadata", "Constituents", "MarketingLists('TX')/Members"])
def test_without_a_token_nothing_is_answered(client: Client, path: str) -> None:
    response = client.get(f"/odata/{path}")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Basic ")
    assert json.loads(response.content)["error"]["code"] == "Unauthorized"


def test_a_signed_in_session_is_no_token_and_no_cookie_is_set(client: Client, admin_user: Any) -> None:
    client.force_login(admin_user)
    assert client.get("/odata/Constituents").status_code == 401
    response = Client().get("/odata/Constituents", headers=client.token)  # type: ignore[attr-defined]
    assert response.status_code == 200
    assert not response.cookies


def test_a_page_of_rows_costs_few_queries(client: Client) -> None:
    build_list("TX", [add_constituent(str(number)) for number in range(50)])
    get(client, "MarketingLists('TX')/Members")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        get(client, "MarketingLists('TX')/Members")
    assert len(queries) <= 10
