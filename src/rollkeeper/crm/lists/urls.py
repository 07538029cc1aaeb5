"""The addresses of List Maintenance."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.lists import pages

urlpatterns = [
    path("", pages.lists, name="marketing-lists"),
    path("create/", pages.create, name="list-create"),
    path("lists/<str:code>/", pages.members, name="marketing-list"),
    path("lists/<str:code>/definition/", pages.definition, name="list-definition"),
    path("lists/<str:code>/definition/change/", pages.change_definition, name="list-change"),
    path("lists/<str:code>/versions/", pages.versions, name="list-versions"),
    path("lists/<str:code>/optional-information/", pages.optional_information, name="list-optional"),
]
