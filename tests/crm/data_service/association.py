"""A small association in the database: constituents, a personalization view, lists with members."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

from rollkeeper.crm.constituents.models import Constituent, EmailAddress
from rollkeeper.crm.lists.models import ListMember, ListVersion, MarketingList
from rollkeeper.crm.personalization.models import PersonalizationField

BUILT_AT = datetime(2026, 11, 23, 2, 14, 5, 123456, tzinfo=UTC)
FIELDS = (
    ("city", "City", "text", "constituent.city"),
    ("joined", "Joined on", "date", "membership.joined_on"),
    ("total", "Total given", "decimal", "gifts.total"),
)


def set_view(*fields: tuple[str, str, str, str]) -> None:
    """Make these the personalization view: (name, label, type, source)."""
    PersonalizationField.objects.all().delete()
    for place, (name, label, type_, source) in enumerate(fields, start=1):
        PersonalizationField.objects.create(
            name=name, label=label, type=type_, source=source, position=place * 10, slot=place
        )


def add_constituent(master: str, sub: str = "0", *, email: str | None = None, **columns: object) -> Constituent:
    """One constituent; `email` is the primary address."""
    made = Constituent.objects.create(master_customer_id=master, sub_customer_id=sub, **columns)
    if email is not None:
        EmailAddress.objects.create(constituent=made, address=email)
    return made


def build_list(code: str, members: list[Constituent], **columns: object) -> MarketingList:
    """A list as MKT510 leaves it, with these members."""
    made = MarketingList.objects.create(
        code=code,
        kind="ids",
        **{"name": f"List {code}", "version": 1, "member_count": len(members), "last_regenerated_at": BUILT_AT}
        | columns,
    )
    ListMember.objects.bulk_create(ListMember(list=made, constituent=member, came=1) for member in members)
    ListVersion.objects.create(
        list=made, number=1, regenerated_at=BUILT_AT, member_count=len(members), added=len(members), removed=0
    )
    return made


def unbuilt_list(code: str) -> MarketingList:
    """A list that MKT510 has not built."""
    return MarketingList.objects.create(code=code, name=f"List {code}", kind="ids")


def many_constituents(number: int) -> None:
    """That many constituents with an address each, and a list `ALL` of them, written set-based."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO constituent (master_customer_id, sub_customer_id, record_type, customer_class, status,
                label_name, name_prefix, first_name, middle_name, last_name, name_suffix, credentials, nickname,
                formal_salutation, informal_salutation, organization, job_title, city, state, postal_code, country,
                chapter, allow_email, allow_solicitation, allow_phone, allow_fax, allow_internal_mail,
                allow_label_sales, allow_advocacy, allow_system_notification, do_not_call, publish_primary_email,
                attributes, version)
            SELECT lpad(((g::bigint * 7919) %% 1000003)::text, 12, '0'), '0', 'I', 'INDIV', 'ACTIVE',
                'Person ' || g, '', 'First' || g %% 1000, '', 'Last' || g %% 5000, '', '', '',
                '', '', 'Organization ' || g %% 777, 'Title', 'City ' || g %% 300, 'TX', '75001', 'USA',
                '', g %% 10 <> 0, true, true, true, true,
                true, true, true, false, false, '{}', 1
            FROM generate_series(1, %s) g
            """,
            [number],
        )
        cursor.execute(
            """
            INSERT INTO email_address (constituent_id, location_code, address, is_primary, is_active, do_not_solicit)
            SELECT id, 'WORK', 'person' || id || '@example.org', true, true, id % 97 = 0 FROM constituent
            """
        )
    everyone = build_list("ALL", [], member_count=number)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO list_member (list_id, constituent_id, came) SELECT %s, id, 1 FROM constituent",
            [everyone.id],
        )
