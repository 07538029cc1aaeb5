"""The addresses of Job Scheduling."""

from __future__ import annotations

from django.urls import path

from rollkeeper.crm.schedules import pages, week_pages

urlpatterns = [
    path("", pages.schedules, name="job-scheduling"),
    path("week/", week_pages.week, name="job-scheduling-week"),
    path("create/", pages.create, name="job-scheduling-create"),
    path("create/MKT600/", pages.new, name="job-scheduling-new"),
    path("preview/", pages.preview, name="job-scheduling-preview"),
    path("schedules/<int:schedule_id>/", pages.schedule, name="job-schedule"),
    path("schedules/<int:schedule_id>/change/", pages.change, name="job-schedule-change"),
    path("schedules/<int:schedule_id>/pause/", pages.pause, name="job-schedule-pause"),
    path("schedules/<int:schedule_id>/resume/", pages.resume, name="job-schedule-resume"),
    path("schedules/<int:schedule_id>/run-now/", pages.run_now, name="job-schedule-run-now"),
    path("schedules/<int:schedule_id>/delete/", pages.delete, name="job-schedule-delete"),
]
