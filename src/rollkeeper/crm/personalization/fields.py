"""The personalization view, field by field: what is in it, and how a field comes, moves and goes (S25).

Any change here marks every profile dirty (a database trigger), so the next refresh rebuilds them.
"""

from __future__ import annotations

import unicodedata

from django.db import connection, transaction
from django.db.models import Max

from rollkeeper.crm.personalization.models import SLOTS, PersonalizationField, WithdrawnField
from rollkeeper.crm.personalization.sources import source as source_of
from rollkeeper.sync.member import RESERVED_NAMES, Field

NAME_LIMIT = 100  # characters
# `status` is no column of a member, but one of a target group's export, beside the fields.
REFUSED_NAMES = RESERVED_NAMES | {"status"}


class FieldRefused(ValueError):
    """The view cannot be changed so; the message says why and what to do."""


class ViewFull(FieldRefused):
    """The view holds as many fields as it can."""


def view_fields() -> list[PersonalizationField]:
    """The fields of the view, in order."""
    return list(PersonalizationField.objects.all())


def member_fields(fields: list[PersonalizationField]) -> list[Field]:
    """The same fields as the engine knows them: name, label and type."""
    return [Field(field.name, field.label, field.type) for field in fields]


@transaction.atomic
def add_field(name: str, source: str, *, label: str = "") -> PersonalizationField:
    """Put a field at the end of the view; its type is its source's. It takes the lowest free slot.

    Raises `FieldRefused` (`ViewFull`) or `UnknownSource`.
    """
    _check_name(name)
    found = source_of(source)
    _lock_view()
    fields = view_fields()
    if any(field.name == name for field in fields):
        raise FieldRefused(
            f"The view already has a field {name!r}. Choose another name, or take that one out first."
        )
    slot = min(set(range(1, SLOTS + 1)) - {field.slot for field in fields}, default=None)
    if slot is None:
        raise ViewFull(
            f"The view holds {SLOTS} fields, as many as it can, so {name!r} is not in it. "
            "Take out one that no mailing uses."
        )
    WithdrawnField.objects.filter(name=name).delete()
    last = PersonalizationField.objects.aggregate(last=Max("position"))["last"] or 0
    return PersonalizationField.objects.create(
        name=name, label=label or found.label, type=found.type, source=source, position=last + 1, slot=slot
    )


@transaction.atomic
def change_source(name: str, source: str) -> PersonalizationField:
    """Let a field of the view take its values from elsewhere. Raises `FieldRefused` or `UnknownSource`."""
    found = source_of(source)
    _lock_view()
    field = _field(name)
    field.source, field.type = source, found.type
    field.save(update_fields=["source", "type"])
    return field


@transaction.atomic
def change_label(name: str, label: str) -> PersonalizationField:
    """Call a field otherwise on the pages; its name, by which mailings know it, stays. Raises `FieldRefused`."""
    label = label.strip()
    if not label or len(label) > NAME_LIMIT or not label.isprintable():
        raise FieldRefused(f"A label has 1 to {NAME_LIMIT} characters, without line breaks or control characters.")
    _lock_view()
    field = _field(name)
    field.label = label
    field.save(update_fields=["label"])
    return field


@transaction.atomic
def remove_field(name: str) -> None:
    """Take a field out of the view; an import that brings its column does not put it back.

    Raises `FieldRefused`.
    """
    _lock_view()
    _field(name).delete()
    WithdrawnField.objects.get_or_create(name=name)


@transaction.atomic
def move_field(name: str, place: int) -> None:
    """Make a field the `place`-th of the view, counted from 1. Raises `FieldRefused`."""
    _lock_view()
    moved = _field(name)
    others = [field for field in view_fields() if field.name != name]
    if not 1 <= place <= len(others) + 1:
        raise FieldRefused(f"The view has {len(others) + 1} fields: choose a place from 1 to {len(others) + 1}.")
    order = [*others[: place - 1], moved, *others[place - 1 :]]
    for position, field in enumerate(order, start=1):
        field.position = position
    PersonalizationField.objects.bulk_update(order, ["position"])


def _check_name(name: str) -> None:
    if not name.strip():
        raise FieldRefused("A field needs a name.")
    if len(name) > NAME_LIMIT:
        raise FieldRefused(f"The field name {name[:30]!r}… is longer than {NAME_LIMIT} characters. Shorten it.")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise FieldRefused(f"The field name {name!r} holds a control character. Take it out.")
    if name in REFUSED_NAMES:
        raise FieldRefused(f"Every member has a column {name!r} already. Choose another name for the field.")


def _field(name: str) -> PersonalizationField:
    try:
        return PersonalizationField.objects.get(name=name)
    except PersonalizationField.DoesNotExist:
        names = ", ".join(field.name for field in view_fields())
        raise FieldRefused(f"The view has no field {name!r}. Its fields are: {names}.") from None


def _lock_view() -> None:
    """One change of the view at a time; readers are not held up."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE personalization_field IN SHARE ROW EXCLUSIVE MODE")
