"""The CRM as a person would keep it on paper: what it holds after each operation, in plain Python.

Written from the requirements (S4, S10–S12, S15, S25) and `spec/interface.md`, not from the code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.crm.lists import naive_rules

Key = tuple[str, str]
TEXTS = ("label_name", "organization", "job_title", "city", "state")  # columns of a constituent that sources name
START_VIEW = [
    ("label_name", "constituent.label_name"),
    ("city", "constituent.city"),
    ("membership_level", "membership.level_name"),
    ("total_given", "gifts.total"),
]
TYPES = {
    "gifts.total": "decimal",
    "membership.expires_on": "date",
    "membership.auto_renew": "boolean",
    "events.number": "integer",
}


@dataclass
class Person:
    """One constituent. `addresses` maps an address to its do-not-solicit; `primary` is one of them or none."""

    key: Key
    first_name: str = ""
    last_name: str = ""
    status: str = "ACTIVE"
    allow_email: bool = True
    allow_solicitation: bool = True
    texts: dict[str, str] = field(default_factory=lambda: dict.fromkeys(TEXTS, ""))
    attributes: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, bool] = field(default_factory=dict)
    primary: str | None = None
    gifts: list[Decimal] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    terms: list[tuple[str, int]] = field(default_factory=list)

    @property
    def denied_by(self) -> list[str]:  # S4, S6
        flags = {
            "allow_solicitation": not self.allow_solicitation,
            "allow_email": not self.allow_email,
            "do_not_solicit": self.primary is not None and self.addresses[self.primary],
        }
        return [name for name, denies in flags.items() if denies]

    def value(self, source: str) -> str | None:
        """A personalization field's value in canonical text."""
        kind, _, name = source.partition(".")
        term = max(self.terms, key=lambda term: term[1]) if self.terms else None
        match source:
            case "gifts.total":
                return plain(sum(self.gifts, Decimal(0)))
            case "events.number":
                return str(len(self.events))
            case "membership.level_name":
                return f"{term[0]} level" if term else None
            case "membership.expires_on":
                return f"{2020 + term[1]}-01-01" if term else None
            case "membership.auto_renew":
                return ("N" if term[1] % 2 else "Y") if term else None
        if kind == "constituent":
            return self.texts[name] or None
        return self.attributes.get(source.removeprefix("attribute:"))

    def for_rules(self) -> naive_rules.Person:
        return naive_rules.Person(
            master=self.key[0],
            status=self.status,
            columns=self.texts | {"first_name": self.first_name},
            attributes=self.attributes,
            allow_email=self.allow_email,
            allow_solicitation=self.allow_solicitation,
            address=self.primary,
            do_not_solicit=self.primary is not None and self.addresses[self.primary],
            gifts=[{"amount": amount} for amount in self.gifts],
        )


@dataclass
class List:
    """A marketing list: its definition, and its members as last regenerated (S15)."""

    kind: str
    what: Any
    frequency: str = "NONE"
    may_be_empty: bool = False
    version: int = 0
    members: set[Key] = field(default_factory=set)


@dataclass(frozen=True)
class Row:
    """A member as it travels."""

    key: Key
    email: str | None
    first_name: str | None
    last_name: str | None
    denied_by: str | None
    fields: tuple[tuple[str, str], ...]  # name and type, in the view's order
    values: tuple[str | None, ...]

    @property
    def allow_email(self) -> bool:
        return self.denied_by is None

    @property
    def hash(self) -> int:
        """As `docs/reference/canonical-form.md` says."""
        names = "\n".join(f"{name}\t{type_}" for name, type_ in self.fields)
        texts = [
            hashlib.sha256(names.encode()).hexdigest()[:16],
            *self.key, self.email, self.first_name, self.last_name,
            "Y" if self.allow_email else "N", self.denied_by, *self.values,
        ]  # fmt: skip
        form = "\x1f".join("\x1e" if text is None else text for text in texts)
        return int.from_bytes(hashlib.sha256(form.encode()).digest()[:16], "big")


class NaiveCrm:
    def __init__(self) -> None:
        self.people: dict[Key, Person] = {}
        self.lists: dict[str, List] = {}
        self.view: dict[str, str] = dict(START_VIEW)  # name → source, in order
        self.withdrawn: set[str] = set()

    @property
    def fields(self) -> list[tuple[str, str]]:
        """Name and type of the view's fields, in order."""
        return [(name, TYPES.get(source, "text")) for name, source in self.view.items()]

    def row(self, key: Key) -> Row:
        """The member as it would travel at this moment (S15)."""
        person = self.people[key]
        return Row(
            key,
            person.primary,
            person.first_name or None,
            person.last_name or None,
            ",".join(person.denied_by) or None,
            tuple(self.fields),
            tuple(person.value(source) for source in self.view.values()),
        )

    def is_attribute(self, name: str) -> bool:
        """Whether a rule may name it: in the view, or held by someone."""
        in_view = f"attribute:{name}" in self.view.values()
        return in_view or any(name in person.attributes for person in self.people.values())

    def chosen(self, kind: str, what: Any) -> set[Key]:
        match kind:
            case "rule":
                return {
                    key
                    for key, person in self.people.items()
                    if person.status != "DUPLICATE" and naive_rules.holds(what, person.for_rules())
                }
            case "ids":
                return set(what) & set(self.people)
            case _:
                alpha = self.lists["ALPHA"].members if "ALPHA" in self.lists else set()
                return {key for key, person in self.people.items() if SQL[what](person, alpha)}

    def regenerate(self, code: str) -> tuple[str, int]:
        found = self.lists[code]
        members = self.chosen(found.kind, found.what)
        if not members and not found.version and not found.may_be_empty:  # S11
            return "skipped", 0
        found.members, found.version = members, found.version + 1
        return "regenerated", len(members)

    def mkt510(self, code: str) -> dict[str, tuple[str, int]]:
        return {code: self.regenerate(code)}

    def mkt600(self, setup_code: str, code: str | None) -> dict[str, tuple[str, int | None]]:
        """Exactly the lists of the frequency, and those of ALWAYS; what was never built is skipped (S11, S12)."""
        due = [
            each
            for each in sorted(self.lists)
            if self.lists[each].frequency in {setup_code, "ALWAYS"} and code in {None, each}
        ]
        return {each: self.regenerate(each) if self.lists[each].version else ("skipped", None) for each in due}


def plain(number: Decimal) -> str:
    """Decimal digits without trailing zeros and without exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# Queries of SQL lists, each with whom it chooses.
SQL: dict[str, Callable[[Person, set[Key]], bool]] = {
    "SELECT master_customer_id, sub_customer_id FROM constituents WHERE city = 'Köln'": (
        lambda person, _: person.texts["city"] == "Köln"
    ),
    "SELECT master_customer_id, sub_customer_id FROM constituents WHERE NOT allow_email": (
        lambda person, _: bool(person.denied_by)
    ),
    "SELECT master_customer_id FROM constituents": lambda person, _: person.key[1] == "0",
    "SELECT g.master_customer_id, g.sub_customer_id FROM gifts g WHERE g.amount > 5": (
        lambda person, _: any(amount > 5 for amount in person.gifts)
    ),
    "SELECT master_customer_id, sub_customer_id FROM lists WHERE list_code = 'ALPHA'": (
        lambda person, alpha: person.key in alpha
    ),
    "SELECT master_customer_id, sub_customer_id FROM constituents WHERE false": lambda _, __: False,
}
