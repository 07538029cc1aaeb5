"""What a page says when someone else changed the record while it was open: who, when, and what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.seen import Meanwhile, Shown
from rollkeeper.crm.constituents.version import changes_since

ORIGIN = "CRM360 page"
OF_AN_ADDRESS = ("location_", "active_", "do_not_solicit_")


@dataclass(frozen=True, slots=True)
class Line:
    """One value that someone else changed, in words. `wanted` empty: it was left alone here."""

    label: str
    seen: str
    now: str
    wanted: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The lines, and the entries of the change log that made them (none where the change left none)."""

    lines: Sequence[Line]
    log: Sequence[RecordChange]


class Form(Protocol):
    """What this asks of a `RecordForm`."""

    cleaned_data: dict[str, object]

    def meanwhile(self) -> list[Meanwhile]: ...
    def label_of(self, name: str) -> str: ...
    def words_of(self, name: str, value: Shown | None) -> str: ...


def conflict_of(person: Constituent, form: Form) -> Conflict:
    """What happened to a constituent since the page of this (valid) form was shown."""
    found = form.meanwhile()
    gone_or_new = {item.name for item in found if item.seen is None or item.now is None}
    lines = [
        Line(
            form.label_of(item.name),
            form.words_of(item.name, item.seen),
            form.words_of(item.name, item.now),
            "" if item.wanted is None else form.words_of(item.name, item.wanted),
        )
        for item in found
        if not (item.name in gone_or_new and item.name.startswith(OF_AN_ADDRESS))  # the address's own line says it
    ]
    return Conflict(lines, changes_since(person, int(str(form.cleaned_data["version"]))))
