"""Writing and reading the change log. Whatever changes a record calls `record` in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import QuerySet

from rollkeeper.crm.audit.models import Action, RecordChange

Value = str | int | bool | Decimal | date | None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field by its stored name, and its value before and after. None: there was (or is) no value."""

    field: str
    old: Value
    new: Value


def differences(old: dict[str, Value], new: dict[str, Value]) -> list[FieldChange]:
    """The fields of which `new` says something else than `old`."""
    return [FieldChange(name, old.get(name), value) for name, value in new.items() if old.get(name) != value]


def record(
    subject_kind: str,
    subject_key: object,
    author: str,
    origin: str,
    changes: Iterable[FieldChange],
    *,
    action: Action = Action.CHANGED,
    part: str = "",
    version: int | None = None,
) -> RecordChange | None:
    """Write one line of the change log; None where nothing changed.

    `version` is the record's after the change: by it a page that is out of date finds what it missed.
    """
    written = [[change.field, _plain(change.old), _plain(change.new)] for change in changes]
    if action == Action.CHANGED and not written:
        return None
    return RecordChange.objects.create(
        subject_kind=subject_kind, subject_key=str(subject_key), part=part, action=action, changes=written,
        version=version, author=author, origin=origin,
    )  # fmt: skip


def history(subject_kind: str, subject_key: object) -> QuerySet[RecordChange]:
    """What happened to one record, oldest first."""
    return RecordChange.objects.filter(subject_kind=subject_kind, subject_key=str(subject_key)).order_by("id")


def _plain(value: Value) -> str | int | bool | None:
    """A value as JSON holds it: dates as ISO, amounts as they are written."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
