"""The attributes that constituents have, as fields of a rule."""

from __future__ import annotations

from django.db import connection

from rollkeeper.crm.lists.rules.fields import ATTRIBUTE_PREFIX, FieldCatalogue
from rollkeeper.crm.personalization.models import PersonalizationField


def field_catalogue() -> FieldCatalogue:
    """Every field that a rule may use now.

    The attributes are known from the personalization view, where an import puts them; one that was taken
    out of the view is looked for among the constituents when a rule names it.
    """
    sources = PersonalizationField.objects.filter(source__startswith=ATTRIBUTE_PREFIX)
    names = [source.removeprefix(ATTRIBUTE_PREFIX) for source in sources.values_list("source", flat=True)]
    return FieldCatalogue(names, _is_held)


def every_name_an_attribute() -> FieldCatalogue:
    """For a rule that was checked when it was saved: an attribute that no one has any more is missing, no error."""
    return FieldCatalogue((), lambda _name: True)


def _is_held(name: str) -> bool:
    if "\x00" in name:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM constituent WHERE attributes ? %s)", [name])
        row = cursor.fetchone()
    return bool(row and row[0])
