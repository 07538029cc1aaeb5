"""The addresses of the sync runs' pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.marketing.sync_runs import pages

urlpatterns = [
    path("", pages.sync_runs, name="sync-runs"),
    path("<int:run_id>/", pages.sync_run, name="sync-run"),
    path("<int:run_id>/progress/", pages.progress, name="sync-run-progress"),
    path("<int:run_id>/cancel/", pages.cancel, name="sync-run-cancel"),
    path("<int:run_id>/set-aside.csv", pages.set_aside_csv, name="sync-run-set-aside-csv"),
]
