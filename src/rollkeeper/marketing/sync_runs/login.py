"""The login event (S18, S19): signing in asks for fresh lists and fields, and never waits or fails for it."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.request import request_sync
from rollkeeper.sync.events import Event, Kind, login_sync_due
from rollkeeper.web.accounts.adapter import ClosedSignUp

logger = logging.getLogger(__name__)


class SyncOnLogin(ClosedSignUp):
    """Sign-in on the marketing site."""

    def post_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **options)
        try:
            with transaction.atomic():
                request_due_syncs(user.get_username(), timezone.now())
        except Exception:  # S18: whatever goes wrong here, the person is signed in; the log has it
            logger.exception("The catalog sync of a login could not be requested.")
        return response


def request_due_syncs(username: str, now: datetime) -> None:
    """Request a catalog sync of every bridge that is switched on and whose last successful one is old enough."""
    for bridge in Bridge.objects.filter(is_enabled=True):
        if login_sync_due(now, bridge.catalog_synced_at):
            request_sync(bridge, Kind.CATALOG, Event.LOGIN, requested_by=username)
