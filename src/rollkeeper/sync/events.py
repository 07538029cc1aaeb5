"""The two kinds of sync and the six events that trigger one (S16, S17), and when each is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

LOGIN_PAUSE = timedelta(minutes=10)  # S18: exactly ten minutes counts as passed


class Kind(StrEnum):
    """What a sync brings: the lists and fields, or the customers of one list (S16)."""

    CATALOG = "catalog"
    AUDIENCE = "audience"

    @property
    def label(self) -> str:
        return {"catalog": "Lists and fields", "audience": "Customers of a list"}[self.value]


class Event(StrEnum):
    """What made a sync run (S17). Each run records its event."""

    LOGIN = "login"
    MAILING_SEND = "mailing_send"
    REFRESH_TARGET_GROUPS = "refresh_target_groups"
    REFRESH_BRIDGE_CONFIGURATION = "refresh_bridge_configuration"
    RESYNC_COUNT_DETAILS = "resync_count_details"
    OVERNIGHT = "overnight"

    @property
    def label(self) -> str:
        return {
            "login": "Login",
            "mailing_send": "Mailing send",
            "refresh_target_groups": "Refresh Target Group List on Target Groups",
            "refresh_bridge_configuration": "Refresh Target Group List on Bridge Configurations",
            "resync_count_details": "Sync or Resync Target Group on Count Details",
            "overnight": "Overnight",
        }[self.value]


def login_sync_due(now: datetime, last_catalog_sync: datetime | None) -> bool:
    """Whether a login triggers a catalog sync (S18).

    `last_catalog_sync` is the last *successful* catalog sync of the bridge, by any event; None: never.
    A last sync that lies in the future (the clock was set back) does not hold the next one off for ever.
    """
    if last_catalog_sync is None or last_catalog_sync > now:
        return True
    return now - last_catalog_sync >= LOGIN_PAUSE
