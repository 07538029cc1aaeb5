"""The marketing site's addresses."""

from __future__ import annotations

from django.urls import include, path

from rollkeeper.marketing.home.pages import home
from rollkeeper.web.livez import livez

urlpatterns = [
    path("livez", livez, name="livez"),
    path("", home, name="home"),
    path("subscribers/", include("rollkeeper.marketing.subscribers.urls")),
    path("subscribers/target-groups/", include("rollkeeper.marketing.target_groups.urls")),
    path("admin/setup/bridge-configurations/", include("rollkeeper.marketing.bridges.urls")),
    path("sync-runs/", include("rollkeeper.marketing.sync_runs.urls")),
    path("accounts/", include("rollkeeper.web.accounts.urls")),
]
