"""The hash that PostgreSQL computes is the one that Python computes, and both are what the page says (B1)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rollkeeper
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, Gift
from rollkeeper.crm.personalization.profile import refresh_profiles
from rollkeeper.sync.member import (
    Field,
    canonical_rows,
    field_set_key,
    fingerprint_text,
    hash_sum,
    member_schema,
    row_hashes,
)
from tests.crm.personalization.profiles import stored_member, stored_members

pytestmark = pytest.mark.django_db
PAGE = Path(rollkeeper.__file__).parents[2] / "docs" / "reference" / "canonical-form.md"
IDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["", "李小龍", "Ångström 🎉👩‍👩‍👧", "שלום", "a\x1fb", "\x1e", "tab\tand\r\nline", "\\N", "'\"%s{}"]
)
CONTROLS = {chr(code): "" for code in range(32) if chr(code) not in "\t\n\r"}


def canonical(text: str) -> str | None:
    return text.translate(str.maketrans(CONTROLS)) or None


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "columns": {
            name: draw(TEXTS) for name in ("first_name", "last_name", "city", "organization")
        } | {name: draw(st.booleans()) for name in ("allow_email", "allow_solicitation", "allow_phone")},
        "attribute": draw(TEXTS),
        "address": draw(st.none() | TEXTS),
        "do_not_solicit": draw(st.booleans()),
        "gift": draw(st.none() | st.decimals(-99999, 99999, places=2)),
    }  # fmt: skip


def store(master: str, drawn: dict[str, Any]) -> None:
    attributes = {"colour": drawn["attribute"]}
    row = Constituent.objects.create(master_customer_id=master, attributes=attributes, **drawn["columns"])
    if drawn["address"] is not None:
        EmailAddress.objects.create(
            constituent=row, address=drawn["address"], do_not_solicit=drawn["do_not_solicit"]
        )
    if drawn["gift"] is not None:
        Gift.objects.create(constituent=row, fund_code="A", amount=drawn["gift"], given_on="2026-01-01")


@given(drawn=st.dictionaries(IDS, people(), max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stored_values_are_canonical_and_hashes_equal_the_engines(view, drawn: dict[str, dict[str, Any]]) -> None:
    Constituent.objects.all().delete()
    view(town="constituent.city", firm="constituent.organization", colour="attribute:colour",
         phone="constituent.allow_phone", total="gifts.total")  # fmt: skip
    for master, one in drawn.items():
        store(master, one)
    refresh_profiles()
    batch = stored_members()
    assert batch.num_rows == len(drawn)
    fields = [
        Field(n, n, t)
        for n, t in [
            ("town", "text"),
            ("firm", "text"),
            ("colour", "text"),
            ("phone", "boolean"),
            ("total", "decimal"),
        ]
    ]
    high, low = row_hashes(batch, fields)
    assert high.equals(batch.column("hash_hi"))
    assert low.equals(batch.column("hash_lo"))
    for row in batch.to_pylist():
        check_values(row, drawn[row["master_customer_id"]])


def check_values(row: dict[str, Any], drawn: dict[str, Any]) -> None:
    columns = drawn["columns"]
    assert row["first_name"] == canonical(columns["first_name"])
    assert row["last_name"] == canonical(columns["last_name"])
    assert row["town"] == canonical(columns["city"])
    assert row["firm"] == canonical(columns["organization"])
    assert row["colour"] == canonical(drawn["attribute"])
    assert row["email"] == canonical(drawn["address"] or "")
    assert row["phone"] == ("Y" if columns["allow_phone"] else "N")
    assert Decimal(row["total"]) == (drawn["gift"] or 0)
    assert "E" not in row["total"]
    if "." in row["total"]:
        assert not row["total"].endswith("0")
    denied = [
        *(["allow_solicitation"] if not columns["allow_solicitation"] else []),
        *(["allow_email"] if not columns["allow_email"] else []),
        *(["do_not_solicit"] if drawn["address"] is not None and drawn["do_not_solicit"] else []),
    ]
    assert row["denied_by"] == (",".join(denied) or None)
    assert row["allow_email"] is (not denied)


def vectors() -> dict[str, Any]:
    text = PAGE.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text.partition("```json\n")[2].partition("```")[0])
    return found


def test_the_engine_agrees_with_the_pages_vectors() -> None:
    page = vectors()
    fields = [Field(field["name"], field["name"], field["type"]) for field in page["fields"]]
    assert field_set_key(fields) == page["field_set_key"]
    schema = member_schema(fields)
    rows = [one["values"] | {"hash_hi": 0, "hash_lo": 0} for one in page["members"]]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    high, low = row_hashes(batch, fields)
    assert canonical_rows(batch, fields).to_pylist() == [one["canonical_form"] for one in page["members"]]
    assert high.to_pylist() == [one["hash_hi"] for one in page["members"]]
    assert low.to_pylist() == [one["hash_lo"] for one in page["members"]]
    for one in page["members"]:
        assert f"{one['hash_hi'] % 2**64:016x}{one['hash_lo'] % 2**64:016x}" == one["hash"]
    total = hash_sum(high.to_numpy().astype(np.int64), low.to_numpy().astype(np.int64))
    assert fingerprint_text(total) == page["fingerprint"]


def test_the_crm_agrees_with_the_pages_vectors(view) -> None:
    page = vectors()
    sources = {
        "city": "constituent.city", "Favorite color": "attribute:Favorite color", "total_given": "gifts.total",
        "member_since": "membership.joined_on", "renews_by_itself": "membership.auto_renew",
    }  # fmt: skip
    view(**{field["name"]: sources[field["name"]] for field in page["fields"]})
    for one in page["members"]:
        store_vector(one["values"])
    refresh_profiles()
    for one in page["members"]:
        values = one["values"]
        found = stored_member(values["master_customer_id"], values["sub_customer_id"])
        assert found == values | {"hash_hi": one["hash_hi"], "hash_lo": one["hash_lo"]}


def store_vector(values: dict[str, Any]) -> None:
    denied = (values["denied_by"] or "").split(",")
    row = Constituent.objects.create(
        **{name: values[name] for name in ("master_customer_id", "sub_customer_id")},
        **{name: values[name] or "" for name in ("first_name", "last_name", "city")},
        allow_email="allow_email" not in denied,
        allow_solicitation="allow_solicitation" not in denied,
        attributes={"Favorite color": values["Favorite color"]} if values["Favorite color"] else {},
    )
    if values["email"]:
        row.email_addresses.create(address=values["email"], do_not_solicit="do_not_solicit" in denied)
    if values["total_given"] != "0":
        row.gifts.create(fund_code="A", amount=values["total_given"], given_on="2026-01-01")
    if values["member_since"]:
        row.memberships.create(
            level_code="A", level_name="A", joined_on=values["member_since"], begins_on=values["member_since"],
            expires_on="2030-01-01", auto_renew=values["renews_by_itself"] == "Y",
        )  # fmt: skip


def test_the_database_holds_text_as_utf_8() -> None:
    """The hash is over UTF-8 (section 4 of the page)."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_encoding")
        assert cursor.fetchone() == ("UTF8",)
