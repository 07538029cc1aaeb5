"""Edit details: names, work, place, the other permissions, attributes."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from rollkeeper.crm.audit.templatetags.change_words import field_label
from rollkeeper.crm.constituents.conflict import ORIGIN, conflict_of
from rollkeeper.crm.constituents.csv_rows import COLUMN_NAME_LIMIT, FURTHER_LIMIT, NAME_CONTROL
from rollkeeper.crm.constituents.details import (
    KIND,
    NAME,
    OTHER_PERMISSIONS,
    PLACE,
    RECORD_TYPES,
    STATUSES,
    TEXTS,
    WORK,
    Details,
    DetailsRefused,
    save_details,
)
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.record_form import RecordForm, text
from rollkeeper.crm.constituents.rules import MAY_KEEP_RECORDS
from rollkeeper.crm.constituents.seen import Shown
from rollkeeper.crm.constituents.version import ChangedMeanwhile

ATTRIBUTE = "attribute:"


class DetailsForm(RecordForm):
    """A field a column, one an attribute that is there, and a pair for an attribute that is not."""

    record_type = forms.ChoiceField(choices=list(RECORD_TYPES.items()))
    status = forms.ChoiceField(choices=list(STATUSES.items()))
    new_attribute = text(label="Another attribute's name", limit=COLUMN_NAME_LIMIT, initial="")
    new_value = text(label="Its value", limit=FURTHER_LIMIT, initial="")

    def __init__(self, constituent: Constituent, data: Any = None, *, typed: Any = None) -> None:
        super().__init__(_shown(constituent), constituent.version, data, typed=typed)
        for name in TEXTS:
            self._keep_choice(name) if name in self.fields else self._add(name, text(label=field_label(name)))
        for name in OTHER_PERMISSIONS:
            self._add(name, forms.BooleanField(required=False, label=field_label(name)))
        for name in sorted(constituent.attributes):
            self._add(f"{ATTRIBUTE}{name}", text(label=name, limit=FURTHER_LIMIT))

    def _add(self, name: str, field: forms.Field) -> None:
        self.fields[name] = field

    def _keep_choice(self, name: str) -> None:
        """A stored code that is none of the choices (a merge's, an import's) stays one."""
        field, stored = self.fields[name], str(self.shown[name])
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        if stored not in dict(field.choices):  # type: ignore[arg-type]  # flat choices
            field.choices = [*field.choices, (stored, stored.capitalize())]  # type: ignore[misc]  # as above

    def clean_new_attribute(self) -> str:
        name: str = self.cleaned_data["new_attribute"]
        if NAME_CONTROL.search(name):
            raise forms.ValidationError("An attribute's name has no line breaks or control characters.")
        if f"{ATTRIBUTE}{name}" in self.fields:
            raise forms.ValidationError(f"There is an attribute {name} already. Change its value instead.")
        if name in self.shown:
            raise forms.ValidationError(f"{name} is a field of every constituent. Choose another name.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("new_attribute")) != bool(cleaned.get("new_value")) and not self.errors:
            missing = "new_value" if cleaned.get("new_attribute") else "new_attribute"
            self.add_error(missing, "An attribute has a name and a value: fill in both, or neither.")
        return cleaned

    def details(self) -> Details:
        """The details as they shall be. For a valid form; what was not sent stays."""
        sent = self.cleaned_data
        attributes = {
            name.removeprefix(ATTRIBUTE): sent[name]
            for name in sent
            if name.startswith(ATTRIBUTE) and name in self.data
        }
        if sent["new_attribute"]:
            attributes[sent["new_attribute"]] = sent["new_value"]
        texts = {name: sent[name] if name in self.data else str(self.shown[name]) for name in TEXTS}
        return Details(texts, {name: sent[name] for name in OTHER_PERMISSIONS}, attributes)

    def label_of(self, name: str) -> str:
        return field_label(name)

    def words_of(self, name: str, value: Shown | None) -> str:
        if isinstance(value, bool):
            return "Yes" if value else "No"
        return value or "none"

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields as the page shows them, under their headings."""
        attributes = [name for name in self.fields if name.startswith(ATTRIBUTE)]
        return [
            ("Name", [self[name] for name in NAME]),
            ("Kind and state", [self[name] for name in KIND]),
            ("Work", [self[name] for name in WORK]),
            ("Place", [self[name] for name in PLACE]),
            ("Other permissions", [self[name] for name in OTHER_PERMISSIONS]),
            ("Attributes", [self[name] for name in (*attributes, "new_attribute", "new_value")]),
        ]


def _shown(constituent: Constituent) -> dict[str, Shown]:
    shown: dict[str, Shown] = {name: getattr(constituent, name) for name in (*TEXTS, *OTHER_PERMISSIONS)}
    return shown | {f"{ATTRIBUTE}{name}": str(value) for name, value in constituent.attributes.items()}


@require_http_methods(["GET", "POST"])
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def edit_details(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Show the form, or save it; where someone else changed the same meanwhile, say what and ask again."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    form = DetailsForm(person, request.POST if request.method == "POST" else None)
    if form.is_valid():
        if form.is_out_of_date(person.version):
            return _ask_again(request, person, form)
        author = request.user.get_username()
        try:
            changes = save_details(person, form.details(), version=person.version, author=author, origin=ORIGIN)
        except DetailsRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        except ChangedMeanwhile:  # between our look at the version and the lock
            person.refresh_from_db()
            form = DetailsForm(person, request.POST)
            if form.is_valid():
                return _ask_again(request, person, form)
        else:
            names = ", ".join(field_label(change.field) for change in changes)
            messages.success(request, f"Saved: {names}." if changes else "Nothing was changed.")
            return redirect("constituent", person.pk)
    return render(request, "constituents/edit_details.html", {"person": person, "form": form})


def _ask_again(request: HttpRequest, person: Constituent, form: DetailsForm) -> HttpResponse:
    context = {
        "person": person,
        "form": DetailsForm(person, typed=form.kept()),
        "conflict": conflict_of(person, form),
    }
    return render(request, "constituents/edit_details.html", context, status=409)
