"""Memberships, events, gifts and interests of a constituent: add, change, remove a line."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from rollkeeper.crm.constituents.belonging_forms import LineForm
from rollkeeper.crm.constituents.belongings import (
    KINDS,
    Kind,
    Line,
    LineRefused,
    add_line,
    change_line,
    remove_line,
)
from rollkeeper.crm.constituents.conflict import ORIGIN, conflict_of
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.rules import MAY_KEEP_RECORDS
from rollkeeper.crm.constituents.version import ChangedMeanwhile


@require_http_methods(["GET", "POST"])
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def add(request: HttpRequest, constituent_id: int, kind: str) -> HttpResponse:
    """Add a line."""
    person, found = _person_and_kind(constituent_id, kind)
    form = LineForm(found, {}, person.version, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            add_line(person, found, form.values(), author=request.user.get_username(), origin=ORIGIN)
        except LineRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            messages.success(request, f"Added: {found.called(form.values())}.")
            return redirect("constituent", person.pk)
    return _page(request, person, found, form)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def change(request: HttpRequest, constituent_id: int, kind: str, line_id: int) -> HttpResponse:
    """Change a line; where someone else changed the same line meanwhile, say what and ask again."""
    person, found = _person_and_kind(constituent_id, kind)
    line = get_object_or_404(found.rows(person), pk=line_id)
    form = _form(found, line, person, request.POST if request.method == "POST" else None)
    if form.is_valid():
        author = request.user.get_username()
        try:
            changed = change_line(
                person, found, line_id, form.values(), seen=form.seen_values(), author=author, origin=ORIGIN
            )
        except LineRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        except ChangedMeanwhile as meanwhile:
            return _ask_again(request, person, found, line_id, str(meanwhile))
        else:
            words = f"Saved: {found.called(form.values())}." if changed else "Nothing was changed."
            messages.success(request, words)
            return redirect("constituent", person.pk)
    return _page(request, person, found, form, line)


@require_POST
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def remove(request: HttpRequest, constituent_id: int, kind: str, line_id: int) -> HttpResponse:
    """Remove a line, as its page showed it."""
    person, found = _person_and_kind(constituent_id, kind)
    line = get_object_or_404(found.rows(person), pk=line_id)
    seen = _form(found, line, person, request.POST).seen_values()
    try:
        words = remove_line(person, found, line_id, seen=seen, author=request.user.get_username(), origin=ORIGIN)
    except ChangedMeanwhile as meanwhile:
        messages.error(request, f"{meanwhile} Look at it again.")
        return redirect("belonging-change", person.pk, kind, line_id)
    messages.success(request, f"Removed: {words}.")
    return redirect("constituent", person.pk)


def _ask_again(request: HttpRequest, person: Constituent, kind: Kind, line_id: int, sentence: str) -> HttpResponse:
    """What was typed, over the line as it is now; a line that is gone can only be added anew."""
    line: Line | None = kind.rows(person).filter(pk=line_id).first()
    if line is None:
        messages.error(request, f"{sentence} Add it anew if it should be there.")
        return redirect("constituent", person.pk)
    sent = _form(kind, line, person, request.POST)
    sent.is_valid()
    fresh = LineForm(kind, kind.values(line), person.version, typed=sent.kept())
    return _page(request, person, kind, fresh, line, conflict=conflict_of(person, sent))


def _form(kind: Kind, line: Line, person: Constituent, data: Any) -> LineForm:
    return LineForm(kind, kind.values(line), person.version, data)


def _page(
    request: HttpRequest, person: Constituent, kind: Kind, form: LineForm, line: Line | None = None, **more: Any
) -> HttpResponse:
    context = {"person": person, "kind": kind, "form": form, "line": line, **more}
    return render(request, "constituents/belonging.html", context, status=409 if more else 200)


def _person_and_kind(constituent_id: int, kind: str) -> tuple[Constituent, Kind]:
    if kind not in KINDS:
        raise Http404
    return get_object_or_404(Constituent, pk=constituent_id), KINDS[kind]
