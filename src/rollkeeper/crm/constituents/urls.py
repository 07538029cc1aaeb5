"""The addresses of CRM360's pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.constituents import belonging_pages, contact_pages, detail_pages, new_pages, pages

urlpatterns = [
    path("", pages.search, name="crm360"),
    path("create-new-constituent/", new_pages.start, name="constituent-new"),
    path("create-new-constituent/<slug:key>/review/", new_pages.review, name="constituent-new-review"),
    path("create-new-constituent/<slug:key>/<slug:slug>/", new_pages.step, name="constituent-new-step"),
    path("<int:constituent_id>/", pages.constituent, name="constituent"),
    path("<int:constituent_id>/permission-history/", pages.permission_history, name="permission-history"),
    path("<int:constituent_id>/changes/", pages.change_history, name="change-history"),
    path("<int:constituent_id>/edit-contact-information/", contact_pages.edit_contact, name="edit-contact"),
    path("<int:constituent_id>/edit-details/", detail_pages.edit_details, name="edit-details"),
    path("<int:constituent_id>/<slug:kind>/add/", belonging_pages.add, name="belonging-add"),
    path("<int:constituent_id>/<slug:kind>/<int:line_id>/", belonging_pages.change, name="belonging-change"),
    path("<int:constituent_id>/<slug:kind>/<int:line_id>/remove/", belonging_pages.remove, name="belonging-remove"),
]
