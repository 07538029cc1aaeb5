"""A form over a stored record: it knows the version and the values that its page showed (`seen.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.validators import RegexValidator

from rollkeeper.crm.constituents import seen
from rollkeeper.crm.constituents.csv_rows import CONTROL
from rollkeeper.crm.constituents.seen import Meanwhile, Shown, Values

NO_CONTROL = RegexValidator(
    CONTROL,
    "This holds a control character, which no value can. Type it anew instead of pasting it.",
    inverse_match=True,
)
LONGEST = 255


class RecordForm(forms.Form):
    """`shown` are the record's values as its fields show them; `typed` what the page keeps of an earlier try."""

    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, shown: Values, version: int, data: Any = None, *, typed: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        initial = {**shown, **(typed or {}), "version": version, "seen": seen.written(shown)}
        super().__init__(data, initial=initial, **more)
        self.shown = dict(shown)

    def sent(self) -> dict[str, Shown]:
        """What was sent, field by field, as it is shown. A field that was not sent is not in it."""
        values = {name: self[name].value() for name in self.fields if self.was_sent(name)}
        return {name: value.strip() if isinstance(value, str) else bool(value) for name, value in values.items()}

    def was_sent(self, name: str) -> bool:
        """Whether the page had this field (a check box that is off sends nothing)."""
        return name in self.data or isinstance(self.fields[name], forms.BooleanField)

    def meanwhile(self) -> list[Meanwhile]:
        """What someone else changed of these values since the page was shown."""
        was = seen.read(self.data.get("seen", ""))
        return seen.meanwhile(was, self.sent(), self.shown) if was else []

    def is_out_of_date(self, version: int) -> bool:
        """Whether Save would write over something unseen; of a page that does not say what it showed, any."""
        if self.cleaned_data["version"] == version:
            return False
        return bool(self.meanwhile()) or not seen.read(self.data.get("seen", ""))

    def kept(self) -> dict[str, Any]:
        """The record as it is now with what was typed, for the page that asks again."""
        sent = self.sent()
        together = seen.brought_together(seen.read(self.data.get("seen", "")), sent, self.shown)
        new = {
            name: value
            for name, value in sent.items()
            if name not in self.shown and name not in {"version", "seen"}
        }
        return {**together, **new}


def text(*, required: bool = False, label: str | None = None, limit: int = LONGEST, **more: Any) -> forms.CharField:
    """A text that a record may hold."""
    return forms.CharField(required=required, label=label, max_length=limit, validators=[NO_CONTROL], **more)
