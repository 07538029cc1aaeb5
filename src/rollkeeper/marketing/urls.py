"""The marketing site's addresses."""

from __future__ import annotations

from django.urls import include, path

from rollkeeper.marketing.guard import urls as guard
from rollkeeper.marketing.home.pages import home
from rollkeeper.marketing.previews import urls as previews
from rollkeeper.web.livez import livez

urlpatterns = [
    path("livez", livez, name="livez"),
    path("", home, name="home"),
    path("subscribers/", include("rollkeeper.marketing.subscribers.urls")),
    path("subscribers/target-groups/", include("rollkeeper.marketing.target_groups.urls")),
    path("subscribers/target-groups/", include(guard.of_groups)),
    path("subscribers/target-groups/", include(previews.of_groups)),
    path("admin/setup/bridge-configurations/", include("rollkeeper.marketing.bridges.urls")),
    path("admin/setup/bridge-configurations/", include(guard.of_bridges)),
    path("sync-runs/previews/", include("rollkeeper.marketing.previews.urls")),
    path("sync-runs/", include("rollkeeper.marketing.sync_runs.urls")),
    path("sync-runs/", include(guard.of_runs)),
    path("accounts/", include("rollkeeper.web.accounts.urls")),
]
