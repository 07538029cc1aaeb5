"""The fields of one address in *Edit contact information*."""

from __future__ import annotations

from dataclasses import dataclass

from django import template
from django.forms import BoundField

from rollkeeper.crm.constituents.forms import MARK, ContactForm

register = template.Library()


@dataclass(frozen=True, slots=True)
class AddressFields:
    """`active` and `remove` are None for an address to add. `is_changed`: it differs from what is stored."""

    address: BoundField
    location: BoundField
    mark: BoundField
    active: BoundField | None
    remove: BoundField | None
    is_changed: bool


@register.simple_tag
def address_fields(form: ContactForm, key: str) -> AddressFields:
    """The fields under an address's key."""
    names = (f"address_{key}", f"location_{key}", f"active_{key}")
    is_stored = f"active_{key}" in form.fields
    return AddressFields(
        form[f"address_{key}"],
        form[f"location_{key}"],
        form[f"{MARK}{key}"],
        form[f"active_{key}"] if is_stored else None,
        form[f"remove_{key}"] if is_stored else None,
        is_stored and any(form[name].value() != form.shown[name] for name in names),
    )
