"""The only place where an e-mail permission changes (S4, S6, S8).

Each change locks the constituent, is recorded (who, when, from where, old, new), here and in the change log, and
makes `version` grow, so that a page that was opened before it cannot write over it. The import, which changes many
at once, records through `record_imported_changes`.
"""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from django.db.backends.utils import CursorWrapper

from rollkeeper.crm.audit.record import FieldChange
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.version import ChangedMeanwhile, locked, log

__all__ = [
    "ChangedMeanwhile",
    "PermissionRefused",
    "set_allow_email",
    "set_allow_solicitation",
    "set_do_not_solicit",
]

Flag = Literal["allow_email", "allow_solicitation"]


class PermissionRefused(ValueError):
    """The flag cannot be set so; the message says why and what to do (S4)."""


def set_allow_email(
    constituent: Constituent, value: bool, *, author: str, origin: str, version: int | None = None
) -> PermissionChange | None:
    """Set the stored Allow Email flag; the change, or None where there is none.

    True is refused while Allow Solicitation is False (S4). `version`: the one that the author saw.
    Raises `PermissionRefused`, `ChangedMeanwhile`.
    """
    with transaction.atomic():
        found = locked(constituent, version)
        if value and not found.allow_solicitation:
            raise PermissionRefused(
                f"Allow Email of {found} cannot be set to True: Allow Solicitation is False, and it controls "
                "Allow Email. Set Allow Solicitation to True first, if the person agreed to it."
            )
        return _set_flag(constituent, found, "allow_email", value, author=author, origin=origin)


def set_allow_solicitation(
    constituent: Constituent, value: bool, *, author: str, origin: str, version: int | None = None
) -> PermissionChange | None:
    """Set the Allow Solicitation flag. True lets the stored Allow Email count again, whatever it is (S4).

    Raises `ChangedMeanwhile`.
    """
    with transaction.atomic():
        found = locked(constituent, version)
        return _set_flag(constituent, found, "allow_solicitation", value, author=author, origin=origin)


def set_do_not_solicit(
    address: EmailAddress, value: bool, *, author: str, origin: str, version: int | None = None
) -> PermissionChange | None:
    """Set *Do Not Solicit by Email* (True) or *Allow Solicitation by Email* (False) of one address (S5, S6).

    `version` is the constituent's. Raises `ChangedMeanwhile`.
    """
    with transaction.atomic():
        constituent = address.constituent
        locked(constituent, version)
        address.refresh_from_db(fields=["do_not_solicit", "address"])
        old = address.do_not_solicit
        if old == value:
            return None
        address.do_not_solicit = value
        address.save(update_fields=["do_not_solicit"])
        part = address_part(address.address)
        log(constituent, [FieldChange("do_not_solicit", old, value)], author=author, origin=origin, part=part)
        return PermissionChange.objects.create(
            constituent=constituent, address=address.address, field="do_not_solicit",
            old=old, new=value, changed_by=author, origin=origin,
        )  # fmt: skip


def record_imported_changes(cursor: CursorWrapper, *, author: str, origin: str) -> None:
    """Record what the staged import is about to change (tables of `import_apply.py`), before it does.

    Of a new constituent only refusals are recorded; the import itself says the rest. An address that is new to a
    known constituent is recorded either way, since from now on it decides (S6).
    """
    cursor.execute(_RECORD_IMPORTED, {"author": author, "origin": origin})


_RECORD_IMPORTED = """
    INSERT INTO permission_change (constituent_id, address, field, old, new, changed_by, origin)
    SELECT t.constituent_id, change.address, change.field, change.old, change.new, %(author)s, %(origin)s
    FROM import_target t
    JOIN import_row r ON r.line = t.line
    LEFT JOIN constituent c ON c.id = t.constituent_id
    LEFT JOIN LATERAL (
        SELECT e.do_not_solicit FROM email_address e
        WHERE e.constituent_id = t.constituent_id AND e.address = r.email
        ORDER BY e.is_primary DESC, e.id LIMIT 1
    ) known ON NOT t.is_new
    CROSS JOIN LATERAL (VALUES
        ('', 'allow_solicitation', c.allow_solicitation, r.allow_solicitation, NOT r.allow_solicitation),
        ('', 'allow_email', c.allow_email, r.allow_email, NOT r.allow_email),
        (r.email, 'do_not_solicit', known.do_not_solicit, r.do_not_solicit, r.do_not_solicit)
    ) AS change (address, field, old, new, refuses)
    WHERE change.old IS DISTINCT FROM change.new
      AND (change.refuses OR NOT t.is_new)
      AND (change.field <> 'do_not_solicit' OR r.email <> '')
    ORDER BY t.constituent_id
"""


def record_new_address(address: EmailAddress, *, author: str, origin: str) -> PermissionChange:
    """Record the mark of an address that is new to a constituent, either way: from now on it may decide (S6)."""
    return PermissionChange.objects.create(
        constituent=address.constituent, address=address.address, field="do_not_solicit",
        old=None, new=address.do_not_solicit, changed_by=author, origin=origin,
    )  # fmt: skip


def address_part(address: str) -> str:
    """How the change log calls an address."""
    return f"E-mail address {address}"


def _set_flag(
    constituent: Constituent, found: Constituent, flag: Flag, value: bool, *, author: str, origin: str
) -> PermissionChange | None:
    old: bool = getattr(found, flag)
    setattr(constituent, flag, value)
    if old == value:
        return None
    Constituent.objects.filter(pk=found.pk).update(**{flag: value})
    log(constituent, [FieldChange(flag, old, value)], author=author, origin=origin)
    return PermissionChange.objects.create(
        constituent=constituent, field=flag, old=old, new=value, changed_by=author, origin=origin
    )
