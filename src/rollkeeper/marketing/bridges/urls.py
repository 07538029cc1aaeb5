"""The addresses of the bridges' pages."""

from __future__ import annotations

from django.urls import path

from rollkeeper.marketing.bridges import pages

urlpatterns = [
    path("", pages.bridges, name="bridges"),
    path("<int:bridge_id>/", pages.bridge, name="bridge"),
    path("<int:bridge_id>/change/", pages.change_bridge, name="bridge-change"),
    path("<int:bridge_id>/test/", pages.test_bridge, name="bridge-test"),
    path("<int:bridge_id>/refresh/", pages.refresh_bridge, name="bridge-refresh"),
    path("<int:bridge_id>/fields/<int:field_id>/", pages.change_field, name="bridge-field"),
]
