"""The only place where an e-mail permission changes (S4, S6, S8).

Each change locks the constituent, is recorded (who, when, from where, old, new) and makes `version` grow, so
that a page that was opened before it cannot write over it. The import, which changes many at once, records
through `record_imported_changes`.
"""

from __future__ import annotations

from typing import Literal

from django.db import transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F
from django.db.models.functions import Now

from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange

Flag = Literal["allow_email", "allow_solicitation"]


class PermissionRefused(ValueError):
    """The flag cannot be set so; the message says why and what to do (S4)."""


class ChangedMeanwhile(RuntimeError):
    """Someone changed the constituent since it was read: nothing was written."""


def set_allow_email(
    constituent: Constituent, value: bool, *, author: str, origin: str, version: int | None = None
) -> PermissionChange | None:
    """Set the stored Allow Email flag; the change, or None where there is none.

    True is refused while Allow Solicitation is False (S4). `version`: the one that the author saw.
    Raises `PermissionRefused`, `ChangedMeanwhile`.
    """
    with transaction.atomic():
        locked = _locked(constituent, version)
        if value and not locked.allow_solicitation:
            raise PermissionRefused(
                f"Allow Email of {locked} cannot be set to True: Allow Solicitation is False, and it controls "
                "Allow Email. Set Allow Solicitation to True first, if the person agreed to it."
            )
        return _set_flag(constituent, locked, "allow_email", value, author=author, origin=origin)


def set_allow_solicitation(
    constituent: Constituent, value: bool, *, author: str, origin: str, version: int | None = None
) -> PermissionChange | None:
    """Set the Allow Solicitation flag. True lets the stored Allow Email count again, whatever it is (S4).

    Raises `ChangedMeanwhile`.
    """
    with transaction.atomic():
        locked = _locked(constituent, version)
        return _set_flag(constituent, locked, "allow_solicitation", value, author=author, origin=origin)


def set_do_not_solicit(
    address: EmailAddress, value: bool, *, author: str, origin: str, version: int | None = None
) -> PermissionChange | None:
    """Set *Do Not Solicit by Email* (True) or *Allow Solicitation by Email* (False) of one address (S5, S6).

    `version` is the constituent's. Raises `ChangedMeanwhile`.
    """
    with transaction.atomic():
        constituent = address.constituent
        _locked(constituent, version)
        address.refresh_from_db(fields=["do_not_solicit", "address"])
        old = address.do_not_solicit
        if old == value:
            return None
        address.do_not_solicit = value
        address.save(update_fields=["do_not_solicit"])
        _bump(constituent)
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


def _locked(constituent: Constituent, version: int | None) -> Constituent:
    """The constituent as it is now, locked until the transaction ends."""
    found = Constituent.objects.select_for_update().get(pk=constituent.pk)
    if version is not None and found.version != version:
        raise ChangedMeanwhile(
            f"{found} was changed by someone else while you had it open, so nothing was saved. "
            "Look at it again and make your change once more."
        )
    return found


def _set_flag(
    constituent: Constituent, locked: Constituent, flag: Flag, value: bool, *, author: str, origin: str
) -> PermissionChange | None:
    old: bool = getattr(locked, flag)
    setattr(constituent, flag, value)
    if old == value:
        return None
    Constituent.objects.filter(pk=locked.pk).update(**{flag: value})
    _bump(constituent)
    return PermissionChange.objects.create(
        constituent=constituent, field=flag, old=old, new=value, changed_by=author, origin=origin
    )


def _bump(constituent: Constituent) -> None:
    Constituent.objects.filter(pk=constituent.pk).update(version=F("version") + 1, modified_at=Now())
    constituent.refresh_from_db(fields=["version", "modified_at"])
