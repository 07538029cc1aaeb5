"""The pages that copy a list and delete one."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from rollkeeper.crm.lists.access import MAY_MAINTAIN
from rollkeeper.crm.lists.copy_and_delete import copy_list, delete_list
from rollkeeper.crm.lists.definition import LONGEST_NAME
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.pages import list_of

ORIGIN = "List Maintenance page"


class CopyForm(forms.Form):
    """The copy's own code and name."""

    code = forms.CharField(max_length=60, help_text="Letters, digits, _ - and . It stays for ever.")
    name = forms.CharField(max_length=LONGEST_NAME)


class DeleteForm(forms.Form):
    """The list's code, typed."""

    code = forms.CharField(
        max_length=60, label="Its code, to confirm", widget=forms.TextInput({"autocomplete": "off"})
    )


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MAINTAIN, raise_exception=True)
def copy(request: HttpRequest, code: str) -> HttpResponse:
    """Copy a list under another code."""
    found = list_of(code)
    form = CopyForm(request.POST or None, initial={"name": f"{found.name} (copy)"[:LONGEST_NAME]})
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            made = copy_list(
                found, wanted["code"], wanted["name"], author=request.user.get_username(), origin=ORIGIN
            )  # fmt: skip
        except ListRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Created {made.code}. Run MKT510 to build it for the first time.")
            return redirect("list-definition", made.code)
    return render(request, "lists/copy.html", {"list": found, "form": form})


@require_http_methods(["GET", "POST"])
@permission_required(MAY_MAINTAIN, raise_exception=True)
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """Delete a list for good, once its code was typed (S29)."""
    found = list_of(code)
    form = DeleteForm(request.POST or None)
    if form.is_valid():
        typed, author = form.cleaned_data["code"], request.user.get_username()
        try:
            delete_list(found, confirmed_code=typed, author=author, origin=ORIGIN)
        except ListRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Deleted {code}.")
            return redirect("marketing-lists")
    return render(request, "lists/delete.html", {"list": found, "form": form})
