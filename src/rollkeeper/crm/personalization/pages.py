"""Admin › Personalization View: which facts travel to the marketing site, in which order, from where (S25)."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from rollkeeper.crm.personalization.fields import (
    FieldRefused,
    add_field,
    change_label,
    change_source,
    move_field,
    remove_field,
    view_fields,
)
from rollkeeper.crm.personalization.forms import NewFieldForm, change_form
from rollkeeper.crm.personalization.models import SLOTS, PersonalizationField
from rollkeeper.crm.personalization.rules import MAY_CHANGE_VIEW
from rollkeeper.crm.personalization.sources import UnknownSource

AT_NEXT_SYNC = "It reaches the marketing site at its next catalog sync."


@require_GET
def view(request: HttpRequest) -> HttpResponse:
    """The fields, in order."""
    return render(request, "personalization/view.html", {"fields": view_fields(), "slots": SLOTS})


@require_http_methods(["GET", "POST"])
@permission_required(MAY_CHANGE_VIEW, raise_exception=True)
def add(request: HttpRequest) -> HttpResponse:
    """Put a field at the end of the view."""
    form = NewFieldForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            field = add_field(form.cleaned_data["name"], form.key(), label=form.cleaned_data["label"])
        except (FieldRefused, UnknownSource) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Added: {field.label}. {AT_NEXT_SYNC}")
            return redirect("personalization-view")
    return render(request, "personalization/add.html", {"form": form})


@require_http_methods(["GET", "POST"])
@permission_required(MAY_CHANGE_VIEW, raise_exception=True)
def change(request: HttpRequest, field_id: int) -> HttpResponse:
    """Change a field's label, or let it take its values from elsewhere."""
    field = get_object_or_404(PersonalizationField, pk=field_id)
    form = change_form(field, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            with transaction.atomic():
                change_label(field.name, form.cleaned_data["label"])
                if form.key() != field.source:
                    change_source(field.name, form.key())
        except (FieldRefused, UnknownSource) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Saved: {form.cleaned_data['label']}. {AT_NEXT_SYNC}")
            return redirect("personalization-view")
    return render(request, "personalization/change.html", {"field": field, "form": form})


class MoveForm(forms.Form):
    """Where a field shall stand, counted from 1."""

    place = forms.IntegerField(min_value=1, max_value=SLOTS)


@require_POST
@permission_required(MAY_CHANGE_VIEW, raise_exception=True)
def move(request: HttpRequest, field_id: int) -> HttpResponse:
    """Move a field to another place of the view."""
    field = get_object_or_404(PersonalizationField, pk=field_id)
    form = MoveForm(request.POST)
    try:
        if form.is_valid():
            move_field(field.name, form.cleaned_data["place"])
            messages.success(
                request, f"Moved: {field.label} is number {form.cleaned_data['place']}. {AT_NEXT_SYNC}"
            )
        else:
            messages.error(request, f"Not moved: a place is a whole number from 1 to {SLOTS}.")
    except FieldRefused as refusal:
        messages.error(request, f"Not moved: {refusal}")
    return redirect("personalization-view")


@require_POST
@permission_required(MAY_CHANGE_VIEW, raise_exception=True)
def remove(request: HttpRequest, field_id: int) -> HttpResponse:
    """Take a field out of the view; the facts themselves stay in the CRM."""
    field = get_object_or_404(PersonalizationField, pk=field_id)
    remove_field(field.name)
    messages.success(request, f"Taken out: {field.label}. It leaves the marketing site at its next catalog sync.")
    return redirect("personalization-view")
