"""The change log: what changed, from what to what, by whom, when, from where (B22)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from rollkeeper.crm.audit.models import Action, RecordChange
from rollkeeper.crm.audit.record import FieldChange, differences, history, record

pytestmark = pytest.mark.django_db


def test_a_line_keeps_what_it_is_told_and_when() -> None:
    changes = [
        FieldChange("amount", None, Decimal("12.50")),
        FieldChange("given_on", date(2026, 2, 3), None),
        FieldChange("auto_renew", False, True),
    ]
    record("constituent", 17, "ada", "CRM360 page", changes, part="Gift", version=3)
    line = RecordChange.objects.get()
    assert (line.subject_kind, line.subject_key, line.part, line.action) == ("constituent", "17", "Gift", "changed")
    assert line.changes == [
        ["amount", None, "12.50"],
        ["given_on", "2026-02-03", None],
        ["auto_renew", False, True],
    ]
    assert (line.author, line.origin, line.version) == ("ada", "CRM360 page", 3)
    assert abs((datetime.now(UTC) - line.changed_at).total_seconds()) < 60


def test_no_change_is_no_line_but_what_was_made_or_removed_is_one() -> None:
    assert record("list", "A", "ada", "page", []) is None
    assert record("list", "A", "ada", "page", [], action=Action.REMOVED) is not None
    assert RecordChange.objects.count() == 1


def test_the_history_of_one_record_is_its_own() -> None:
    for key in ("A", "B", "A"):
        record("list", key, "ada", "page", [FieldChange("name", None, key)])
    record("constituent", "A", "ada", "page", [FieldChange("name", None, "x")])
    found = history("list", "A")
    assert [line.subject_key for line in found] == ["A", "A"]
    assert found[0].pk < found[1].pk


def test_differences_are_what_the_new_says_otherwise() -> None:
    assert differences({"a": 1, "b": "x", "c": None}, {"a": 1, "b": "y"}) == [FieldChange("b", "x", "y")]
    assert differences({}, {"a": True}) == [FieldChange("a", None, True)]


def test_a_year_has_a_partition_of_its_own_and_what_has_none_is_kept_too() -> None:
    for year in (2026, 2030, 1999):
        RecordChange.objects.create(
            subject_kind="k",
            subject_key=str(year),
            author="a",
            origin="o",
            changed_at=datetime(year, 7, 1, tzinfo=UTC),
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, subject_key FROM record_change ORDER BY 2")
        assert cursor.fetchall() == [
            ("record_change_other", "1999"),
            ("record_change_2026", "2026"),
            ("record_change_2030", "2030"),
        ]
    assert [line.subject_key for line in RecordChange.objects.filter(subject_kind="k").order_by("-id")[:2]] == [
        "1999",
        "2030",
    ]
