"""E-mail permission: three flags, one effective value, every change on record (S4, S6, S8)."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import connection

from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.permission import (
    ChangedMeanwhile,
    PermissionRefused,
    set_allow_email,
    set_allow_solicitation,
    set_do_not_solicit,
)
from rollkeeper.sync.permission import effective_permission

pytestmark = pytest.mark.django_db
WHO = {"author": "mary", "origin": "page"}


def constituent(**columns: object) -> Constituent:
    return Constituent.objects.create(master_customer_id="00000001", label_name="Ann Lee", **columns)


def effective(row: Constituent) -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT email, allow_email, denied_by FROM constituent_permission WHERE constituent_id = %s", [row.pk]
        )
        return tuple(cursor.fetchone())


@pytest.mark.parametrize(("solicitation", "email", "do_not"), list(product([True, False], repeat=3)))
def test_the_database_computes_what_the_rule_says(solicitation: bool, email: bool, do_not: bool) -> None:  # S4
    row = constituent(allow_solicitation=solicitation, allow_email=email)
    EmailAddress.objects.create(constituent=row, address="ann@example.org", do_not_solicit=do_not)
    _, allowed, denied_by = effective(row)
    assert allowed is effective_permission(solicitation, email, do_not)
    denying = {"allow_solicitation": not solicitation, "allow_email": not email, "do_not_solicit": do_not}
    assert denied_by == (",".join(flag for flag, denies in denying.items() if denies) or None)


def test_the_primary_address_decides_and_another_does_not() -> None:  # S6
    row = constituent()
    EmailAddress.objects.create(constituent=row, address="a@example.org")
    other = EmailAddress.objects.create(constituent=row, address="b@example.org", is_primary=False)
    set_do_not_solicit(other, True, **WHO)
    assert effective(row) == ("a@example.org", True, None)


def test_someone_without_an_address_is_allowed_by_their_own_flags() -> None:
    assert effective(constituent()) == (None, True, None)


def test_a_change_is_recorded_with_who_when_from_where_old_and_new() -> None:  # S8
    row = constituent()
    address = EmailAddress.objects.create(constituent=row, address="ann@example.org")
    set_allow_email(row, False, **WHO)
    set_allow_solicitation(row, False, **WHO)
    set_do_not_solicit(address, True, author="job", origin="marketing site")
    found = list(PermissionChange.objects.order_by("id").values_list(
        "constituent_id", "address", "field", "old", "new", "changed_by", "origin"
    ))  # fmt: skip
    assert found == [
        (row.pk, "", "allow_email", True, False, "mary", "page"),
        (row.pk, "", "allow_solicitation", True, False, "mary", "page"),
        (row.pk, "ann@example.org", "do_not_solicit", False, True, "job", "marketing site"),
    ]
    assert all(PermissionChange.objects.values_list("changed_at", flat=True))
    row.refresh_from_db()
    assert row.version == 4


def test_setting_what_is_so_already_records_nothing() -> None:
    row = constituent()
    assert set_allow_email(row, True, **WHO) is None
    assert not PermissionChange.objects.exists()
    row.refresh_from_db()
    assert row.version == 1


def test_allow_email_is_refused_while_solicitation_is_not_allowed() -> None:  # S4
    row = constituent(allow_email=False, allow_solicitation=False)
    with pytest.raises(PermissionRefused, match="Allow Solicitation is False"):
        set_allow_email(row, True, **WHO)
    row.refresh_from_db()
    assert (row.allow_email, row.version) == (False, 1)
    assert not PermissionChange.objects.exists()


def test_allowing_solicitation_again_restores_the_stored_flag_and_creates_no_consent() -> None:  # S4
    for stored in (True, False):
        row = Constituent.objects.create(
            master_customer_id=f"m{stored}", allow_email=stored, allow_solicitation=False
        )
        set_allow_solicitation(row, True, **WHO)
        assert effective(row)[1] is stored


def test_a_page_that_is_out_of_date_writes_nothing() -> None:
    row = constituent()
    address = EmailAddress.objects.create(constituent=row, address="ann@example.org")
    set_allow_email(Constituent.objects.get(), False, **WHO)
    for change in (
        lambda: set_allow_email(row, True, version=1, **WHO),
        lambda: set_allow_solicitation(row, False, version=1, **WHO),
        lambda: set_do_not_solicit(address, True, version=1, **WHO),
    ):
        with pytest.raises(ChangedMeanwhile, match="Look at it again"):
            change()
    assert PermissionChange.objects.count() == 1
    assert set_do_not_solicit(address, True, version=2, **WHO) is not None
