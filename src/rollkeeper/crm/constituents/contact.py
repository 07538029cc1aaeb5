"""Edit contact information, saved: every marked change in one transaction, or none (S4–S6, S8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from rollkeeper.crm.constituents.models import Constituent, PermissionChange
from rollkeeper.crm.constituents.permission import set_allow_email, set_allow_solicitation, set_do_not_solicit


@dataclass(frozen=True, slots=True)
class Contact:
    """The permissions as they shall be: both flags, and *Do Not Solicit by Email* of addresses by id."""

    allow_solicitation: bool
    allow_email: bool
    do_not_solicit: Mapping[int, bool]


def save_contact(
    constituent: Constituent, wanted: Contact, *, version: int, author: str, origin: str
) -> list[PermissionChange]:
    """Make the constituent's permissions these; the changes that it took.

    What is as it was is no change: an Allow Email that is stored as True stays so while Allow Solicitation is
    False, but it cannot be set to True then (S4). Addresses of others are left alone.
    Raises `PermissionRefused` and `ChangedMeanwhile`; nothing is written then.
    """
    with transaction.atomic():
        # The first call locks the constituent and compares the version; the others rely on that lock.
        solicitation = wanted.allow_solicitation
        changes = [set_allow_solicitation(constituent, solicitation, author=author, origin=origin, version=version)]
        constituent.refresh_from_db(fields=["allow_email"])
        if wanted.allow_email != constituent.allow_email:
            changes.append(set_allow_email(constituent, wanted.allow_email, author=author, origin=origin))
        changes += [
            set_do_not_solicit(address, wanted.do_not_solicit[address.pk], author=author, origin=origin)
            for address in constituent.email_addresses.filter(pk__in=wanted.do_not_solicit).order_by("id")
        ]
    return [change for change in changes if change is not None]
