"""The marketing site as a person would keep it on paper: who is in which group, with what data, and may be mailed.

Written from the requirements (S1, S2, S7, S15, S25, S28, S30, S32, B3, B7, B14), not from the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.whole.imports import ADDRESSES
from tests.whole.naive_crm import Key, NaiveCrm, Row

REMOTE = "Unsubscribed from remote system"
# What the person did here, strongest first (S30).
OWN = {
    "suppressed_at": "Suppressed",
    "complained_at": "Complained",
    "unsubscribed_at": "Unsubscribed",
    "bounced_at": "Bounced",
}
HELD_SHARE, HELD_FLOOR = 0.15, 10  # B3


@dataclass
class Known:
    """A subscriber. `row` is what the last sync that met the person received; `values` are of every field ever met."""

    row: Row
    email: str | None
    first_name: str | None
    last_name: str | None
    allow_email: bool
    values: dict[str, str | None]


@dataclass
class Group:
    members: set[Key] = field(default_factory=set)
    missing: bool = False


@dataclass(frozen=True)
class Expected:
    """What a sync must report."""

    status: str
    received: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    set_aside: int = 0
    removed: int = 0
    held: int = 0
    unsubscribed: int = 0
    resubscribed: int = 0
    members: int = 0
    identical: bool = False
    crm_fingerprint: str = ""


class NaiveMarketing:
    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []  # name and type, in the view's order
        self.groups: dict[str, Group] = {}
        self.people: dict[Key, Known] = {}
        self.own: dict[Key, set[str]] = {}

    def refresh(self, crm: NaiveCrm) -> None:
        """A catalog sync: lists and fields; members stay (S19, S25, S29)."""
        self.fields = crm.fields
        for code in crm.lists:
            self.groups.setdefault(code, Group())
        for code, group in self.groups.items():
            group.missing = code not in crm.lists

    def sync(self, crm: NaiveCrm, code: str, approve: bool) -> Expected:
        group, found = self.groups[code], crm.lists.get(code)
        if found is None or not found.version:
            group.missing = group.missing or found is None
            return Expected("failed")
        self.fields = crm.fields
        rows = {key: crm.row(key) for key in found.members}
        leaving = group.members - set(rows)
        held = bool(leaving) and not approve and _is_too_much(len(leaving), len(group.members), len(rows))
        before = {key: self.status(key) for key in rows if key in self.people}
        updated = sum(1 for key in rows if key in group.members and self.people[key].row != rows[key])
        added = len(set(rows) - group.members)
        for key, row in rows.items():
            self._meet(key, row)
        group.members = (group.members | set(rows)) - (set() if held else leaving)
        group.missing = False
        moved = [(status, self.status(key)) for key, status in before.items() if status != self.status(key)]
        return Expected(
            status="held" if held else "completed",
            received=len(rows),
            added=added,
            updated=updated,
            unchanged=len(rows) - added - updated,
            set_aside=0,
            removed=0 if held else len(leaving),
            held=len(leaving) if held else 0,
            unsubscribed=sum(1 for _, new in moved if new == REMOTE),
            resubscribed=sum(1 for old, _ in moved if old == REMOTE),
            members=len(group.members),
            identical=not held,
            crm_fingerprint=fingerprint(rows.values()),
        )

    def _meet(self, key: Key, row: Row) -> None:
        values = {name: value for (name, _), value in zip(row.fields, row.values, strict=True)}
        older = self.people[key].values if key in self.people else {}
        self.people[key] = Known(row, row.email, row.first_name, row.last_name, row.allow_email, older | values)

    def status(self, key: Key) -> str:
        """An opt-out of the person's own always wins (S30), then the CRM's permission (S7), then the address."""
        known, own = self.people[key], self.own.get(key, set())
        for column, status in OWN.items():
            if column in own:
                return status
        if not known.allow_email:
            return REMOTE
        if not known.email:
            return "No address"
        return "Subscribed" if ADDRESSES[known.email] else "Invalid address"

    def exported(self, code: str) -> list[list[str | None]]:
        """The group's file: by customer id in code-point order."""
        rows = []
        for key in sorted(self.groups[code].members):
            known = self.people[key]
            values = [known.values.get(name) for name, _ in self.fields]
            rows.append([*key, known.email, known.first_name, known.last_name, self.status(key), *values])
        return rows

    def funnel(self, code: str) -> list[int]:
        """In the list, has an address, valid: people. Not a duplicate, allowed, will receive: addresses (B14)."""
        members = [(key, self.people[key]) for key in self.groups[code].members]
        valid = [(key, known) for key, known in members if known.email and ADDRESSES[known.email]]
        return [
            len(members),
            sum(1 for _, known in members if known.email),
            len(valid),
            len({_folded(known.email) for _, known in valid}),
            len({_folded(known.email) for _, known in valid if known.allow_email}),
            len({_folded(known.email) for key, known in valid if self.status(key) == "Subscribed"}),
        ]


def fingerprint(rows: Iterable[Row]) -> str:
    """The sum of the rows' hashes modulo 2^128, as 32 hex digits (B1)."""
    return f"{sum(row.hash for row in rows) % 2**128:032x}"


def _folded(email: str | None) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in email or "")


def _is_too_much(leaving: int, before: int, received: int) -> bool:
    return received == 0 or (leaving >= HELD_FLOOR and leaving > HELD_SHARE * before)
