"""Edit contact information, saved: flags and addresses in one transaction, or nothing of them (S4–S6, S8)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from django.db import transaction

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import differences
from rollkeeper.crm.constituents.addresses import Address, AddressesRefused, AddressPlan, decide, problems
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.permission import (
    address_part,
    record_new_address,
    set_allow_email,
    set_allow_solicitation,
    set_do_not_solicit,
)
from rollkeeper.crm.constituents.version import log


@dataclass(frozen=True, slots=True)
class Contact:
    """The contact information as it shall be. `addresses` are all that the constituent shall have."""

    allow_solicitation: bool
    allow_email: bool
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What a Save changed: permissions, and addresses in words."""

    permissions: list[PermissionChange] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)


def stored_addresses(constituent: Constituent) -> tuple[Address, ...]:
    """The constituent's addresses, the primary one first."""
    rows = constituent.email_addresses.order_by("-is_primary", "-is_active", "id")
    return tuple(
        Address(row.pk, row.address, row.location_code, row.is_primary, row.is_active, row.do_not_solicit)
        for row in rows
    )


def save_contact(constituent: Constituent, wanted: Contact, *, version: int, author: str, origin: str) -> Saved:
    """Make the constituent's contact information this; what it took.

    What is as it was is no change: an Allow Email that is stored as True stays so while Allow Solicitation is
    False, but it cannot be set to True then (S4).
    Raises `PermissionRefused`, `AddressesRefused` and `ChangedMeanwhile`; nothing is written then.
    """
    with transaction.atomic():
        # The first call locks the constituent and compares the version; the others rely on that lock.
        solicitation = wanted.allow_solicitation
        changes = [set_allow_solicitation(constituent, solicitation, author=author, origin=origin, version=version)]
        constituent.refresh_from_db(fields=["allow_email"])
        if wanted.allow_email != constituent.allow_email:
            changes.append(set_allow_email(constituent, wanted.allow_email, author=author, origin=origin))
        stored = stored_addresses(constituent)
        if found := problems(stored, wanted.addresses):
            raise AddressesRefused(found)
        saved = _apply(constituent, decide(stored, wanted.addresses), author=author, origin=origin)
    return replace(saved, permissions=[change for change in (*changes, *saved.permissions) if change is not None])


def _apply(constituent: Constituent, plan: AddressPlan, *, author: str, origin: str) -> Saved:
    """Write the plan: what stops being the primary address first, since there is at most one."""
    words: list[str] = []
    permissions: list[PermissionChange] = []
    for removed in plan.removed:
        constituent.email_addresses.filter(pk=removed.stored_id).delete()
        facts = differences(removed.facts(), dict.fromkeys(removed.facts()))
        log(
            constituent, facts, author=author, origin=origin, action=Action.REMOVED,
            part=address_part(removed.address),
        )  # fmt: skip
        words.append(f"{removed.address} was removed")
    for old, new in sorted(plan.changed, key=lambda pair: pair[1].is_primary):
        row = constituent.email_addresses.get(pk=old.stored_id)
        if changes := differences(old.facts(), new.facts()):
            row.address, row.location_code = new.address, new.location_code
            row.is_primary, row.is_active = new.is_primary, new.is_active
            row.save(update_fields=["address", "location_code", "is_primary", "is_active"])
            log(constituent, changes, author=author, origin=origin, part=address_part(old.address))
            words += _changed_words(old, new)
        change = set_do_not_solicit(row, new.do_not_solicit, author=author, origin=origin)
        permissions += [change] if change is not None else []
    for new in plan.added:
        row = EmailAddress.objects.create(
            constituent=constituent, address=new.address, location_code=new.location_code,
            is_primary=new.is_primary, is_active=new.is_active, do_not_solicit=new.do_not_solicit,
        )  # fmt: skip
        facts = differences({}, {**new.facts(), "do_not_solicit": new.do_not_solicit})
        log(constituent, facts, author=author, origin=origin, action=Action.CREATED, part=address_part(new.address))
        permissions.append(record_new_address(row, author=author, origin=origin))
        words.append(f"{new.address} was added{' as the primary address' if new.is_primary else ''}")
    return Saved(permissions, words)


def _changed_words(old: Address, new: Address) -> list[str]:
    words: list[str] = []
    if old.address != new.address:
        words.append(f"{old.address} is now {new.address}")
    if new.is_primary and not old.is_primary:
        words.append(f"{new.address} is now the primary address")
    if old.is_active != new.is_active:
        words.append(f"{new.address} is now {'active' if new.is_active else 'inactive'}")
    if old.location_code != new.location_code:
        words.append(f"{new.address} is now at {new.location_code}")
    return words
