"""The Arrow stream of a list's members: shape, order, facts, coherence, errors."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from django.db import connection

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.models import ListMember, MarketingList
from rollkeeper.sync.member import fingerprint_text, hash_sum, member_schema, row_hashes
from rollkeeper.sync.member_stream import CONTENT_TYPE, read_closing, read_opening

from .association import BUILT_AT, FIELDS, add_constituent, build_list, set_view, unbuilt_list
from .conftest import HttpClient

ARROW = {"Accept": CONTENT_TYPE}


def read(service: HttpClient, code: str, options: str = "") -> tuple[pa.Table, object, object]:
    """The rows, opening and closing of a list's stream."""
    response = service.get(f"MarketingLists('{code}')/Members{options}", **ARROW)
    assert response.status == 200, response.data[:500]
    assert response.headers["Content-Type"] == CONTENT_TYPE
    reader = pa.ipc.open_stream(response.data)
    batches = list(reader.iter_batches_with_custom_metadata())
    assert batches[-1].batch.num_rows == 0
    rows = pa.Table.from_batches([found.batch for found in batches], reader.schema)
    return rows, read_opening(reader.schema), read_closing(batches[-1].custom_metadata)


def test_a_stream_holds_the_members_in_the_declared_schema_and_key_order(service: HttpClient) -> None:
    # S2, S7, S15, B1
    set_view(*FIELDS)
    people = [
        add_constituent("00000010", "0", email="ten@example.org", first_name="Ten", city="Łódź"),
        add_constituent("00000010", "1", email="eleven@example.org", allow_email=False),
        add_constituent("9", "0"),
        add_constituent("00000002", "10", email="two@example.org", allow_solicitation=False, allow_email=False),
        add_constituent("00000002", "2", email="two-two@example.org", last_name="Two"),
        add_constituent("é", "0", email="e@example.org"),
    ]
    add_constituent("00000003", "0", email="not-in-the-list@example.org")
    build_list("TX", people)

    rows, opening, closing = read(service, "TX")

    assert opening.code == "TX"
    assert [field.name for field in opening.fields] == ["city", "joined", "total"]
    assert rows.schema.equals(member_schema(opening.fields))
    keys = list(zip(rows["master_customer_id"].to_pylist(), rows["sub_customer_id"].to_pylist(), strict=True))
    assert keys == [
        ("00000002", "10"), ("00000002", "2"), ("00000010", "0"), ("00000010", "1"), ("9", "0"), ("é", "0"),
    ]  # fmt: skip
    assert rows["allow_email"].to_pylist() == [False, True, True, False, True, True]
    assert rows["denied_by"].to_pylist()[0] == "allow_solicitation,allow_email"
    assert rows["email"].to_pylist()[4] is None
    assert rows["city"].to_pylist()[2] == "Łódź"
    assert opening.as_of == closing.as_of == BUILT_AT
    assert opening.version == closing.version == "1"
    assert closing.rows == 6


def test_the_fingerprint_is_the_sum_of_hashes_that_anyone_can_compute(service: HttpClient) -> None:
    # B1
    set_view(*FIELDS)
    build_list("TX", [add_constituent(f"{number:08}", email=f"p{number}@example.org") for number in range(50)])
    rows, opening, closing = read(service, "TX")
    high, low = row_hashes(rows.combine_chunks().to_batches()[0], opening.fields)
    assert rows["hash_hi"].combine_chunks().to_pylist() == high.to_pylist()
    assert rows["hash_lo"].combine_chunks().to_pylist() == low.to_pylist()
    assert closing.fingerprint == fingerprint_text(hash_sum(high.to_numpy(), low.to_numpy()))


def test_an_empty_list_that_was_built_is_an_empty_stream_with_facts(service: HttpClient) -> None:
    build_list("NONE", [])
    rows, _, closing = read(service, "NONE")
    assert rows.num_rows == 0
    assert (closing.rows, closing.fingerprint) == (0, "0" * 32)


@pytest.mark.parametrize("compression", ["lz4", "zstd", "none"])
def test_the_client_may_choose_the_compression(service: HttpClient, compression: str) -> None:
    build_list("TX", [add_constituent("1", email="one@example.org")])
    rows, _, _ = read(service, "TX", f"?compression={compression}")
    assert rows.num_rows == 1


def test_a_head_request_tells_the_type_and_sends_nothing(service: HttpClient) -> None:
    build_list("TX", [add_constituent("1")])
    response = service.get("MarketingLists('TX')/Members", "HEAD", **ARROW)
    assert (response.status, response.headers["Content-Type"], response.data) == (200, CONTENT_TYPE, b"")


def test_an_unknown_compression_or_option_is_refused_by_name(service: HttpClient) -> None:
    build_list("TX", [])
    assert "'brotli'" in service.error("MarketingLists('TX')/Members?compression=brotli", 400, **ARROW)
    assert "'$filter'" in service.error("MarketingLists('TX')/Members?$filter=x", 400, **ARROW)


def test_members_who_left_are_not_in_the_stream(service: HttpClient) -> None:
    # S15, S28
    stays, left = add_constituent("1"), add_constituent("2")
    made = build_list("TX", [stays, left])
    ListMember.objects.filter(list=made, constituent=left).update(went=2)
    MarketingList.objects.filter(pk=made.pk).update(version=2, last_regenerated_at=BUILT_AT + timedelta(days=1))
    rows, _, closing = read(service, "TX")
    assert rows["master_customer_id"].to_pylist() == ["1"]
    assert (closing.version, closing.as_of) == ("2", BUILT_AT + timedelta(days=1))


def test_a_change_made_before_the_pull_is_in_it(service: HttpClient) -> None:
    # S15: permission and fields are those of the moment of the pull
    set_view(*FIELDS)
    person = add_constituent("1", email="one@example.org", city="Austin")
    build_list("TX", [person])
    read(service, "TX")
    Constituent.objects.filter(pk=person.pk).update(allow_email=False, city="Waco")
    rows, _, _ = read(service, "TX")
    assert rows["allow_email"].to_pylist() == [False]
    assert rows["city"].to_pylist() == ["Waco"]


def test_a_field_added_to_the_view_comes_with_the_next_pull(service: HttpClient) -> None:
    # S25
    build_list("TX", [add_constituent("1", city="Austin", state="TX")])
    set_view(("city", "City", "text", "constituent.city"))
    assert [field.name for field in read(service, "TX")[1].fields] == ["city"]
    set_view(("state", "State", "text", "constituent.state"), ("city", "City", "text", "constituent.city"))
    rows, opening, _ = read(service, "TX")
    assert [field.name for field in opening.fields] == ["state", "city"]
    assert (rows["state"].to_pylist(), rows["city"].to_pylist()) == (["TX"], ["Austin"])


def test_a_list_that_is_not_there_is_404_and_one_not_built_409(service: HttpClient) -> None:
    # S11, S29
    unbuilt_list("NEW")
    assert "no list GONE" in service.error("MarketingLists('GONE')/Members", 404, **ARROW)
    assert "MKT510 has not built list NEW" in service.error("MarketingLists('NEW')/Members", 409, **ARROW)


def test_a_code_with_quotes_spaces_and_slashes_is_found(service: HttpClient) -> None:
    build_list("O'Neil / (A)", [add_constituent("1")])
    response = service.get("MarketingLists('O''Neil%20%2F%20(A)')/Members", **ARROW)
    assert response.status == 200


def test_a_row_that_vanishes_cuts_the_stream_before_its_end(service: HttpClient) -> None:
    # A member without a profile must not be missed silently: what was sent never looks complete.
    people = [add_constituent(f"{number}") for number in range(3)]
    build_list("TX", people)
    read(service, "TX")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM profile WHERE constituent_id = %s", [people[0].pk])
    response = service.get("MarketingLists('TX')/Members", **ARROW)
    reader = pa.ipc.open_stream(response.data)
    assert all(found.custom_metadata is None for found in reader.iter_batches_with_custom_metadata())
