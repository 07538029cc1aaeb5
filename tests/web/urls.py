"""The addresses of the frame's test pages."""

from __future__ import annotations

from django.urls import include, path

from tests.web import pages

urlpatterns = [
    path("", pages.home, name="home"),
    path("components/", pages.components, name="components"),
    path("components/nothing-yet/", pages.nothing_yet, name="nothing-yet"),
    path("secret/", pages.secret, name="secret"),
    path("broken/", pages.broken, name="broken"),
    path("act/", pages.act, name="act"),
    path("permissions/", pages.permissions, name="permissions"),
    path("accounts/", include("rollkeeper.web.accounts.urls")),
]
