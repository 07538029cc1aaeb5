"""Django settings of the marketing site."""

from __future__ import annotations

from rollkeeper.web.settings import site_settings

globals().update(
    site_settings(
        "marketing",
        [
            "rollkeeper.marketing.home",
            "rollkeeper.marketing.bridges",
            "rollkeeper.marketing.target_groups",
            "rollkeeper.marketing.subscribers",
            "rollkeeper.marketing.previews",
            "rollkeeper.marketing.sync_runs",
            "rollkeeper.marketing.guard",
        ],
    )
)

ACCOUNT_ADAPTER = "rollkeeper.marketing.sync_runs.login.SyncOnLogin"  # S18
