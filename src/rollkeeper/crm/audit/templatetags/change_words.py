"""Lines of the change log in words."""

from __future__ import annotations

from django import template

from rollkeeper.crm.audit.models import Action, RecordChange

register = template.Library()

FIRST = 6  # changes that a line names
LABELS = {  # of stored names that read otherwise on the pages
    "do_not_solicit": "Do Not Solicit by Email",
    "allow_email": "Allow Email",
    "allow_solicitation": "Allow Solicitation",
    "is_primary": "Primary",
    "is_active": "Active",
    "master_customer_id": "Customer id",
}


@register.filter
def field_label(name: str) -> str:
    """A stored field's name on the pages."""
    if name.startswith("attribute:"):
        return f"Attribute {name.removeprefix('attribute:')}"
    return LABELS.get(name, name.replace("_", " ").capitalize())


@register.filter
def value_words(value: object) -> str:
    """A logged value on the pages."""
    if value is None or value == "":
        return "none"
    return {True: "True", False: "False"}.get(value, "") if isinstance(value, bool) else str(value)


@register.filter
def changes_in_words(entry: RecordChange) -> str:
    """Such as: City from Austin to Dallas; State from none to TX."""
    if entry.action != Action.CHANGED:
        return Action(entry.action).label.lower()
    lines = [
        f"{field_label(name)} from {value_words(old)} to {value_words(new)}" for name, old, new in entry.changes
    ]
    more = len(lines) - FIRST
    return "; ".join(lines[:FIRST]) + (f"; and {more} more" if more > 0 else "")
