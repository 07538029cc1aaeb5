"""Permissions in the document's words."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from rollkeeper.crm.constituents.models import Constituent, PermissionChange
from rollkeeper.web.templatetags.components import badge

register = template.Library()

FLAGS = {
    "allow_email": "Allow Email",
    "allow_solicitation": "Allow Solicitation",
    "do_not_solicit": "Do Not Solicit by Email",
}
RECORD_TYPES = {"I": "Person", "C": "Company", "T": "Team"}


@register.filter
def flag_name(field: str) -> str:
    """A stored flag's name on the pages."""
    return FLAGS.get(field, field)


@register.filter
def true_false(value: bool | None) -> str:
    """A flag's value, as the document writes it."""
    return {True: "True", False: "False"}.get(value, "—") if value is not None else "—"


@register.filter
def yes_no(value: bool) -> str:
    return "Yes" if value else "No"


@register.filter
def mailed_badge(may_be_mailed: bool) -> SafeString:
    """The effective permission as a badge."""
    return badge("May be e-mailed", "good") if may_be_mailed else badge("Not e-mailed", "warn")


@register.filter
def status_badge(status: str) -> SafeString:
    """A constituent's status; the loser of a merge is marked."""
    tone = {"ACTIVE": "good", "DUPLICATE": "warn"}.get(status, "quiet")
    return badge(status.capitalize() if status else "None", tone)


@register.filter
def record_type(code: str) -> str:
    return RECORD_TYPES.get(code, code)


@register.filter
def full_name(person: Constituent) -> str:
    """What to call someone: the label name, else first and last name, else the organisation, else the id."""
    return (
        person.label_name
        or f"{person.first_name} {person.last_name}".strip()
        or person.organization
        or f"Customer {person.customer_id}"
    )


def change_in_words(change: PermissionChange) -> str:
    """Such as: Do Not Solicit by Email of ada@example.org is now True."""
    of = f" of {change.address}" if change.address else ""
    return f"{flag_name(change.field)}{of} is now {true_false(change.new)}"
