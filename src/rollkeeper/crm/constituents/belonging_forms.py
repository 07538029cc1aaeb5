"""The form of one line of what belongs to a constituent, built from its kind's fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.db import models

from rollkeeper.crm.audit.record import Value
from rollkeeper.crm.audit.templatetags.change_words import field_label
from rollkeeper.crm.constituents.belongings import Kind
from rollkeeper.crm.constituents.record_form import RecordForm, text
from rollkeeper.crm.constituents.seen import Shown
from rollkeeper.crm.constituents.seen import read as read_seen

# What the pages offer; a code that is stored already stays a choice.
CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "memberships": {"status": ("ACTIVE", "LAPSED", "RENEWED", "CANCELLED")},
    "events": {"status": ("REGISTERED", "ATTENDED", "CANCELLED")},
}
HELP = {
    "level_code": "Such as REG.",
    "level_name": "Such as Regular.",
    "event_code": "Such as ANN26.",
    "fund_code": "Such as ANNUAL.",
    "area_code": "Such as ETHICS.",
    "amount": "In the association's currency, such as 125.00.",
}


class LineForm(RecordForm):
    """`values` are the line's, none for a new one."""

    def __init__(
        self, kind: Kind, values: Mapping[str, Value], version: int, data: Any = None, *, typed: Any = None
    ) -> None:
        super().__init__({name: shown(value) for name, value in values.items()}, version, data, typed=typed)
        self.kind = kind
        for name in kind.fields:
            self.fields[name] = self._field(name, values.get(name))

    def _field(self, name: str, stored: Value) -> forms.Field:
        column = _column(self.kind, name)
        label = {"event_on": "Date of the event", "auto_renew": "Renews by itself"}.get(name, field_label(name))
        codes = CHOICES.get(self.kind.key, {}).get(name)
        if codes:
            every = dict.fromkeys([*codes, *([str(stored)] if stored else [])])
            return forms.ChoiceField(choices=[(code, code.capitalize()) for code in every], label=label)
        if isinstance(column, models.BooleanField):
            return forms.BooleanField(required=False, label=label)
        if isinstance(column, models.DateField):
            picker = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
            return forms.DateField(label=label, widget=picker, input_formats=["%Y-%m-%d"])
        if isinstance(column, models.DecimalField):
            widget = forms.TextInput(attrs={"inputmode": "decimal"})
            return forms.DecimalField(
                label=label, max_digits=12, decimal_places=2, widget=widget, help_text=HELP[name]
            )
        return text(label=label, required=True, help_text=HELP.get(name, ""))

    def values(self) -> dict[str, Value]:
        """The line as it shall be. For a valid form."""
        return {name: self.cleaned_data[name] for name in self.kind.fields}

    def seen_values(self) -> dict[str, Value]:
        """The line as its page showed it; of what the page does not say, the line as it is."""
        said = read_seen(self.data.get("seen", ""))
        found: dict[str, Value] = {}
        for name in self.kind.fields:
            value = said.get(name, self.shown[name])
            try:
                found[name] = value if isinstance(value, bool) else _column(self.kind, name).to_python(value)
            except forms.ValidationError:
                found[name] = None  # no line is so: it counts as changed
        return found

    def label_of(self, name: str) -> str:
        return str(self.fields[name].label)

    def words_of(self, name: str, value: Shown | None) -> str:
        if isinstance(value, bool):
            return "Yes" if value else "No"
        return value or "none"


def _column(kind: Kind, name: str) -> models.Field[Any, Any]:
    column = kind.model._meta.get_field(name)  # noqa: SLF001  # documented by Django
    assert isinstance(column, models.Field)  # noqa: S101  # a kind's fields are columns
    return column


def shown(value: Value) -> Shown:
    """A value as its field shows it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)
