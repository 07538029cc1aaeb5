"""The addresses of the subscribers' pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.marketing.subscribers import pages

urlpatterns = [
    path("", pages.subscribers, name="subscribers"),
    path("<int:subscriber_id>/", pages.subscriber, name="subscriber"),
]
