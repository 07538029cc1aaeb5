"""The addresses of CRM360's pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.constituents import pages

urlpatterns = [
    path("", pages.search, name="crm360"),
    path("<int:constituent_id>/", pages.constituent, name="constituent"),
    path("<int:constituent_id>/permission-history/", pages.permission_history, name="permission-history"),
    path("<int:constituent_id>/edit-contact-information/", pages.edit_contact, name="edit-contact"),
]
