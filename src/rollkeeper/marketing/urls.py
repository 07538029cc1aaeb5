"""The marketing site's addresses."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from rollkeeper.marketing.home.pages import home


@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers (for supervisors and load balancers)."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("livez", livez, name="livez"),
    path("", home, name="home"),
    path("subscribers/", include("rollkeeper.marketing.subscribers.urls")),
    path("subscribers/target-groups/", include("rollkeeper.marketing.target_groups.urls")),
    path("admin/setup/bridge-configurations/", include("rollkeeper.marketing.bridges.urls")),
    path("sync-runs/", include("rollkeeper.marketing.sync_runs.urls")),
    path("accounts/", include("allauth.urls")),
]
