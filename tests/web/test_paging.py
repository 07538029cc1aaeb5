"""Paging by key: every row once, forwards and backwards, whatever comes or goes between."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.web.paging import Page, keyset_page, read_key, write_key

pytestmark = pytest.mark.django_db
KEYS = st.lists(st.one_of(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), st.integers(-(2**62), 2**62)), min_size=1).map(tuple)  # fmt: skip


def request(address: str = "") -> HttpRequest:
    return RequestFactory().get("/" + address)


def page(address: str = "", *, descending: bool = False, rows: Any = None) -> Page[Group]:
    return keyset_page(rows or Group.objects.all(), request(address), ("name", "id"), descending=descending, size=4)


def names(found: Page[Group]) -> list[str]:
    return [group.name for group in found.rows]


@pytest.fixture
def groups() -> list[str]:
    made = [f"group {number:02d}" for number in range(10)]
    Group.objects.bulk_create(Group(name=name) for name in made)
    return made


@pytest.mark.parametrize("descending", [False, True])
def test_next_and_previous_walk_the_same_pages(groups: list[str], descending: bool) -> None:
    expected = sorted(groups, reverse=descending)
    here, forwards, last = "", [], page(descending=descending)
    while True:
        last = page(here, descending=descending)
        forwards += names(last)
        if not last.next_url:
            break
        here = last.next_url
    assert forwards == expected
    backwards = names(last)
    while last.previous_url:
        last = page(last.previous_url, descending=descending)
        backwards = names(last) + backwards
    assert backwards == expected
    assert last.previous_url == ""
    assert last.next_url != ""


def test_a_row_that_goes_or_comes_disturbs_no_neighbour(groups: list[str]) -> None:
    following = page().next_url
    Group.objects.filter(name="group 03").delete()  # the row that the address names
    Group.objects.create(name="group 00a")
    assert names(page(following)) == ["group 04", "group 05", "group 06", "group 07"]


def test_filters_stay_in_the_addresses(groups: list[str]) -> None:
    found = page("?q=a%20b&state=x")
    assert found.next_url.startswith("?q=a+b&state=x&after=")
    again = keyset_page(Group.objects.all(), request(found.next_url), ("name", "id"), size=4)
    assert again.previous_url.startswith("?q=a+b&state=x&before=")
    assert again.first_url == "?q=a+b&state=x"


def test_no_rows_no_neighbours() -> None:
    found = page()
    assert (list(found.rows), found.previous_url, found.next_url, found.first_url) == ([], "", "", "")


def test_a_page_is_found_by_index_and_without_offset_or_count(
    groups: list[str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1) as queries:
        page(page_address())
    statement = queries.captured_queries[0]["sql"]
    assert "OFFSET" not in statement
    assert "COUNT" not in statement.upper()
    assert "ROW(" in statement


def page_address() -> str:
    return "?after=" + write_key(("group 03", 1))


@given(KEYS)
def test_a_key_survives_its_address(key: tuple[str | int, ...]) -> None:
    assert read_key(write_key(key), len(key)) == key


@given(st.text())
def test_any_other_text_is_refused_or_read_and_never_breaks_a_page(text: str) -> None:
    with suppress(BadRequest):
        assert len(read_key(text, 2)) == 2


@pytest.mark.parametrize("key", [("group 01", "x"), (1, 1), (1, "group 01"), ("\ud800", 1)])
def test_a_key_of_other_types_is_refused_before_the_database_sees_it(
    groups: list[str], key: tuple[Any, ...]
) -> None:
    text = json.dumps(key).encode()
    with pytest.raises(BadRequest):
        page(f"?after={base64.urlsafe_b64encode(text).decode().rstrip('=')}")
