"""CRM360 › Create New Constituent (S3, S4): a wizard that writes nothing before its last Save."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from rollkeeper.crm.constituents.conflict import ORIGIN
from rollkeeper.crm.constituents.duplicates import duplicates_of
from rollkeeper.crm.constituents.effective import decisions, effective
from rollkeeper.crm.constituents.new_constituent import NewRefused, create_constituent, next_customer_id
from rollkeeper.crm.constituents.new_draft import (
    REVIEW,
    STEPS,
    Draft,
    Step,
    StepForm,
    keep_draft,
    new_key,
    read_draft,
    typed_into,
)
from rollkeeper.crm.constituents.rules import MAY_KEEP_RECORDS


@require_GET
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def start(request: HttpRequest) -> HttpResponse:
    """A draft of its own for whoever begins."""
    return redirect("constituent-new-step", new_key(), STEPS[0].slug)


@require_http_methods(["GET", "POST"])
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def step(request: HttpRequest, key: str, slug: str) -> HttpResponse:
    """One step. Next goes on if all is well there; Back keeps what was typed, well or not."""
    at = next((number for number, step in enumerate(STEPS) if step.slug == slug), None)
    if at is None:
        raise Http404
    draft, here = read_draft(request.session, key), STEPS[at]
    if draft.made is not None:
        return redirect("constituent", draft.made)
    if request.method == "POST":
        draft.typed[here.slug] = typed_into(here, request.POST)
        keep_draft(request.session, draft)
        if "back" in request.POST:
            return redirect("constituent-new-step", key, STEPS[max(at - 1, 0)].slug)
        form = draft.bound(here)
        if form.is_valid():
            return _go_on(key, at + 1)
        return _step_page(request, draft, at, form)
    behind = draft.first_open()
    if behind is not None and STEPS.index(behind) < at:
        return redirect("constituent-new-step", key, behind.slug)
    return _step_page(request, draft, at, here.form(initial=draft.typed.get(here.slug)))


@require_http_methods(["GET", "POST"])
@permission_required(MAY_KEEP_RECORDS, raise_exception=True)
def review(request: HttpRequest, key: str) -> HttpResponse:
    """All that was typed; Save creates the constituent, once, however often it is pressed."""
    if request.method == "POST":
        return _save(request, key)
    draft = read_draft(request.session, key)
    if draft.made is not None:
        return redirect("constituent", draft.made)
    return _review_page(request, draft)


def _save(request: HttpRequest, key: str) -> HttpResponse:
    with transaction.atomic():
        with connection.cursor() as cursor:  # two presses of one button wait for one another
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"new constituent {key}"])
        session = type(request.session)(request.session.session_key)  # as the other press may have left it
        draft = read_draft(session, key)
        if draft.made is not None:
            return redirect("constituent", draft.made)
        if "back" in request.POST:
            return redirect("constituent-new-step", key, STEPS[-1].slug)
        if (behind := draft.first_open()) is not None:
            messages.error(request, "Nothing was saved yet: this step is not complete.")
            return redirect("constituent-new-step", key, behind.slug)
        try:
            made = create_constituent(draft.new_constituent(), author=request.user.get_username(), origin=ORIGIN)
        except NewRefused as refusal:
            messages.error(request, f"Nothing was saved. {refusal}")
            return _review_page(request, draft)
        draft.typed, draft.made = {}, made.pk
        keep_draft(request.session, draft)
        request.session.save()  # with the constituent, or neither
    messages.success(request, f"Created {made}.")
    return redirect("constituent", made.pk)


def _go_on(key: str, at: int) -> HttpResponse:
    if at == len(STEPS):
        return redirect("constituent-new-review", key)
    return redirect("constituent-new-step", key, STEPS[at].slug)


def _step_page(request: HttpRequest, draft: Draft, at: int, form: StepForm) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "here": STEPS[at], "number": at + 1, "is_first": at == 0}
    if STEPS[at].slug == "special-info":
        solicitation, email = (form[name].value() == "yes" for name in ("allow_solicitation", "allow_email"))
        address = draft.person().email or None
        context |= {
            "decisions": decisions(),
            "has_address": address is not None,
            "permission": effective(address, allow_solicitation=solicitation, allow_email=email),
        }
    return _page(request, draft, f"constituents/new_{STEPS[at].slug.replace('-', '_')}.html", context)


def _review_page(request: HttpRequest, draft: Draft) -> HttpResponse:
    if (behind := draft.first_open()) is not None:
        return redirect("constituent-new-step", draft.key, behind.slug)
    new = draft.new_constituent()
    permission = effective(
        new.email or None, allow_solicitation=new.allow_solicitation, allow_email=new.allow_email
    )
    context = {
        "number": len(STEPS) + 1,
        "new": new,
        "permission": permission,
        "next_id": "" if new.master_customer_id else next_customer_id(),
        "parts": [(step, _filled(draft, step)) for step in STEPS[:2]],
    }
    return _page(request, draft, "constituents/new_review.html", context)


def _filled(draft: Draft, step: Step) -> list[tuple[str, str]]:
    """What was typed into a step, label and words, without what was left empty."""
    form, typed = draft.bound(step), draft.typed[step.slug]
    choices = {name: dict(getattr(field, "choices", ())) for name, field in form.fields.items()}
    return [
        (str(field.label or name), str(choices[name].get(typed[name], typed[name])))
        for name, field in form.fields.items()
        if typed.get(name, "").strip() and name != "master_customer_id"
    ]


def _page(request: HttpRequest, draft: Draft, template: str, context: dict[str, Any]) -> HttpResponse:
    steps = [(step.slug, step.title) for step in STEPS]
    context |= {"draft": draft, "steps": [*steps, (REVIEW, "Review")]}
    context["duplicates"] = duplicates_of(draft.person()) if draft.typed else []
    return render(request, template, context)
