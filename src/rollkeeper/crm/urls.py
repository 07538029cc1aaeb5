"""The crm site's addresses."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers (for supervisors and load balancers)."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("livez", livez, name="livez"),
    path("accounts/", include("allauth.urls")),
    path("odata/", include("rollkeeper.crm.data_service.urls")),
]
