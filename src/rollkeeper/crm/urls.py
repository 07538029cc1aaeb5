"""The CRM site's addresses."""

from __future__ import annotations

from django.urls import include, path

from rollkeeper.crm.home.pages import home
from rollkeeper.web.livez import livez

urlpatterns = [
    path("livez", livez, name="livez"),
    path("", home, name="home"),
    path("customers-and-committees/crm360/", include("rollkeeper.crm.constituents.urls")),
    path("marketing-and-communication/list-maintenance/", include("rollkeeper.crm.lists.urls")),
    path("reporting/jobs/", include("rollkeeper.crm.jobs.urls")),
    path("reporting/job-scheduling/", include("rollkeeper.crm.schedules.urls")),
    path("admin/personalization-view/", include("rollkeeper.crm.personalization.urls")),
    path("admin/audit/", include("rollkeeper.crm.audit.urls")),
    path("admin/api-tokens/", include("rollkeeper.crm.data_service.token_urls")),
    path("accounts/", include("rollkeeper.web.accounts.urls")),
    path("odata/", include("rollkeeper.crm.data_service.urls")),
]
