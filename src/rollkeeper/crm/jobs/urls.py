"""The addresses of the jobs' pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.jobs import pages

urlpatterns = [
    path("", pages.jobs, name="jobs"),
    path("run-mkt510/", pages.run_mkt510, name="run-mkt510"),
    path("run-mkt600/", pages.run_mkt600, name="run-mkt600"),
    path("runs/<int:run_id>/", pages.job_run, name="job-run"),
    path("runs/<int:run_id>/progress/", pages.progress, name="job-run-progress"),
]
