"""Sign in, sign out, change one's password: nothing else of the library's pages is for visitors."""

from __future__ import annotations

from typing import NoReturn

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest
from django.urls import include, path, re_path


@login_not_required
def not_here(request: HttpRequest) -> NoReturn:
    """Passwords are reset by an administrator, with `rollkeeper reset-password`; accounts have no addresses."""
    raise Http404


urlpatterns = [
    re_path(
        r"^(?:password/reset|password/set|email|confirm-email|reauthenticate|login/code|3rdparty)(?:/|$)", not_here
    ),
    path("", include("allauth.urls")),
]
