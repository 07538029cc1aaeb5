"""Edit contact information: what is marked there is saved by Save, and only then (S4–S6, S8)."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from rollkeeper.crm.constituents.addresses import AddressesRefused
from rollkeeper.crm.constituents.conflict import ORIGIN, Conflict, conflict_of
from rollkeeper.crm.constituents.contact import Saved, save_contact, stored_addresses
from rollkeeper.crm.constituents.effective import decisions, effective_permissions
from rollkeeper.crm.constituents.forms import NEW, ContactForm
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.permission import PermissionRefused
from rollkeeper.crm.constituents.rules import MAY_EDIT_CONTACT
from rollkeeper.crm.constituents.templatetags.permission_words import change_in_words
from rollkeeper.crm.constituents.version import ChangedMeanwhile


@require_http_methods(["GET", "POST"])
@permission_required(MAY_EDIT_CONTACT, raise_exception=True)
def edit_contact(request: HttpRequest, constituent_id: int) -> HttpResponse:
    """Show the form, or save it; where someone else changed the same meanwhile, say what and ask again."""
    person = get_object_or_404(Constituent, pk=constituent_id)
    form = ContactForm(person, stored_addresses(person), request.POST if request.method == "POST" else None)
    if form.is_valid():
        if form.is_out_of_date(person.version):
            return _ask_again(request, person, form)
        author = request.user.get_username()
        try:
            saved = save_contact(person, form.contact(), version=person.version, author=author, origin=ORIGIN)
        except PermissionRefused as refusal:
            form.add_error("allow_email", str(refusal))
        except AddressesRefused as refusal:
            form.refuse(refusal.problems)
        except ChangedMeanwhile:  # between our look at the version and the lock
            person.refresh_from_db()
            form = ContactForm(person, stored_addresses(person), request.POST)
            if form.is_valid():
                return _ask_again(request, person, form)
        else:
            messages.success(request, _saved(saved))
            return redirect("constituent", person.pk)
    return _page(request, person, form)


def _ask_again(request: HttpRequest, person: Constituent, form: ContactForm) -> HttpResponse:
    """The form with what was typed, over the record as it is now, and what someone else changed."""
    conflict = conflict_of(person, form)
    fresh = ContactForm(person, form.addresses, typed=form.kept())
    return _page(request, person, fresh, conflict)


def _page(
    request: HttpRequest, person: Constituent, form: ContactForm, conflict: Conflict | None = None
) -> HttpResponse:
    context = {
        "person": Constituent.objects.get(pk=person.pk),
        "permission": effective_permissions([person.pk])[person.pk],
        "form": form,
        "addresses": [(address, str(address.id), form.marked(str(address.id))) for address in form.addresses],
        "new_keys": NEW,
        "is_adding": not form.addresses or any(form[f"address_{key}"].value() for key in NEW),
        "decisions": decisions(),
        "conflict": conflict,
    }
    return render(request, "constituents/edit_contact.html", context, status=409 if conflict else 200)


def _saved(saved: Saved) -> str:
    words = [change_in_words(change) for change in saved.permissions if change.old is not None or change.new]
    words += saved.addresses
    if not words:
        return "Nothing was marked, so nothing was changed."
    return f"Saved. {'. '.join(words)}."
