"""Reporting › Jobs: set-up codes, made, changed and deleted (S12)."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from rollkeeper.crm.jobs.forms import NewSetupCodeForm, SetupCodeForm
from rollkeeper.crm.jobs.models import SetupCode
from rollkeeper.crm.jobs.request import JobRefused, request_job
from rollkeeper.crm.jobs.rules import MAY_RUN, MAY_SET_UP
from rollkeeper.crm.jobs.setup_codes import SetupRefused, change_setup_code, create_setup_code, delete_setup_code


@require_http_methods(["GET", "POST"])
@permission_required(MAY_SET_UP, raise_exception=True)
def create(request: HttpRequest) -> HttpResponse:
    """Make a set-up code."""
    form = NewSetupCodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            setup = create_setup_code(**form.cleaned_data, **_by(request))
        except SetupRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Created: {setup.code}.")
            return redirect("jobs")
    return render(request, "jobs/setup_code_create.html", {"form": form})


@require_http_methods(["GET", "POST"])
@permission_required(MAY_SET_UP, raise_exception=True)
def change(request: HttpRequest, code: str) -> HttpResponse:
    """Change the parameters of a set-up code."""
    setup = get_object_or_404(SetupCode, code=code.replace("\x00", ""))
    kept = {"frequency": setup.frequency, "list_code": setup.list_code, "description": setup.description}
    form = SetupCodeForm(request.POST if request.method == "POST" else None, initial=kept)
    if form.is_valid():
        try:
            change_setup_code(setup.code, **form.cleaned_data, **_by(request))
        except SetupRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"Saved: {setup.code}.")
            return redirect("jobs")
    return render(request, "jobs/setup_code_change.html", {"setup": setup, "form": form})


@require_POST
@permission_required(MAY_SET_UP, raise_exception=True)
def delete(request: HttpRequest, code: str) -> HttpResponse:
    """Delete a set-up code."""
    setup = get_object_or_404(SetupCode, code=code.replace("\x00", ""))
    try:
        delete_setup_code(setup.code, **_by(request))
    except SetupRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("setup-code-change", setup.code)
    messages.success(request, f"Deleted: {setup.code}. Its past runs keep its name.")
    return redirect("jobs")


@require_POST
@permission_required(MAY_RUN, raise_exception=True)
def run(request: HttpRequest, code: str) -> HttpResponse:
    """Ask for a run of the set-up code's job with its parameters; a worker performs it."""
    setup = get_object_or_404(SetupCode, code=code.replace("\x00", ""))
    try:
        requested = request_job(setup.job, setup_code=setup.code, requested_by=request.user.get_username())
    except JobRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("jobs")
    return redirect("job-run", requested.pk)


def _by(request: HttpRequest) -> dict[str, str]:
    """Who does it, from where, for the change log."""
    return {"author": request.user.get_username(), "origin": "Jobs page"}
