"""A small association whose every record the page tests know by heart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from rollkeeper.crm.constituents.models import Constituent, EmailAddress
from rollkeeper.crm.jobs.models import JobRun, SetupCode
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import record_run
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.sample.view import put_sample_view

TEXANS = {
    "combinator": "and",
    "rules": [
        {"field": "state", "operator": "=", "value": "TX"},
        {
            "combinator": "or",
            "not": True,
            "rules": [
                {"field": "status", "operator": "in", "value": ["INACTIVE", "DECEASED"]},
                {"field": "membership.expires_on", "operator": "between", "value": ["2001-01-01", "2001-12-31"]},
            ],
        },
    ],
}


def person(master: str, first: str, last: str, email: str = "", **more: object) -> Constituent:
    """A constituent with, where an address is given, that one as the primary one."""
    label = str(more.pop("label_name", f"{first} {last}"))
    made = Constituent.objects.create(
        master_customer_id=master, first_name=first, last_name=last, label_name=label, **more
    )
    if email:
        EmailAddress.objects.create(constituent=made, address=email)
    return made


@dataclass(frozen=True)
class Association:
    """Ada has two addresses and a past; Grace allows no solicitation; the others are there to be found."""

    ada: Constituent
    grace: Constituent
    texans: MarketingList
    unbuilt: MarketingList
    first_run: JobRun


def associate() -> Association:
    """Make it, with the set-up codes and fields of a fresh installation (a test that commits takes them away)."""
    for code in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY"):
        SetupCode.objects.get_or_create(code=code, frequency=code)
    put_sample_view()
    today = timezone.localdate()
    ada = person(
        "000000000001",
        "Ada",
        "Lovelace",
        "ada@example.org",
        state="TX",
        city="Austin",
        attributes={"colour": "blue"},
    )
    EmailAddress.objects.create(constituent=ada, address="ada@home.example", location_code="HOME", is_primary=False)
    ada.memberships.create(
        level_code="GOLD", level_name="Gold", joined_on=today - timedelta(days=900),
        begins_on=today - timedelta(days=100), expires_on=today + timedelta(days=265),
    )  # fmt: skip
    ada.event_registrations.create(
        event_code="ANN25", event_name="Annual meeting", event_on=today, registered_on=today - timedelta(days=9)
    )
    ada.gifts.create(fund_code="LIBRARY", amount="1250.00", given_on=today)
    ada.interests.create(area_code="ETHICS")
    grace = person("000000000002", "Grace", "Hopper", "grace@example.org", state="TX", allow_solicitation=False)
    person("000000000003", "Łukasz", "Ångström", "lukasz@example.org")
    person("000000000004", "", "", label_name="Adamant Industries", record_type="C")
    texans = save_list("TEXANS", "Members in Texas", rule=TEXANS, frequency="DAILY")
    unbuilt = save_list("UNBUILT", "Not built yet", rule=TEXANS, frequency="DAILY")
    save_list("BY_IDS", "By ids", ids=[("000000000001", "0"), ("000000009999", "0")])
    run = perform(record_run("MKT510", list_code="TEXANS", requested_by="ada").pk)
    texans.refresh_from_db()
    return Association(ada, grace, texans, unbuilt, run)
