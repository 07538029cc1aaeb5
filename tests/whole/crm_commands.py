"""What a driver can do in the CRM site."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from rollkeeper.cli import preparation
from rollkeeper.crm.constituents import permission
from rollkeeper.crm.constituents.import_csv import ImportRefused, import_constituents
from rollkeeper.crm.constituents.models import (
    Constituent,
    EmailAddress,
    EventRegistration,
    Gift,
    Membership,
)
from rollkeeper.crm.jobs.perform import perform
from rollkeeper.crm.jobs.request import JobRefused, record_run
from rollkeeper.crm.lists import definition
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.export import export
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.personalization import fields

REFUSALS = (ImportRefused, JobRefused, ListRefused, fields.FieldRefused, permission.PermissionRefused)
WHO: Any = {"author": "tester", "origin": "driver"}
LONG_AGO = date(2020, 1, 1)

EMPTIED = (
    "permission_change", "email_address", "membership", "event_registration", "gift", "interest", "list_member",
    "list_imported_id", "list_version", "job_list_result", "job_run", "marketing_list", "constituent", "profile",
    "profile_dirt", "withdrawn_field", "personalization_field",
)  # fmt: skip


def _person(key: list[str]) -> Constituent:
    return Constituent.objects.get(master_customer_id=key[0], sub_customer_id=key[1])


def new_token() -> str:
    """The token of the bundled bridge."""
    return preparation.new_token()


def imported(path: str) -> dict[str, int]:
    report = import_constituents(path, **WHO)
    return {name: getattr(report, name) for name in ("read", "created", "updated", "unchanged", "set_aside")}


def set_flag(key: list[str], flag: str, value: bool) -> bool:
    change = getattr(permission, f"set_{flag}")(_person(key), value, **WHO)
    return change is not None


def set_do_not_solicit(key: list[str], address: str, value: bool) -> bool:
    found = EmailAddress.objects.get(constituent=_person(key), address=address)
    return permission.set_do_not_solicit(found, value, **WHO) is not None


def give(key: list[str], amount: str) -> None:
    Gift.objects.create(constituent=_person(key), fund_code="F", amount=Decimal(amount), given_on=LONG_AGO)


def attend(key: list[str], event: str) -> None:
    EventRegistration.objects.create(
        constituent=_person(key), event_code=event, event_name=event, event_on=LONG_AGO, registered_on=LONG_AGO
    )


def join(key: list[str], level: str, years: int) -> None:
    """A term of membership, from long ago until so many years after."""
    Membership.objects.create(
        constituent=_person(key), level_code=level, level_name=f"{level} level", joined_on=LONG_AGO,
        begins_on=LONG_AGO, expires_on=date(2020 + years, 1, 1), auto_renew=years % 2 == 0,
    )  # fmt: skip


def save_list(code: str, name: str | None, **what: Any) -> None:
    if ids := what.get("ids"):
        what["ids"] = [tuple(each) for each in ids]
    definition.save_list(code, name, **what)


def delete_list(code: str) -> None:
    MarketingList.objects.get(code=code).delete()


def run_job(job: str, **what: str) -> dict[str, tuple[str, int]]:
    """Each list's outcome and members."""
    run = perform(record_run(job, requested_by="tester", **what).pk)
    return {found.list.code: (found.outcome, found.members) for found in run.results.select_related("list")}


def add_field(name: str, source: str) -> None:
    fields.add_field(name, source, label=name)


def remove_field(name: str) -> None:
    fields.remove_field(name)


def move_field(name: str, place: int) -> None:
    fields.move_field(name, place)


def export_list(code: str, path: str) -> None:
    export(code, Path(path), "parquet")


def emptied(view: list[tuple[str, str]]) -> None:
    """Nobody, no list, and a view of these fields: fewer milliseconds than a new database takes seconds."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers, no foreign keys
        for table in EMPTIED:
            cursor.execute(f"DELETE FROM {table}")
    for name, source in view:
        add_field(name, source)
