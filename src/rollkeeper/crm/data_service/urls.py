"""The data service's addresses."""

from __future__ import annotations

from django.urls import path, re_path

from rollkeeper.crm.data_service.views import data_service

urlpatterns = [
    path("", data_service, {"resource": ""}, name="data-service"),
    re_path(r"^(?P<resource>.+)$", data_service),
]
