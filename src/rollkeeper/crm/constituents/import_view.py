"""The columns that an import brings come into the personalization view, under their names (S25)."""

from __future__ import annotations

from rollkeeper.crm.constituents.csv_rows import FurtherColumn, Kind
from rollkeeper.crm.personalization.fields import FieldRefused, add_field, change_source, view_fields
from rollkeeper.crm.personalization.models import WithdrawnField
from rollkeeper.crm.personalization.sources import ATTRIBUTE


def put_into_view(columns: tuple[FurtherColumn, ...]) -> list[str]:
    """Put each column into the view unless someone took it out; sentences about what a person should know.

    A field of that name that took its values from elsewhere takes them from the imported column from now on: the
    view shows a column under its own name.
    """
    sources = {field.name: field.source for field in view_fields()}
    withdrawn = set(WithdrawnField.objects.values_list("name", flat=True))
    notes: list[str] = []
    for column in columns:
        name, source = column.name, _source(column)
        if name in withdrawn:
            notes.append(f"{name} stays out of the personalization view, since someone took it out of it.")
        elif name not in sources:
            notes += _added(name, source)
        elif sources[name] != source:
            change_source(name, source)
            notes.append(f"{name} in the personalization view is now the imported column; it was {sources[name]}.")
    return notes


def _source(column: FurtherColumn) -> str:
    return f"{ATTRIBUTE}{column.name}" if column.kind == Kind.ATTRIBUTE else f"constituent.{column.name}"


def _added(name: str, source: str) -> list[str]:
    try:
        add_field(name, source, label=name)
    except FieldRefused as error:
        return [f"{name} was imported, but is not in the personalization view: {error}"]
    return []
