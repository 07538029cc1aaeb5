"""Pages that show every part of the frame, to be looked at and measured."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from rollkeeper.web.paging import keyset_page
from rollkeeper.web.templatetags.components import FunnelStep

STEPS = [
    FunnelStep("In the list", 12_480, kept_url="?step=list"),
    FunnelStep("Has an address", 11_020, 1_460, "?step=address", "?lost=address", "have none"),
    FunnelStep("Valid", 10_890, 130, "?step=valid", "?lost=valid", "invalid"),
    FunnelStep("Not a duplicate", 10_500, 390, "?step=distinct", "?lost=distinct", "duplicates"),
    FunnelStep("Allowed", 9_714, 786, "?step=allowed", "?lost=allowed", "not allowed"),
    FunnelStep("Will receive", 9_700, 14, "?step=receiving", "?lost=receiving", "opted out here"),
]


class ExampleForm(forms.Form):
    name = forms.CharField(help_text="As it is in the CRM.")
    frequency = forms.ChoiceField(choices=[("DAILY", "Daily"), ("WEEKLY", "Weekly")])
    enabled = forms.BooleanField(required=False, label="Enabled")
    comment = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


def components(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    rows = [(f"LIST{number}", f"A list with number {number}", 1_234_567 // number) for number in range(1, 8)]
    form = ExampleForm({"name": ""} if "errors" in request.GET else None)
    messages.success(request, "Saved. The list is regenerated tonight.")
    messages.error(request, "The CRM did not answer. Nothing was changed; try again in a minute.")
    return render(
        request,
        "components.html",
        {"rows": rows, "steps": STEPS, "now": now, "old": now - timedelta(hours=30), "form": form},
    )


def nothing_yet(request: HttpRequest) -> HttpResponse:
    return render(request, "nothing_yet.html")


def permissions(request: HttpRequest) -> HttpResponse:
    page = keyset_page(Permission.objects.all(), request, ("codename", "id"), size=5)
    return render(request, "permissions.html", {"page": page})


def secret(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken on purpose")


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    messages.success(request, "Done.")
    return redirect("home")
