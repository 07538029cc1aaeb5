"""Constituents for the tests of lists, as rows."""

from __future__ import annotations

from rollkeeper.crm.constituents.models import (
    Constituent,
    EmailAddress,
    EventRegistration,
    Gift,
    Interest,
    Membership,
)
from tests.crm.lists.naive_rules import TODAY, Person


def constituent(master: str, sub: str = "0", **columns: object) -> Constituent:
    """One constituent with these columns."""
    return Constituent.objects.create(master_customer_id=master, sub_customer_id=sub, **columns)


def store(person: Person) -> Constituent:
    """A naive person as rows."""
    row = constituent(
        person.master,
        status=person.status,
        attributes=person.attributes,
        allow_email=person.allow_email,
        allow_solicitation=person.allow_solicitation,
        **person.columns,
    )
    if person.address:
        EmailAddress.objects.create(constituent=row, address=person.address, do_not_solicit=person.do_not_solicit)
    for term in person.memberships:
        Membership.objects.create(
            constituent=row, level_name=term["level_code"], joined_on=term["begins_on"], **term
        )
    for one in person.registrations:
        EventRegistration.objects.create(constituent=row, event_name=one["event_code"], registered_on=TODAY, **one)
    for one in person.gifts:
        Gift.objects.create(constituent=row, **one)
    for area in dict.fromkeys(person.interests):
        Interest.objects.create(constituent=row, area_code=area)
    return row
