"""How a schedule looks in a page."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rollkeeper.crm.schedules.models import JobSchedule
from rollkeeper.web.age import age_in_words, duration_in_words
from rollkeeper.web.templatetags.components import NOTHING, badge

register = template.Library()


@register.filter
def schedule_state(schedule: JobSchedule) -> SafeString:
    """Active, Paused, or Over (its End is past)."""
    if not schedule.enabled:
        return badge("Paused", "warn")
    return badge("Over", "quiet") if schedule.is_over else badge("Active", "good")


@register.filter
def next_run(schedule: JobSchedule) -> SafeString:
    """The next time, on the clock of the schedule's zone."""
    if schedule.next_at is None:
        return NOTHING
    local = schedule.next_at.astimezone(ZoneInfo(schedule.time_zone))
    return format_html(
        '<time class="moment" datetime="{}"><span class="moment-date">{}</span> '
        '<span class="moment-rest">{} <span class="age">({})</span></span></time>',
        local.isoformat(timespec="seconds"),
        local.strftime("%a %-d %b %Y, %H:%M"),
        local.strftime("%Z"),
        age_in_words(schedule.next_at, timezone.now()),
    )


@register.filter
def usual(duration: timedelta | None) -> str | SafeString:
    """How long a run takes as a rule; a dash where none has ended yet."""
    return NOTHING if duration is None else duration_in_words(duration.total_seconds())


@register.filter
def of_code(durations: dict[str, timedelta], code: str) -> timedelta | None:
    """The duration of a set-up code's runs, out of all."""
    return durations.get(code)


@register.filter
def units(length: float) -> str:
    """A length in a drawing, without thousands separators."""
    return f"{length:.1f}"
