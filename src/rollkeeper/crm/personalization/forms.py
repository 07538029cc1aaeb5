"""What the personalization view's pages send."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django import forms

from rollkeeper.crm.personalization.fields import NAME_LIMIT
from rollkeeper.crm.personalization.models import FieldType, PersonalizationField
from rollkeeper.crm.personalization.sources import ATTRIBUTE, catalogue

Choice = tuple[str, str]


class SourceForm(forms.Form):
    """Where a field's values come from: a source of the catalogue, or an attribute by its name."""

    source = forms.ChoiceField(required=False, help_text="The field's type is that of its source.")
    attribute = forms.CharField(
        required=False,
        label="or an attribute",
        max_length=NAME_LIMIT,
        help_text="The name of a column that an import brought, for example colour.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        source = self.fields["source"]
        assert isinstance(source, forms.ChoiceField)  # noqa: S101  # declared above
        source.choices = [("", "Choose a source"), *_grouped_sources()]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("source")) == bool(cleaned.get("attribute")) and "source" not in self.errors:
            self.add_error("source", "Choose a source or name an attribute, one of the two.")
        return cleaned

    def key(self) -> str:
        """The source's key. For a valid form."""
        attribute = self.cleaned_data["attribute"]
        return f"{ATTRIBUTE}{attribute}" if attribute else str(self.cleaned_data["source"])


class NewFieldForm(SourceForm):
    """A field to be put at the end of the view."""

    name = forms.CharField(
        max_length=NAME_LIMIT,
        help_text="By this name mailings know the field, for example membership_level. It cannot be changed later.",
    )
    label = forms.CharField(
        required=False, max_length=NAME_LIMIT, help_text="What pages call it. Left empty: its source's label."
    )

    field_order = ["name", "label", "source", "attribute"]


class ChangeFieldForm(SourceForm):
    """A field's label and source."""

    label = forms.CharField(max_length=NAME_LIMIT)

    field_order = ["label", "source", "attribute"]


def change_form(field: PersonalizationField, data: Any = None) -> ChangeFieldForm:
    """The form of a field, as the field is or as it was sent."""
    is_attribute = field.source.startswith(ATTRIBUTE)
    initial = {
        "label": field.label,
        "source": "" if is_attribute else field.source,
        "attribute": field.source.removeprefix(ATTRIBUTE) if is_attribute else "",
    }
    return ChangeFieldForm(data, initial=initial)


def _grouped_sources() -> list[tuple[str, list[Choice]]]:
    """The catalogue's sources under the relation that they come from."""
    grouped = groupby(catalogue().values(), key=lambda source: source.key.partition(".")[0])
    return [
        (
            relation.capitalize(),
            [(source.key, f"{source.label} ({FieldType(source.type).label.lower()})") for source in sources],
        )
        for relation, sources in grouped
    ]
