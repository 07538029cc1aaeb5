"""Tokens that are of no use lead to a full pull and never to an error, a wrong delta or a missed change (B2)."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest
from django.core import signing
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.crm.changes.departures import purge_departures
from rollkeeper.crm.changes.token import MOST_RUNNING, SALT, ChangeToken, Seen, read_token
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.sync.connector import Mode
from rollkeeper.sync.member_stream import CONTENT_TYPE

from .association import add_constituent
from .conftest import HttpClient
from .pulls import Receiver, pull, read_pull

XID = st.integers(1, 2**63)


@pytest.fixture
def everyone(transactional_db: None) -> MarketingList:
    for master in ("1", "2", "3"):
        add_constituent(master)
    made = save_list("ALL", "All", rule={"combinator": "and", "rules": []})
    regenerate(made.pk)
    return made


@given(st.lists(XID, unique=True, max_size=5), XID, XID)
def test_a_snapshot_sees_what_is_before_its_end_and_was_not_running(running: list[int], end: int, xid: int) -> None:
    running = sorted(each for each in running if each < end)
    seen = Seen.read(f"{min([*running, end])}:{end}:{','.join(map(str, running))}")
    assert (xid in seen) == (xid < end and xid not in running)
    assert all(each not in seen for each in (*running, end))
    assert Seen.read(seen.text) == seen


def test_with_very_many_running_a_token_sees_less_and_stays_short() -> None:
    running = range(10_000, 10_000 + MOST_RUNNING + 1)
    seen = Seen.read(f"10000:20000:{','.join(map(str, running))}")
    assert (9_999 in seen, 10_000 in seen, 15_000 in seen) == (True, False, False)
    assert len(ChangeToken(1, 1, "f" * 16, "e" * 50, seen).text) < 500


@given(st.text())
def test_no_text_is_refused_as_a_token(text: str) -> None:
    assert read_token(text) is None


@pytest.mark.parametrize("state", [[], {}, None, 1, "x", [2, 1, 1, "", "", "1:1:"], [1, 1, 1, "", "", "x"], [1, 2]])
def test_what_is_sealed_but_no_token_is_none(state: object) -> None:
    assert read_token(signing.Signer(salt=SALT).sign_object(state)) is None


def test_a_token_of_no_use_has_the_list_sent_whole(everyone: MarketingList, service: HttpClient) -> None:
    text = pull("ALL").closing.token or ""
    token = read_token(text)
    assert token is not None
    of_no_use = {
        "altered": text[:10] + ("A" if text[10] != "A" else "B") + text[11:],
        "cut": text[:-3],
        "empty": "",
        "garbage": "\0\ud7ff%é" * 20,
        "long": "x" * 7_000,
        "of another list": replace(token, list_id=token.list_id + 1).text,
        "of another database": replace(token, epoch="elsewhere").text,
        "of other fields": replace(token, fields="0" * 16).text,
        "of a later version": replace(token, version=token.version + 1).text,
        "of a later snapshot": replace(token, seen=Seen(token.seen.end + 10_000)).text,
    }
    for what, since in of_no_use.items():
        answer = service.get(f"MarketingLists('ALL')/Members?since={quote(since)}", Accept=CONTENT_TYPE)
        assert answer.status == 200, what
        assert (read_pull(answer.data).mode, len(read_pull(answer.data).members)) == (Mode.FULL, 3), what
    assert pull("ALL", text).mode is Mode.UNCHANGED


def test_a_token_older_than_the_tombstones_kept_has_the_list_sent_whole(everyone: MarketingList) -> None:
    older, newer = Receiver("ALL"), Receiver("ALL")
    older.pull()
    Constituent.objects.get(master_customer_id="3").delete()
    newer.pull()
    _age(days=91)
    Constituent.objects.get(master_customer_id="2").delete()
    assert newer.pull().mode is Mode.DELTA
    with connection.cursor() as cursor:
        assert purge_departures(cursor) == 1
        assert purge_departures(cursor) == 0
    assert newer.pull().mode is Mode.UNCHANGED
    add_constituent("4")
    regenerate(everyone.pk)
    assert newer.pull().mode is Mode.DELTA
    assert older.pull().mode is Mode.FULL
    assert list(older.members) == list(newer.members) == [("1", "0"), ("4", "0")]


def _age(days: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE list_departure SET settled_at = settled_at - make_interval(days => %s)", [days])


def test_a_deleted_list_leaves_nothing_behind(everyone: MarketingList) -> None:
    Constituent.objects.get(master_customer_id="3").delete()
    pull("ALL")
    Constituent.objects.get(master_customer_id="2").delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM list_version")
        cursor.execute("DELETE FROM marketing_list")
        for table in ("list_member", "list_state", "list_lost", "list_departure"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table
