"""A constituent's details, saved: names, work, place, the other permissions and attributes (B22)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction

from rollkeeper.crm.audit.record import FieldChange, Value, differences
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.version import locked, log

RECORD_TYPES = {"I": "Person", "C": "Company", "T": "Team"}
STATUSES = {"ACTIVE": "Active", "INACTIVE": "Inactive", "DECEASED": "Deceased"}  # DUPLICATE is a merge's to set
NAME = (
    "name_prefix", "first_name", "middle_name", "last_name", "name_suffix", "credentials", "nickname", "label_name",
    "formal_salutation", "informal_salutation",
)  # fmt: skip
KIND = ("record_type", "status", "customer_class")
WORK = ("organization", "job_title")
PLACE = ("city", "state", "postal_code", "country", "chapter")
OTHER_PERMISSIONS = (
    "allow_phone", "allow_fax", "allow_internal_mail", "allow_label_sales", "allow_advocacy",
    "allow_system_notification", "do_not_call", "publish_primary_email",
)  # fmt: skip
TEXTS = (*KIND, *NAME, *WORK, *PLACE)
NAMELESS = "Give a first name, a last name or a label name; for a company, its organization's name will do."


class DetailsRefused(ValueError):
    """The details cannot be so; `field` is the one to correct, the message says how."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Details:
    """The details as they shall be: columns by name; attributes, an empty one being none."""

    texts: Mapping[str, str]
    flags: Mapping[str, bool]
    attributes: Mapping[str, str]


def save_details(
    constituent: Constituent, wanted: Details, *, version: int, author: str, origin: str
) -> list[FieldChange]:
    """Make the constituent's details these; what changed. Attributes that are not named stay as they are.

    Raises `DetailsRefused` and `ChangedMeanwhile`; nothing is written then.
    """
    if is_nameless(wanted.texts):
        raise DetailsRefused("last_name", NAMELESS)
    with transaction.atomic():
        found = locked(constituent, version)
        columns: dict[str, Value] = {**wanted.texts, **wanted.flags}
        stored: dict[str, Value] = {name: getattr(found, name) for name in columns}
        changes = differences(stored, columns)
        old = found.attributes
        attributes = {name: value for name, value in {**old, **wanted.attributes}.items() if value}
        changes += [
            FieldChange(f"attribute:{name}", old.get(name), attributes.get(name))
            for name in sorted({*old, *attributes})
            if old.get(name) != attributes.get(name)
        ]
        if changes:
            Constituent.objects.filter(pk=found.pk).update(**columns, attributes=attributes)
            log(constituent, changes, author=author, origin=origin)
    return changes


def is_nameless(texts: Mapping[str, str]) -> bool:
    """Whether nobody could say who this is."""
    names = ["first_name", "last_name", "label_name"]
    if texts.get("record_type") == "C":
        names.append("organization")
    return not any(texts.get(name) for name in names)
