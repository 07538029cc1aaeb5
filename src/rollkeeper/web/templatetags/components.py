"""The parts that pages are made of, as template tags. Every template has them without `{% load %}`.

`docs/decisions/005-front-end.md` says why; `tests/web` shows every one of them on a page and measures it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rollkeeper.web.age import age_in_words, duration_in_words
from rollkeeper.web.navigation import SiteMenu, site_menu

register = template.Library()

TONES = frozenset({"good", "bad", "warn", "info", "quiet"})
NOTHING = format_html('<span class="nothing">{}</span>', "—")


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """A step of a funnel: how many are left, how many were lost since the step before, and where the people are."""

    label: str
    count: int
    lost: int = 0
    kept_url: str = ""
    lost_url: str = ""
    lost_label: str = ""


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """A step with its share of the first, in whole per cent, for the bar."""

    step: FunnelStep
    share: int


@register.simple_tag
def site() -> SiteMenu:
    """The site that this process serves (for pages that have no request)."""
    return site_menu()


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite, as decoration: the text beside it says what it means."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("web/vendor/icons.svg"),
        name,
    )


@register.filter
def number(value: float | None) -> str | SafeString:
    """A count with thousands separators; a dash where there is none."""
    return NOTHING if value is None else number_format(value, force_grouping=True)


@register.filter
def plain(value: object) -> str:
    """A number as an identifier: no thousands separators."""
    return str(value)


@register.filter
def or_dash(value: object) -> object:
    """A dash where there is no value."""
    return NOTHING if value is None or value == "" else value


@register.simple_tag
def moment(when: datetime | None, missing: str = "—") -> SafeString:
    """A date and time with its zone, and how long ago it was."""
    if when is None:
        return format_html('<span class="nothing">{}</span>', missing)
    local = timezone.localtime(when)
    return format_html(
        '<time class="moment" datetime="{}"><span class="moment-date">{}</span> '
        '<span class="moment-rest">{} <span class="age">({})</span></span></time>',
        local.isoformat(timespec="seconds"),
        local.strftime("%-d %b %Y, %H:%M"),
        local.strftime("%Z"),
        age_in_words(when, timezone.now()),
    )


@register.filter
def date_and_time(when: datetime) -> str:
    """The date and time with its zone, without the age."""
    return timezone.localtime(when).strftime("%-d %b %Y, %H:%M %Z")


@register.filter
def age(when: datetime) -> str:
    """How long ago it was, without the date."""
    return age_in_words(when, timezone.now())


class Run(Protocol):
    """Anything that starts and finishes."""

    started_at: datetime | None
    finished_at: datetime | None


@register.filter
def took(run: Run) -> str:
    """How long a run took, in seconds or minutes; empty before it has ended."""
    if run.started_at is None or run.finished_at is None:
        return ""
    return duration_in_words((run.finished_at - run.started_at).total_seconds())


@register.simple_tag
def as_of(when: datetime | None, never: str = "not built yet") -> SafeString:
    """The stamp beside a count: as of when it is (S15)."""
    if when is None:
        return format_html('<span class="as-of">{}</span>', never)
    return format_html('<span class="as-of">as of {}</span>', moment(when))


@register.simple_tag
def badge(text: str, tone: str = "quiet") -> SafeString:
    """A status: text in a colour. The colour never says anything that the text does not."""
    if tone not in TONES:
        raise template.TemplateSyntaxError(f"badge has no tone {tone!r}; it has {', '.join(sorted(TONES))}")
    return format_html('<span class="tone tone-{}">{}</span>', tone, text)


@register.inclusion_tag("web/components/funnel.html")
def funnel(steps: Sequence[FunnelStep], caption: str) -> dict[str, Any]:
    """Steps, each with how many are left of the first and how many it lost."""
    top = steps[0].count if steps else 0
    rows = [FunnelRow(step, round(100 * step.count / top) if top else 0) for step in steps]
    return {"rows": rows, "caption": caption}


@register.inclusion_tag("web/components/pager.html")
def pager(page: Any) -> dict[str, Any]:
    """Previous and next of a `rollkeeper.web.paging.Page`."""
    return {"page": page}


@register.inclusion_tag("web/components/button_form.html", takes_context=True)
def button_form(
    context: Context, url: str, label: str, icon: str = "", tone: str = "primary", confirm: str = ""
) -> dict[str, Any]:
    """A button that changes something: a form of its own, by POST, with the CSRF token.

    `tone` is primary, plain or danger. `confirm` is the question asked before it is sent.
    """
    return {
        "url": url,
        "label": label,
        "icon": icon,
        "tone": tone,
        "confirm": confirm,
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("web/components/search.html", takes_context=True)
def search(context: Context, label: str, name: str = "q", placeholder: str = "") -> dict[str, Any]:
    """The search field of a list, by GET; the key / focuses it."""
    request = context["request"]
    return {"label": label, "name": name, "placeholder": placeholder, "value": request.GET.get(name, "")}


@register.simple_block_tag
def panel(content: str, title: str = "", note: str = "", flush: bool = False) -> SafeString:
    """A card with a heading. `flush`: its content (a table) reaches the edges."""
    heading = format_html('<h2 class="panel-title">{}</h2>', title) if title else ""
    remark = format_html('<p class="panel-note">{}</p>', note) if note else ""
    header = format_html('<header class="panel-header">{}{}</header>', heading, remark) if title or note else ""
    body = format_html("{}", content) if flush else format_html('<div class="panel-body">{}</div>', content)
    return format_html('<section class="panel card">{}{}</section>', header, body)


@register.simple_block_tag
def table(content: str, caption: str) -> SafeString:
    """A table that scrolls sideways on its own where the window is narrow. The caption is for screen readers."""
    return format_html(
        '<div class="table-scroll" tabindex="0" role="region" aria-label="{}">'
        '<table class="table records"><caption class="visually-hidden">{}</caption>{}</table></div>',
        caption,
        caption,
        content,
    )


@register.simple_block_tag
def facts(content: str, width: str = "normal") -> SafeString:
    """A definition list; its entries are `{% fact %}`. `width` of an entry: normal, dense (figures), single."""
    return format_html('<dl class="facts facts-{}">{}</dl>', width, content)


@register.simple_block_tag
def fact(content: str, label: str) -> SafeString:
    """One entry of a definition list."""
    return format_html('<div class="fact"><dt>{}</dt><dd>{}</dd></div>', label, content)


@register.simple_block_tag
def notice(content: str, tone: str = "info", title: str = "") -> SafeString:
    """Something the reader must know, in a box: its title says what, its text what to do."""
    heading = format_html("<strong>{}</strong> ", title) if title else ""
    return format_html('<div class="notice notice-{}" role="note">{}{}</div>', tone, heading, content)


@register.simple_block_tag
def empty(content: str, title: str) -> SafeString:
    """What stands where a list has no rows: that there is nothing, why, and what to do next."""
    return format_html('<div class="empty-state"><p class="empty-title">{}</p>{}</div>', title, content)
