"""A menu with everything that a menu can have."""

from __future__ import annotations

from rollkeeper.web.navigation import Entry, SiteMenu

SITE = SiteMenu(
    key="marketing",
    name="Test site",
    purpose="Shows every part",
    entries=(
        Entry("Home", "home", "home"),
        Entry(
            "Parts",
            icon="settings",
            children=(
                Entry("All parts", "components"),
                Entry("Deeper", children=(Entry("Nothing yet", "nothing-yet"),)),
            ),
        ),
        Entry("For administrators", "secret", "key", permission="auth.delete_user"),
    ),
)
