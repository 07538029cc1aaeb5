"""The crm site's addresses."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from rollkeeper.crm.home.pages import home


@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers (for supervisors and load balancers)."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("livez", livez, name="livez"),
    path("", home, name="home"),
    path("customers-and-committees/crm360/", include("rollkeeper.crm.constituents.urls")),
    path("marketing-and-communication/list-maintenance/", include("rollkeeper.crm.lists.urls")),
    path("reporting/jobs/", include("rollkeeper.crm.jobs.urls")),
    path("admin/personalization-view/", include("rollkeeper.crm.personalization.urls")),
    path("admin/api-tokens/", include("rollkeeper.crm.data_service.token_urls")),
    path("accounts/", include("allauth.urls")),
    path("odata/", include("rollkeeper.crm.data_service.urls")),
]
