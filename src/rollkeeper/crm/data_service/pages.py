"""Admin › API Tokens: who may read the data service. A token is shown once, when it is made."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from rollkeeper.crm.data_service.models import ApiToken
from rollkeeper.crm.data_service.rules import MAY_MANAGE_TOKENS
from rollkeeper.crm.data_service.tokens import TokenNameTaken, create_token, revoke
from rollkeeper.web.paging import keyset_page


class TokenForm(forms.Form):
    """A token's name says whose it is."""

    name = forms.CharField(
        max_length=100, help_text="Who uses it, for example: Marketing site, Power BI of the finance team."
    )

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not name.isprintable():
            raise ValidationError("The name holds a control character. Take it out.")
        return name


@require_GET
@permission_required(MAY_MANAGE_TOKENS, raise_exception=True)
def tokens(request: HttpRequest) -> HttpResponse:
    """Every token by its name: when it was made, last used, revoked."""
    return _page(request, TokenForm())


@require_POST
@never_cache
@permission_required(MAY_MANAGE_TOKENS, raise_exception=True)
def create(request: HttpRequest) -> HttpResponse:
    """Make a token and show it in this answer, the only one that ever holds it."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    name = form.cleaned_data["name"]
    try:
        return _page(request, TokenForm(), name, create_token(name))
    except TokenNameTaken as taken:
        form.add_error("name", str(taken))
        return _page(request, form)


@require_POST
@permission_required(MAY_MANAGE_TOKENS, raise_exception=True)
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make a token open nothing any more, at once."""
    token = get_object_or_404(ApiToken, pk=token_id)
    if revoke(token.name, timezone.now()):
        messages.success(request, f"Revoked: {token.name}. Whoever used it is refused from now on.")
    else:
        messages.info(request, f"{token.name} had been revoked already.")
    return redirect("api-tokens")


def _page(request: HttpRequest, form: TokenForm, made_name: str = "", made: str = "") -> HttpResponse:
    page = keyset_page(ApiToken.objects.defer("digest"), request, ("name",))
    context = {"form": form, "page": page, "made_name": made_name, "made": made}
    return render(request, "data_service/tokens.html", context)
