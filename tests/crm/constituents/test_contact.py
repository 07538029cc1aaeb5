"""Contact information, saved: several addresses, which is primary, and what each Save leaves on record (S6, S8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.constituents.addresses import Address, AddressesRefused, decide
from rollkeeper.crm.constituents.contact import Contact, Saved, save_contact, stored_addresses
from rollkeeper.crm.constituents.effective import effective_permissions
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.permission import ChangedMeanwhile, PermissionRefused
from rollkeeper.crm.personalization.profile import refresh_profiles
from tests.crm.personalization.profiles import stored_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Constituent:
    row = Constituent.objects.create(master_customer_id="1", label_name="Ada Lovelace")
    EmailAddress.objects.create(constituent=row, address="ada@example.org")
    EmailAddress.objects.create(constituent=row, address="ada@home.example", location_code="HOME", is_primary=False)
    return row


def save(row: Constituent, addresses: tuple[Address, ...] | None = None, **flags: bool) -> Saved:
    row.refresh_from_db()
    wanted = Contact(
        flags.get("allow_solicitation", row.allow_solicitation),
        flags.get("allow_email", row.allow_email),
        stored_addresses(row) if addresses is None else addresses,
    )
    return save_contact(row, wanted, version=row.version, author="mary", origin="page")


def log() -> list[tuple[Any, ...]]:
    found = RecordChange.objects.order_by("id").values_list("part", "action", "changes", "version", "author")
    return [tuple(line) for line in found]


def test_nothing_marked_is_nothing_written(ada: Constituent) -> None:
    assert save(ada) == Saved()
    ada.refresh_from_db()
    assert ada.version == 1
    assert log() == []


def test_an_address_is_added(ada: Constituent) -> None:
    saved = save(ada, (*stored_addresses(ada), Address(None, "ada@new.example", "OTHER", do_not_solicit=True)))
    assert saved.addresses == ["ada@new.example was added"]
    new = EmailAddress.objects.get(address="ada@new.example")
    assert (new.location_code, new.is_primary, new.is_active, new.do_not_solicit) == ("OTHER", False, True, True)
    change = PermissionChange.objects.get()
    assert (change.address, change.field, change.old, change.new) == (
        "ada@new.example",
        "do_not_solicit",
        None,
        True,
    )
    [(part, action, changes, version, author)] = log()
    assert (part, action, version, author) == ("E-mail address ada@new.example", "created", 2, "mary")
    assert ["do_not_solicit", None, True] in changes


def test_the_primary_address_can_be_another_and_then_decides(ada: Constituent) -> None:  # S6
    first, second = stored_addresses(ada)
    save(ada, (first, replace(second, do_not_solicit=True)))
    assert effective_permissions([ada.pk])[ada.pk].may_be_mailed
    saved = save(ada, (replace(first, is_primary=False), replace(second, is_primary=True, do_not_solicit=True)))
    assert saved.addresses == ["ada@home.example is now the primary address"]
    permission = effective_permissions([ada.pk])[ada.pk]
    assert (permission.email, permission.denied_by) == ("ada@home.example", ("do_not_solicit",))


def test_an_address_is_corrected_and_keeps_its_mark(ada: Constituent) -> None:
    first, second = stored_addresses(ada)
    save(ada, (replace(first, do_not_solicit=True), second))
    first, second = stored_addresses(ada)
    saved = save(ada, (replace(first, address="ada.l@example.org"), second))
    assert saved.addresses == ["ada@example.org is now ada.l@example.org"]
    found = EmailAddress.objects.get(pk=first.id)
    assert (found.address, found.do_not_solicit, found.is_primary) == ("ada.l@example.org", True, True)
    assert log()[-1][2] == [["address", "ada@example.org", "ada.l@example.org"]]


def test_an_address_is_removed(ada: Constituent) -> None:
    first, second = stored_addresses(ada)
    assert save(ada, (first,)).addresses == ["ada@home.example was removed"]
    assert not EmailAddress.objects.filter(pk=second.id).exists()
    assert log()[0][:2] == ("E-mail address ada@home.example", "removed")


def test_the_last_address_may_go(ada: Constituent) -> None:
    save(ada, ())
    assert effective_permissions([ada.pk])[ada.pk].email is None


def test_everything_at_once_is_one_save(ada: Constituent) -> None:
    first, _ = stored_addresses(ada)
    new = Address(None, "ada@new.example", is_primary=True)
    saved = save(ada, (replace(first, is_primary=False, do_not_solicit=True), new), allow_email=False)
    assert len(saved.permissions) == 3
    assert [row.address for row in stored_addresses(ada)] == ["ada@new.example", "ada@example.org"]


def test_what_was_saved_reaches_the_profile(ada: Constituent) -> None:
    refresh_profiles()
    first, second = stored_addresses(ada)
    save(ada, (replace(first, is_primary=False), replace(second, is_primary=True)))
    refresh_profiles()
    assert stored_member("1")["email"] == "ada@home.example"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one, two: (replace(one, address="nonsense"), two), "is no e-mail address"),
        (lambda one, two: (replace(one, address=""), two), "is no e-mail address"),
        (lambda one, two: (one, two, Address(None, "ADA@example.org")), "is there already"),
        (lambda one, two: (replace(one, address="ada@home.example"), two), "is there already"),
        (lambda _, two: (two,), "Choose which of the addresses is the primary one"),
        (lambda one, two: (replace(one, is_primary=False), two), "Choose which of the addresses"),
        (lambda one, two: (replace(one, is_active=False), two), "both primary and inactive"),
    ],
)
def test_addresses_that_cannot_be_are_refused_and_nothing_is_written(
    ada: Constituent, change: Any, words: str
) -> None:
    before = stored_addresses(ada)
    with pytest.raises(AddressesRefused, match=words):
        save(ada, change(*before), allow_email=False)
    ada.refresh_from_db()
    assert (ada.version, ada.allow_email, stored_addresses(ada)) == (1, True, before)
    assert log() == []


def test_what_an_import_brought_does_not_stand_in_the_way(ada: Constituent) -> None:
    EmailAddress.objects.filter(address="ada@example.org").update(address="not an address", is_active=False)
    assert len(save(ada, allow_email=False).permissions) == 1


def test_an_out_of_date_page_writes_nothing(ada: Constituent) -> None:
    contact = Contact(True, False, ())
    save(ada, allow_solicitation=False)
    with pytest.raises(ChangedMeanwhile):
        save_contact(ada, contact, version=1, author="mary", origin="page")
    assert len(stored_addresses(ada)) == 2


def test_a_refused_flag_keeps_the_addresses_as_they_were(ada: Constituent) -> None:  # S4
    save(ada, allow_email=False, allow_solicitation=False)
    with pytest.raises(PermissionRefused):
        save(ada, (), allow_email=True)
    assert len(stored_addresses(ada)) == 2


def test_the_plan_of_a_stored_address_that_is_gone_is_nothing() -> None:
    plan = decide([], [Address(7, "a@b.example")])
    assert (plan.added, plan.changed, plan.removed) == ([], [], [])
