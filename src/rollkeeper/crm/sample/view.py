"""The personalization view of the sample association: the default one and a dozen fields more."""

from __future__ import annotations

from rollkeeper.crm.personalization.fields import add_field, view_fields

FIELDS: tuple[tuple[str, str, str], ...] = (
    ("label_name", "constituent.label_name", "Label name"),
    ("organization", "constituent.organization", "Organization"),
    ("job_title", "constituent.job_title", "Job title"),
    ("city", "constituent.city", "City"),
    ("state", "constituent.state", "State"),
    ("membership_level", "membership.level_name", "Membership level"),
    ("membership_expires_on", "membership.expires_on", "Membership expires on"),
    ("total_given", "gifts.total", "Total given"),
    ("informal_salutation", "constituent.informal_salutation", "Informal salutation"),
    ("credentials", "constituent.credentials", "Credentials"),
    ("country", "constituent.country", "Country"),
    ("chapter", "constituent.chapter", "Chapter"),
    ("member_since", "membership.joined_on", "Member since"),
    ("membership_status", "membership.status", "Membership status"),
    ("renews_by_itself", "membership.auto_renew", "Renews by itself"),
    ("last_event", "events.last_name", "Last event"),
    ("event_count", "events.number", "Event registrations"),
    ("last_gift_amount", "gifts.last_amount", "Last gift"),
    ("last_gift_on", "gifts.last_on", "Last gift on"),
    ("interest_areas", "interests.areas", "Interest areas"),
    ("letter_language", "attribute:letter_language", "Language of letters"),
)


def put_sample_view() -> None:
    """Add the fields that the view has not got yet."""
    there = {field.name for field in view_fields()}
    for name, source, label in FIELDS:
        if name not in there:
            add_field(name, source, label=label)
