"""The addresses of the personalization view's pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.personalization import pages

urlpatterns = [
    path("", pages.view, name="personalization-view"),
    path("add/", pages.add, name="field-add"),
    path("<int:field_id>/", pages.change, name="field-change"),
    path("<int:field_id>/move/", pages.move, name="field-move"),
    path("<int:field_id>/remove/", pages.remove, name="field-remove"),
]
