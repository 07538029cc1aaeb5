"""The addresses of List Maintenance."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.lists import member_pages, pages

urlpatterns = [
    path("", pages.lists, name="marketing-lists"),
    path("create/", pages.create, name="list-create"),
    path("lists/<str:code>/", member_pages.members, name="marketing-list"),
    path("lists/<str:code>/members/<int:constituent_id>/", member_pages.why_member, name="list-why"),
    path("lists/<str:code>/definition/", pages.definition, name="list-definition"),
    path("lists/<str:code>/definition/change/", pages.change_definition, name="list-change"),
    path("lists/<str:code>/history/", pages.history, name="list-history"),
    path("lists/<str:code>/optional-information/", pages.optional_information, name="list-optional"),
]
