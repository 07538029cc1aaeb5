"""Details and what belongs to a constituent, kept line by line, each change with its author (B22)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.constituents.belongings import KINDS, LineRefused, add_line, change_line, remove_line
from rollkeeper.crm.constituents.details import (
    OTHER_PERMISSIONS,
    TEXTS,
    Details,
    DetailsRefused,
    save_details,
)
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.version import ChangedMeanwhile
from rollkeeper.crm.personalization.models import PersonalizationField
from tests.crm.constituents.files import HEADER, import_text, row

pytestmark = pytest.mark.django_db
WHO = {"author": "mary", "origin": "page"}
GIFT = {"fund_code": "ANNUAL", "amount": Decimal("10.00"), "given_on": date(2026, 1, 2)}
TERM = {
    "level_code": "REG", "level_name": "Regular", "status": "ACTIVE", "joined_on": date(2020, 1, 1),
    "begins_on": date(2026, 1, 1), "expires_on": date(2026, 12, 31), "auto_renew": False,
}  # fmt: skip


@pytest.fixture
def ada() -> Constituent:
    return Constituent.objects.create(
        master_customer_id="1", first_name="Ada", last_name="Lovelace", label_name="Ada Lovelace",
        attributes={"colour": "blue", "size": "M"},
    )  # fmt: skip


def details(person: Constituent, attributes: dict[str, str] | None = None, **columns: Any) -> Details:
    texts = {name: getattr(person, name) for name in TEXTS} | {k: v for k, v in columns.items() if k in TEXTS}
    flags = {name: getattr(person, name) for name in OTHER_PERMISSIONS} | {
        k: v for k, v in columns.items() if k not in TEXTS
    }
    return Details(texts, flags, attributes or {})


def test_details_are_saved_with_their_author(ada: Constituent) -> None:
    wanted = details(ada, {"colour": "red", "size": "", "shoe": "39"}, city="Austin", do_not_call=True)
    save_details(ada, wanted, version=1, **WHO)
    found = Constituent.objects.get()
    assert (found.city, found.do_not_call, found.version) == ("Austin", True, 2)
    assert found.attributes == {"colour": "red", "shoe": "39"}
    line = RecordChange.objects.get()
    assert (line.author, line.origin, line.version) == ("mary", "page", 2)
    assert sorted(line.changes) == [
        ["attribute:colour", "blue", "red"],
        ["attribute:shoe", None, "39"],
        ["attribute:size", "M", None],
        ["city", "", "Austin"],
        ["do_not_call", False, True],
    ]


def test_details_as_they_were_are_no_change(ada: Constituent) -> None:
    assert save_details(ada, details(ada), version=1, **WHO) == []
    assert Constituent.objects.get().version == 1
    assert not RecordChange.objects.exists()


def test_nobody_is_left_without_a_name(ada: Constituent) -> None:
    nameless = {"first_name": "", "last_name": "", "label_name": "", "organization": "Works there"}
    with pytest.raises(DetailsRefused, match="Give a first name"):
        save_details(ada, details(ada, **nameless), version=1, **WHO)
    save_details(ada, details(ada, **nameless, record_type="C"), version=1, **WHO)


def test_out_of_date_details_are_not_written(ada: Constituent) -> None:
    save_details(ada, details(ada, city="Austin"), version=1, **WHO)
    with pytest.raises(ChangedMeanwhile):
        save_details(ada, details(ada, city="Dallas"), version=1, **WHO)
    assert Constituent.objects.get().city == "Austin"


@pytest.mark.parametrize(
    ("kind", "values", "changed"),
    [
        ("gifts", GIFT, {"amount": Decimal("20.00")}),
        ("memberships", TERM, {"auto_renew": True}),
        ("events", {"event_code": "ANN", "event_name": "Meeting", "event_on": date(2026, 5, 1), "registered_on": date(2026, 1, 1), "status": "REGISTERED"}, {"status": "CANCELLED"}),
        ("interests", {"area_code": "ETHICS"}, {"area_code": "BRIDGES"}),
    ],
)  # fmt: skip
def test_a_line_is_added_changed_and_removed_with_its_author(
    ada: Constituent, kind: str, values: dict[str, Any], changed: dict[str, Any]
) -> None:
    line = add_line(ada, KINDS[kind], values, **WHO)
    assert change_line(ada, KINDS[kind], line.pk, values | changed, seen=values, **WHO)
    assert not change_line(ada, KINDS[kind], line.pk, values | changed, seen=values | changed, **WHO)
    remove_line(ada, KINDS[kind], line.pk, seen=values | changed, **WHO)
    assert not KINDS[kind].rows(ada).exists()
    lines = list(RecordChange.objects.order_by("id"))
    assert [(entry.action, entry.author, entry.version) for entry in lines] == [
        ("created", "mary", 2), ("changed", "mary", 3), ("removed", "mary", 4),
    ]  # fmt: skip
    [(name, _)] = changed.items()
    assert [change[0] for change in lines[1].changes] == [name]
    assert len(lines[2].changes) == len(values), "what was removed stays on record"


def test_a_line_that_someone_else_changed_or_removed_is_left_alone(ada: Constituent) -> None:
    gift = add_line(ada, KINDS["gifts"], GIFT, **WHO)
    change_line(ada, KINDS["gifts"], gift.pk, GIFT | {"amount": Decimal("99.00")}, seen=GIFT, **WHO)
    for attempt in (
        lambda: change_line(ada, KINDS["gifts"], gift.pk, GIFT | {"fund_code": "X"}, seen=GIFT, **WHO),
        lambda: remove_line(ada, KINDS["gifts"], gift.pk, seen=GIFT, **WHO),
        lambda: remove_line(ada, KINDS["gifts"], gift.pk + 1, seen=GIFT, **WHO),
    ):
        with pytest.raises(ChangedMeanwhile):
            attempt()
    assert ada.gifts.get().amount == Decimal("99.00")


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("gifts", GIFT | {"amount": Decimal(0)}, "amount"),
        ("memberships", TERM | {"expires_on": date(2025, 1, 1)}, "expires_on"),
        ("memberships", TERM | {"joined_on": date(2026, 2, 1)}, "joined_on"),
        ("interests", {"area_code": "ETHICS"}, "area_code"),
    ],
)
def test_a_line_that_cannot_be_is_refused(ada: Constituent, kind: str, values: dict[str, Any], field: str) -> None:
    ada.interests.create(area_code="ETHICS")
    with pytest.raises(LineRefused) as refused:
        add_line(ada, KINDS[kind], values, **WHO)
    assert refused.value.field == field
    assert not RecordChange.objects.exists()


def test_an_import_logs_what_it_changes_of_whom_and_counts_whom_it_creates(tmp_path: Path) -> None:
    PersonalizationField.objects.all().delete()
    header = f"{HEADER},city,colour"
    import_text(
        tmp_path, [row("1", "Austin", "blue", first_name="Ada", email="a@example.org"), row("2", "", "")], header
    )
    line = RecordChange.objects.get()
    assert (line.subject_kind, line.subject_key, line.changes) == (
        "import", "constituents.csv", [["created", None, 2], ["updated", None, 0]],
    )  # fmt: skip
    changed = row("1", "Dallas", "", first_name="Ada", email="b@example.org", do_not_solicit="Y", allow_email="N")
    import_text(tmp_path, [changed, row("2", "", "")], header)
    known = Constituent.objects.get(master_customer_id="1")
    line = RecordChange.objects.get(subject_kind="constituent")
    assert (line.subject_key, line.author, line.origin, line.version) == (str(known.pk), "mary", "command", 2)
    assert known.version == 2
    assert sorted(line.changes) == [
        ["allow_email", True, False],
        ["attribute:colour", "blue", None],
        ["city", "Austin", "Dallas"],
        ["do_not_solicit", False, True],
        ["email", "a@example.org", "b@example.org"],
    ]
