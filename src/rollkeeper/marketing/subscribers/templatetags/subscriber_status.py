"""How a subscriber's status looks in a page."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from rollkeeper.sync.permission import Status
from rollkeeper.web.templatetags.components import badge

register = template.Library()

STATUS_TONES = {
    Status.SUBSCRIBED: "good",
    Status.UNSUBSCRIBED_REMOTE: "warn",
    Status.UNSUBSCRIBED: "warn",
    Status.BOUNCED: "bad",
    Status.COMPLAINED: "bad",
    Status.INVALID_ADDRESS: "info",
    Status.NO_ADDRESS: "quiet",
    Status.SUPPRESSED: "bad",
}


@register.filter
def subscriber_status(status: str) -> SafeString:
    """The status, word for word, as a badge."""
    return badge(status, STATUS_TONES[Status(status)])
