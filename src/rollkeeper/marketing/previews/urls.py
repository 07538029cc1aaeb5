"""The addresses of the previews' pages; those of a target group are included with the groups'."""

from __future__ import annotations

from django.urls import path

from rollkeeper.marketing.previews import pages

of_groups = [path("<int:group_id>/preview/", pages.request_one, name="preview-request")]
urlpatterns = [
    path("<int:preview_id>/", pages.preview, name="preview"),
    path("<int:preview_id>/progress/", pages.progress, name="preview-progress"),
    path("<int:preview_id>/cancel/", pages.cancel, name="preview-cancel"),
    path("<int:preview_id>/apply/", pages.apply, name="preview-apply"),
    path("<int:preview_id>/people.csv", pages.people_csv, name="preview-csv"),
]
