"""A bridge's connector, ready to use."""

from __future__ import annotations

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.bridges.secret import SecretUnreadable, reveal
from rollkeeper.sync.connector import Connector, SourceMisconfigured, connector


def open_connector(bridge: Bridge) -> Connector:
    """The bridge's connector with its address and secret. Raises `SourceMisconfigured`."""
    if not bridge.is_enabled:
        raise SourceMisconfigured(
            f"The bridge {bridge.name} is switched off. Switch it on under Admin, Setup, Bridge Configurations."
        )
    try:
        secret = reveal(bridge.secret)
    except SecretUnreadable as error:
        raise SourceMisconfigured(str(error)) from error
    return connector(bridge.connector, bridge.url, bridge.account, secret)
