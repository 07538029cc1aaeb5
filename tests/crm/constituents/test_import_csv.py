"""The constituents CSV: what it creates, changes and leaves (spec: docs/reference/constituents.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollkeeper.crm.constituents.csv_rows import COLUMNS_LIMIT
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.permission import set_do_not_solicit
from rollkeeper.crm.personalization.fields import add_field, remove_field, view_fields
from rollkeeper.crm.personalization.models import PersonalizationField, WithdrawnField
from rollkeeper.crm.personalization.profile import refresh_profiles
from tests.crm.constituents.files import HEADER, import_text, row
from tests.crm.personalization.profiles import stored_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def empty_view(db: None) -> None:
    PersonalizationField.objects.all().delete()


def changes() -> list[tuple[object, ...]]:
    found = PermissionChange.objects.order_by("id")
    return list(found.values_list("constituent__master_customer_id", "address", "field", "old", "new"))


def addresses(master: str = "1") -> dict[str, tuple[bool, bool]]:
    """Address → is primary, do not solicit."""
    found = EmailAddress.objects.filter(constituent__master_customer_id=master)
    return {one.address: (one.is_primary, one.do_not_solicit) for one in found}


def counts(report: object) -> tuple[int, ...]:
    return tuple(getattr(report, name) for name in ("read", "created", "updated", "unchanged", "set_aside"))


def test_empty_cells_take_their_defaults(tmp_path: Path) -> None:
    assert counts(import_text(tmp_path, [row("007")])) == (1, 1, 0, 0, 0)
    found = Constituent.objects.get()
    assert (found.master_customer_id, found.sub_customer_id) == ("007", "0")
    assert (found.record_type, found.status) == ("I", "ACTIVE")
    assert (found.allow_email, found.allow_solicitation, found.version) == (True, True, 1)
    assert addresses("007") == {}
    assert changes() == []


def test_every_fixed_column_lands_where_it_belongs(tmp_path: Path) -> None:
    line = row("1", sub_customer_id="2", record_type="C", first_name="Ann", last_name="Lee", label_name="Ann Lee",
               email="ann@example.org", allow_email="N", allow_solicitation="N", do_not_solicit="Y", status="INACTIVE")  # fmt: skip
    import_text(tmp_path, [line])
    found = Constituent.objects.get()
    assert (found.customer_id, found.record_type, found.status) == ("1-2", "C", "INACTIVE")
    assert (found.first_name, found.last_name, found.label_name) == ("Ann", "Lee", "Ann Lee")
    assert (found.allow_email, found.allow_solicitation) == (False, False)
    assert addresses() == {"ann@example.org": (True, True)}
    assert sorted(change[2:] for change in changes()) == [  # S8: who was born opted out
        ("allow_email", None, False), ("allow_solicitation", None, False), ("do_not_solicit", None, True),
    ]  # fmt: skip


def test_further_columns_fill_the_constituents_own_or_become_attributes(tmp_path: Path) -> None:
    header = HEADER + ",city,Favorite color,allow_phone,customer_class"
    import_text(tmp_path, [row("1", "Bonn", "blue", "N", "STAFF"), row("2", "", "", "", "")], header)
    first, second = Constituent.objects.order_by("master_customer_id")
    assert (first.city, first.attributes, first.allow_phone) == ("Bonn", {"Favorite color": "blue"}, False)
    assert (second.city, second.attributes, second.allow_phone) == ("", {}, True)
    assert first.customer_class == "STAFF"
    assert [(field.name, field.source) for field in view_fields()] == [  # S25
        ("city", "constituent.city"), ("Favorite color", "attribute:Favorite color"),
        ("allow_phone", "constituent.allow_phone"), ("customer_class", "constituent.customer_class"),
    ]  # fmt: skip
    refresh_profiles()
    assert stored_member("1")["Favorite color"] == "blue"
    assert stored_member("1")["allow_phone"] == "N"


def test_a_wrong_flag_in_a_further_column_is_set_aside(tmp_path: Path) -> None:
    report = import_text(tmp_path, [row("1", "maybe")], HEADER + ",do_not_call")
    assert report.set_aside_rows[0].reason == "wrong_flag"


def test_the_same_file_again_changes_and_writes_nothing(tmp_path: Path) -> None:
    header = HEADER + ",city,colour"
    lines = [
        row("1", "Bonn", "blue", email="a@example.org", do_not_solicit="Y"),
        row("2", "", "", do_not_solicit="Y"),
    ]
    import_text(tmp_path, lines, header)
    refresh_profiles()
    before = list(Constituent.objects.values_list("version", "modified_at"))
    assert counts(import_text(tmp_path, lines, header)) == (2, 0, 0, 2, 0)
    assert list(Constituent.objects.values_list("version", "modified_at")) == before
    assert refresh_profiles() == 0


def test_only_what_changed_is_updated(tmp_path: Path) -> None:
    import_text(tmp_path, [row("1", first_name="Ann"), row("2", first_name="Bob")])
    report = import_text(tmp_path, [row("1", first_name="Ann"), row("2", first_name="Rob"), row("3")])
    assert counts(report) == (3, 1, 1, 1, 0)
    assert dict(Constituent.objects.values_list("master_customer_id", "version")) == {"1": 1, "2": 2, "3": 1}


def test_attributes_and_columns_of_other_files_stay(tmp_path: Path) -> None:
    import_text(tmp_path, [row("1", "Bonn", "blue", "42")], HEADER + ",city,colour,shoe")
    import_text(tmp_path, [row("1", "", "rock")], HEADER + ",colour,music")
    found = Constituent.objects.get()
    assert (found.city, found.attributes) == ("Bonn", {"shoe": "42", "music": "rock"})


def test_a_new_address_becomes_the_primary_one_of_the_same_constituent(tmp_path: Path) -> None:
    import_text(tmp_path, [row("1", email="old@example.org", do_not_solicit="Y")])
    before = Constituent.objects.get()
    assert counts(import_text(tmp_path, [row("1", email="new@example.org")])) == (1, 0, 1, 0, 0)
    after = Constituent.objects.get()
    assert (after.pk, after.version) == (before.pk, 2)
    assert addresses() == {"old@example.org": (False, True), "new@example.org": (True, False)}
    assert changes()[-1] == ("1", "new@example.org", "do_not_solicit", None, False)
    import_text(tmp_path, [row("1", email="old@example.org", do_not_solicit="Y")])
    assert addresses() == {"old@example.org": (True, True), "new@example.org": (False, False)}


def test_an_empty_address_leaves_no_primary_one(tmp_path: Path) -> None:
    import_text(tmp_path, [row("1", email="a@example.org")])
    assert counts(import_text(tmp_path, [row("1")])) == (1, 0, 1, 0, 0)
    assert addresses() == {"a@example.org": (False, False)}
    assert counts(import_text(tmp_path, [row("1")])) == (1, 0, 0, 1, 0)
    refresh_profiles()
    assert stored_member("1")["email"] is None


def test_an_inactive_primary_address_is_active_again_when_a_file_brings_it(tmp_path: Path) -> None:
    import_text(tmp_path, [row("1", email="a@example.org")])
    EmailAddress.objects.update(is_active=False)
    assert counts(import_text(tmp_path, [row("1", email="a@example.org")])) == (1, 0, 1, 0, 0)
    assert EmailAddress.objects.get().is_active


def test_permission_changes_are_recorded_with_author_and_origin(tmp_path: Path) -> None:  # S8
    import_text(tmp_path, [row("1", email="a@example.org"), row("2", email="b@example.org")])
    assert changes() == []
    import_text(tmp_path, [
        row("1", email="a@example.org", allow_email="N", allow_solicitation="N", do_not_solicit="Y"),
        row("2", email="b@example.org"),
    ])  # fmt: skip
    assert sorted(changes()) == [
        ("1", "", "allow_email", True, False), ("1", "", "allow_solicitation", True, False),
        ("1", "a@example.org", "do_not_solicit", False, True),
    ]  # fmt: skip
    assert set(PermissionChange.objects.values_list("changed_by", "origin")) == {("mary", "command")}


def test_a_change_on_a_page_meanwhile_is_seen(tmp_path: Path) -> None:
    import_text(tmp_path, [row("1", email="a@example.org")])
    set_do_not_solicit(EmailAddress.objects.get(), True, author="jo", origin="page")
    import_text(tmp_path, [row("1", email="a@example.org", do_not_solicit="Y")])
    assert [change[2:] for change in changes()] == [("do_not_solicit", False, True)]


def test_a_column_that_was_taken_out_of_the_view_stays_out(tmp_path: Path) -> None:  # S25
    import_text(tmp_path, [row("1", "blue")], HEADER + ",colour")
    remove_field("colour")
    report = import_text(tmp_path, [row("1", "red")], HEADER + ",colour")
    assert view_fields() == []
    assert Constituent.objects.get().attributes == {"colour": "red"}
    assert report.notes == ("colour stays out of the personalization view, since someone took it out of it.",)


def test_a_view_that_is_full_is_said_and_the_attribute_is_kept(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(102)]
    report = import_text(tmp_path, [row("1", *names)], HEADER + "," + ",".join(names))
    assert len(view_fields()) == 100
    assert [note.split()[0] for note in report.notes] == ["c100", "c101"]
    assert Constituent.objects.get().attributes["c101"] == "c101"


def test_a_columns_name_that_a_member_has_already_is_an_attribute_alone(tmp_path: Path) -> None:
    report = import_text(tmp_path, [row("1", "x")], HEADER + ",denied_by")
    assert view_fields() == []
    assert "denied_by was imported, but is not in the personalization view" in report.notes[0]
    assert Constituent.objects.get().attributes == {"denied_by": "x"}


def test_an_imported_column_takes_the_place_of_a_field_of_its_name(tmp_path: Path) -> None:
    add_field("membership_level", "membership.level_name")
    report = import_text(tmp_path, [row("1", "Gold")], HEADER + ",membership_level")
    refresh_profiles()
    assert stored_member("1")["membership_level"] == "Gold"
    assert "it was membership.level_name" in report.notes[0]


def test_as_many_columns_as_may_be_can_be_imported(tmp_path: Path) -> None:
    names = [f"it's {number} %" for number in range(COLUMNS_LIMIT)]
    import_text(tmp_path, [row("1", *names)], HEADER + "," + ",".join(names))
    assert len(Constituent.objects.get().attributes) == COLUMNS_LIMIT


def test_a_header_alone_brings_its_columns_and_no_one(tmp_path: Path) -> None:
    assert counts(import_text(tmp_path, [], HEADER + ",colour")) == (0, 0, 0, 0, 0)
    assert not WithdrawnField.objects.exists()
