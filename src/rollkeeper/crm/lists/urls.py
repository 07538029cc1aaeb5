"""The addresses of List Maintenance."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.lists import copy_pages, definition_pages, member_pages, pages

urlpatterns = [
    path("", pages.lists, name="marketing-lists"),
    path("create/", definition_pages.create, name="list-create"),
    path("rule-builder/", definition_pages.rule_builder, name="list-rule-builder"),
    path("lists/<str:code>/", member_pages.members, name="marketing-list"),
    path("lists/<str:code>/members/<int:constituent_id>/", member_pages.why_member, name="list-why"),
    path("lists/<str:code>/members/<int:constituent_id>/decide/", member_pages.decide_member, name="list-decide"),
    path("lists/<str:code>/by-hand/", member_pages.by_hand, name="list-by-hand"),
    path("lists/<str:code>/preview/", pages.preview_list, name="list-preview"),
    path("lists/<str:code>/definition/", pages.definition, name="list-definition"),
    path("lists/<str:code>/definition/change/", definition_pages.change_definition, name="list-change"),
    path("lists/<str:code>/history/", pages.history, name="list-history"),
    path("lists/<str:code>/copy/", copy_pages.copy, name="list-copy"),
    path("lists/<str:code>/delete/", copy_pages.delete, name="list-delete"),
    path("lists/<str:code>/optional-information/", pages.optional_information, name="list-optional"),
]
