"""How a preview looks in a page: its status, its progress."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.safestring import SafeString

from rollkeeper.marketing.previews.models import Preview
from rollkeeper.web.templatetags.components import badge

register = template.Library()

TONES = {
    Preview.Status.WAITING: "quiet",
    Preview.Status.RUNNING: "info",
    Preview.Status.READY: "good",
    Preview.Status.FAILED: "bad",
    Preview.Status.CANCELLED: "quiet",
}
PATIENCE = timedelta(seconds=20)  # a worker takes a request within moments; after this the page says who is missing


@register.filter
def preview_status(preview: Preview) -> SafeString:
    """The preview's status as a badge."""
    status = Preview.Status(preview.status)
    return badge(status.label, TONES[status])


@register.inclusion_tag("previews/progress.html")
def preview_progress(preview: Preview) -> dict[str, Any]:
    """What is being done now. It asks for itself again every two seconds until the preview has ended."""
    waiting = preview.status == Preview.Status.WAITING
    expected = preview.group.list_members
    return {
        "preview": preview,
        "expected": expected if expected >= preview.rows_received > 0 else 0,
        "no_worker": waiting and timezone.now() - preview.requested_at > PATIENCE,
    }
