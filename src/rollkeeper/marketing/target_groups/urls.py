"""The addresses of the target groups' pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.marketing.target_groups import pages, set_aside_pages, why_page

urlpatterns = [
    path("", pages.target_groups, name="target-groups"),
    path("refresh/", pages.refresh, name="target-groups-refresh"),
    path("<int:group_id>/", pages.count_details, name="count-details"),
    path("<int:group_id>/sync/", pages.sync_group, name="sync-target-group"),
    path("<int:group_id>/people/<slug:step>/", pages.people, name="target-group-people"),
    path("<int:group_id>/set-aside/", set_aside_pages.set_aside_rows, name="set-aside"),
    path("<int:group_id>/set-aside.csv", set_aside_pages.set_aside_csv, name="set-aside-csv"),
    path("<int:group_id>/why/", why_page.why_person, name="target-group-why"),
]
