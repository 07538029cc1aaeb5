"""The values that a change replaced, with the names that people know them by (B6)."""

from __future__ import annotations

from dataclasses import dataclass

from rollkeeper.marketing.bridges.models import PersonalizationField
from rollkeeper.marketing.subscribers.history import NOTED_COLUMNS, field_name

COLUMN_LABELS = {
    "email": "E-mail",
    "first_name": "First name",
    "last_name": "Last name",
    "allow_email": "Allow Email",
    "denied_by": "Denied by",
}


@dataclass(frozen=True, slots=True)
class OldValue:
    """One value before the change. `value` is None where there was none."""

    label: str
    value: str | None


def field_labels(bridge_id: int) -> dict[str, str]:
    """Field name → label, for the bridge's present fields."""
    return dict(PersonalizationField.objects.filter(bridge_id=bridge_id).values_list("name", "label"))


def old_values(before: object, labels: dict[str, str]) -> list[OldValue]:
    """`run_change.before` for people: the CRM's columns first, then the fields; a field since gone by its name.

    That an address became well-formed or not is left out: the old address and the status beside it say so.
    """
    if not isinstance(before, dict):
        return []
    known = [name for name in COLUMN_LABELS if name in before]
    rest = sorted(set(before) - set(NOTED_COLUMNS))
    named = [(COLUMN_LABELS[name], before[name]) for name in known]
    named += [(labels.get(field_name(key), field_name(key)), before[key]) for key in rest]
    return [OldValue(label, _words(value)) for label, value in named]


def _words(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)
