"""The marketing site's menu, in the document's words (S31, S34)."""

from __future__ import annotations

from rollkeeper.web.navigation import Entry, SiteMenu

SITE = SiteMenu(
    key="marketing",
    name="Marketing site",
    purpose="E-mail audiences kept true to the membership records",
    entries=(
        Entry("Home", "home", "home"),
        Entry(
            "Subscribers",
            icon="users",
            children=(
                Entry("All Subscribers", "subscribers"),
                Entry("Target Groups", children=(Entry("Personify360 MKT Lists", "target-groups"),)),
            ),
        ),
        Entry(
            "Admin",
            icon="settings",
            children=(Entry("Setup", children=(Entry("Bridge Configurations", "bridges"),)),),
        ),
        Entry("Sync runs", "sync-runs", "history"),
    ),
)
