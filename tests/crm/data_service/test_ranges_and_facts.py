"""Sums over ranges, members of a span, and whether the facts kept of a list are those of its rows (B1)."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.crm.changes.verify import verify
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.data_service.members_query import Span
from rollkeeper.crm.data_service.range_sums import range_sums, sum_ranges
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.sync.connector import Key, Mode, RangeSum
from rollkeeper.sync.member import FINGERPRINT_MODULUS

from .association import FIELDS, add_constituent, set_view, unbuilt_list
from .conftest import HttpClient
from .pulls import Receiver, pull

KEYS = [
    ("00000002", "10"),
    ("00000002", "2"),
    ("00000010", "0"),
    ("00000010", "1"),
    ("9", "0"),
    ("é", "0"),
    ("東京", "0"),
]
HALF = st.integers(-(2**63), 2**63 - 1)
KEY = st.tuples(st.text("ab1é東\U0001f600", max_size=3), st.sampled_from(["", "0", "1", "10"]))


def post(service: HttpClient, path: str, body: Any, status: int = 200) -> Any:
    """The JSON that a POST answers, which must have this status."""
    response = service.pool.request(
        "POST",
        f"{service.url}/odata/{path}",
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {service.token}", "Content-Type": "application/json"},
    )
    assert response.status == status, response.data[:500]
    return json.loads(response.data)


@pytest.fixture
def tx(transactional_db: None) -> int:
    """A list of seven, and constituents beside it."""
    set_view(*FIELDS)
    for master, sub in KEYS:
        add_constituent(master, sub, email="a@example.org", city="Łódź")
    add_constituent("00000003", email="not-in-the-list@example.org")
    made = save_list("TX", "Texans", ids=KEYS)
    regenerate(made.pk)
    return int(made.pk)


def sum_of(rows: dict[Key, tuple[Any, ...]], first: Key | None, end: Key | None) -> dict[str, Any]:
    inside = [row for key, row in rows.items() if (first is None or key >= first) and (end is None or key < end)]
    total = sum(((row[-2] % 2**64) << 64) + row[-1] % 2**64 for row in inside) % FINGERPRINT_MODULUS
    return {"members": len(inside), "fingerprint": f"{total:032x}"}


def test_sums_over_ranges_are_those_of_the_rows_between_the_bounds(tx: int, service: HttpClient) -> None:
    rows = pull("TX").members
    for bounds in ([], [KEYS[2]], [KEYS[0], ("00000010", ""), ("5", "0"), KEYS[5], ("龍", "0")]):
        found = post(service, "MarketingLists('TX')/RangeSums", {"bounds": bounds})
        ends = [None, *bounds, None]
        assert found == {
            "ranges": [sum_of(rows, first, end) for first, end in pairwise(ends)],
            "version": "1",
            "list_members": 7,
            "list_fingerprint": sum_of(rows, None, None)["fingerprint"],
        }


@given(st.dictionaries(KEY, st.tuples(HALF, HALF), max_size=12), st.sets(KEY, max_size=6), st.integers(1, 5))
def test_ranges_hold_every_row_once_whatever_the_batches(
    rows: dict[Key, tuple[int, int]], bounds: set[Key], size: int
) -> None:
    ordered = sorted(rows)
    columns = [[key[0] for key in ordered], [key[1] for key in ordered]]
    columns += [[rows[key][half] for key in ordered] for half in (0, 1)]
    kinds = (pa.string(), pa.string(), pa.int64(), pa.int64())
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    whole = pa.RecordBatch.from_arrays(arrays, names=["master", "sub", "hash_hi", "hash_lo"])
    batches = [whole.slice(start, size) for start in range(0, whole.num_rows, size)]
    expected = [sum_of(rows, first, end) for first, end in pairwise([None, *sorted(bounds), None])]
    assert sum_ranges(batches, sorted(bounds)) == [
        RangeSum(each["members"], int(each["fingerprint"], 16)) for each in expected
    ]


def test_members_of_a_span_are_those_from_its_first_to_before_its_end(tx: int) -> None:
    rows = pull("TX").members
    for first, end in ((None, None), (KEYS[1], KEYS[4]), (None, KEYS[1]), (KEYS[5], None), (("a", ""), ("b", ""))):
        found = pull("TX", span=Span(first, end))
        assert found.mode is Mode.FULL
        assert found.members == {
            key: row for key, row in rows.items() if (first is None or key >= first) and (end is None or key < end)
        }
        assert found.closing.list_members == 7


def test_a_span_and_customer_ids_beside_changes_are_asked_for_as_json(tx: int, service: HttpClient) -> None:
    from rollkeeper.sync.member_stream import CONTENT_TYPE

    from .pulls import read_pull

    def ask(**options: str) -> Any:
        from urllib.parse import urlencode

        return service.get(f"MarketingLists('TX')/Members?{urlencode(options)}", Accept=CONTENT_TYPE)

    assert list(read_pull(ask(first='["é","0"]').data).members) == KEYS[5:]
    assert list(read_pull(ask(end='["00000002","2"]').data).members) == KEYS[:1]
    token = read_pull(ask().data).closing.token or ""
    assert read_pull(ask(since=token).data).mode is Mode.UNCHANGED
    beside = read_pull(ask(since=token, also='[["9","0"],["00000003","0"],["none","0"]]').data)
    assert (beside.mode, list(beside.members)) == (Mode.DELTA, [("9", "0")])
    assert beside.removed == {("00000003", "0"): "left", ("none", "0"): "deleted"}
    assert read_pull(ask(also='[["9","0"]]').data).mode is Mode.FULL
    for wrong in (
        {"also": "x"}, {"also": "{}"}, {"also": '[["1"]]'}, {"also": '[["1",2]]'}, {"also": '[["\\u0000","0"]]'},
        {"also": '[["\\ud800","0"]]'}, {"also": json.dumps([[str(n), "0"] for n in range(51)])}, {"first": "1"},
        {"first": '["1","0"]', "since": token}, {"end": "[" * 2000},
    ):  # fmt: skip
        assert ask(**wrong).status == 400, wrong


def test_what_is_asked_wrongly_of_an_action_is_refused(tx: int, service: HttpClient) -> None:
    unbuilt_list("NEW")
    path = "MarketingLists('TX')/RangeSums"
    for body in (
        b"", b"[", b"[]", {"bounds": "x"}, {"bounds": [["1"]]}, {"bounds": [["2", "0"], ["1", "0"]]},
        {"bounds": [["1", "0"], ["1", "0"]]}, {"bounds": [], "more": 1}, {"bounds": [["\ud800", "0"]]},
    ):  # fmt: skip
        assert post(service, path, body, 400)["error"]["code"] == "BadRequest"
    assert post(service, path, b" " * 3_000_000, 413)["error"]["code"] == "TooLarge"
    assert post(service, "MarketingLists('GONE')/RangeSums", {"bounds": []}, 404)
    assert post(service, "MarketingLists('NEW')/RangeSums", {"bounds": []}, 409)["error"]["code"] == "ListNotBuilt"
    assert post(service, "MarketingLists('GONE')/Verify", {}, 404)
    assert post(service, "MarketingLists('TX')/Verify", {"repair": 1}, 400)
    assert post(service, "MarketingLists('TX')/Members", {}, 405)
    assert post(service, "MarketingLists", {}, 405)
    response = service.pool.request("POST", f"{service.url}/odata/{path}", body=b"{}")
    assert response.status == 401


def test_facts_that_were_spoiled_are_found_and_repaired(tx: int, service: HttpClient) -> None:  # B1
    assert post(service, "MarketingLists('TX')/Verify", {})["identical"] is True
    with connection.cursor() as cursor:
        cursor.execute("UPDATE list_state SET members = members + 1, fingerprint = 5")
    found = post(service, "MarketingLists('TX')/Verify", {})
    assert (found["identical"], found["repaired"]) == (False, False)
    assert (found["kept"], found["computed"]["members"]) == ({"members": 8, "fingerprint": f"{5:032x}"}, 7)
    sums = range_sums("TX", [])
    assert (sums.list_members, sums.ranges[0].members) == (8, 7)
    assert (pull("TX").closing.list_members, pull("TX").closing.rows) == (8, 7)
    repaired = post(service, "MarketingLists('TX')/Verify", {"repair": True})
    assert (repaired["identical"], repaired["repaired"], repaired["rebuilt_rows"]) == (False, True, 0)
    assert post(service, "MarketingLists('TX')/Verify", {})["identical"] is True
    assert pull("TX").closing.list_fingerprint == pull("TX").closing.fingerprint


def test_a_row_that_changed_unnoticed_is_built_anew_and_travels(tx: int) -> None:  # B1, B2
    receiver = Receiver("TX")
    receiver.pull()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE constituent DISABLE TRIGGER USER")
        Constituent.objects.filter(master_customer_id="9").update(city="Waco")
        cursor.execute("ALTER TABLE constituent ENABLE TRIGGER USER")
    assert receiver.pull().mode is Mode.UNCHANGED
    found = verify("TX", repair=True)
    assert (found.is_identical, found.rebuilt_rows, found.repaired) == (True, 1, True)
    assert list(receiver.pull().members) == [("9", "0")]
