"""The addresses of CRM360's pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.constituents import contact_pages, pages

urlpatterns = [
    path("", pages.search, name="crm360"),
    path("<int:constituent_id>/", pages.constituent, name="constituent"),
    path("<int:constituent_id>/permission-history/", pages.permission_history, name="permission-history"),
    path("<int:constituent_id>/changes/", pages.change_history, name="change-history"),
    path("<int:constituent_id>/edit-contact-information/", contact_pages.edit_contact, name="edit-contact"),
]
