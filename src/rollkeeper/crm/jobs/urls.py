"""The addresses of the jobs' pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.jobs import pages, setup_code_pages

urlpatterns = [
    path("", pages.jobs, name="jobs"),
    path("run-mkt510/", pages.run_mkt510, name="run-mkt510"),
    path("run-mkt600/", pages.run_mkt600, name="run-mkt600"),
    path("runs/<int:run_id>/", pages.job_run, name="job-run"),
    path("runs/<int:run_id>/progress/", pages.progress, name="job-run-progress"),
    path("runs/<int:run_id>/log/", pages.run_log, name="job-run-log"),
    path("runs/<int:run_id>/cancel/", pages.cancel_run, name="job-run-cancel"),
    path("runs/<int:run_id>/run-failed-again/", pages.run_failed_again, name="job-run-failed-again"),
    path("set-up-codes/create/", setup_code_pages.create, name="setup-code-create"),
    path("set-up-codes/codes/<str:code>/", setup_code_pages.change, name="setup-code-change"),
    path("set-up-codes/codes/<str:code>/delete/", setup_code_pages.delete, name="setup-code-delete"),
    path("set-up-codes/codes/<str:code>/run/", setup_code_pages.run, name="setup-code-run"),
]
