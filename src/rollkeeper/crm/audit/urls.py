"""The addresses of the change log's pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.audit import pages

urlpatterns = [path("", pages.audit, name="audit")]
