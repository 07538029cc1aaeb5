"""What belongs to a constituent and is kept line by line: memberships, events, gifts, interests (B22).

Each kind says its fields, how a line of it is called, and what cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import models, transaction

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import Value, differences
from rollkeeper.crm.constituents.models import Constituent, EventRegistration, Gift, Interest, Membership
from rollkeeper.crm.constituents.version import ChangedMeanwhile, locked, log

Line = Membership | EventRegistration | Gift | Interest
Values = Mapping[str, Value]


class LineRefused(ValueError):
    """The line cannot be so; `field` is the one to correct, the message says how."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of line. `called`: a line in words, from its values; `check` raises `LineRefused`."""

    key: str  # in addresses
    noun: str
    model: type[Line]
    fields: tuple[str, ...]
    called: Callable[[Values], str]
    check: Callable[[Values], None]

    def rows(self, constituent: Constituent) -> models.QuerySet[Any]:
        """The constituent's lines of this kind."""
        return self.model._default_manager.filter(constituent=constituent)  # noqa: SLF001  # documented by Django

    def values(self, line: Line) -> dict[str, Value]:
        """A line's values."""
        return {name: getattr(line, name) for name in self.fields}


def add_line(constituent: Constituent, kind: Kind, values: Values, *, author: str, origin: str) -> Line:
    """Add a line to what belongs to the constituent. Raises `LineRefused`."""
    kind.check(values)
    with transaction.atomic():
        found = locked(constituent)
        _refuse_twice(found, kind, values, None)
        made: Line = kind.rows(found).model(constituent=found, **values)
        made.save()
        part = kind.called(values)
        log(
            constituent,
            differences({}, dict(values)),
            author=author,
            origin=origin,
            action=Action.CREATED,
            part=part,
        )
    return made


def change_line(
    constituent: Constituent, kind: Kind, line_id: int, values: Values, *, seen: Values, author: str, origin: str
) -> bool:
    """Make a line's values these; whether that changed anything. `seen`: the values that the author saw.

    Raises `LineRefused`, and `ChangedMeanwhile` where the line is another one now, or gone.
    """
    kind.check(values)
    with transaction.atomic():
        line = _unchanged(constituent, kind, line_id, seen)
        _refuse_twice(constituent, kind, values, line_id)
        changes = differences(kind.values(line), dict(values))
        if not changes:
            return False
        part = kind.called(kind.values(line))
        for name, value in values.items():
            setattr(line, name, value)
        line.save()
        log(constituent, changes, author=author, origin=origin, part=part)
    return True


def remove_line(
    constituent: Constituent, kind: Kind, line_id: int, *, seen: Values, author: str, origin: str
) -> str:
    """Remove a line; what it was, in words. Raises `ChangedMeanwhile` as `change_line` does."""
    with transaction.atomic():
        line = _unchanged(constituent, kind, line_id, seen)
        values = kind.values(line)
        line.delete()
        gone = differences(values, dict.fromkeys(values))
        part = kind.called(values)
        log(constituent, gone, author=author, origin=origin, action=Action.REMOVED, part=part)
    return part


def _unchanged(constituent: Constituent, kind: Kind, line_id: int, seen: Values) -> Line:
    locked(constituent)
    line: Line | None = kind.rows(constituent).filter(pk=line_id).first()
    if line is None:
        raise ChangedMeanwhile(f"This {kind.noun} was removed by someone else while you had it open.")
    if kind.values(line) != dict(seen):
        raise ChangedMeanwhile(
            f"This {kind.noun} was changed by someone else while you had it open, so nothing was saved."
        )
    return line


def _refuse_twice(constituent: Constituent, kind: Kind, values: Values, line_id: int | None) -> None:
    """An interest area is chosen once."""
    if kind.model is Interest:
        area = values["area_code"]
        if kind.rows(constituent).filter(area_code=area).exclude(pk=line_id).exists():
            raise LineRefused("area_code", f"{area} is among the interests already.")


def _check_membership(values: Values) -> None:
    joined, begins, expires = (values[name] for name in ("joined_on", "begins_on", "expires_on"))
    if expires < begins:  # type: ignore[operator]  # dates
        raise LineRefused("expires_on", "A membership expires on or after the day on which it begins.")
    if begins < joined:  # type: ignore[operator]  # dates
        raise LineRefused("joined_on", "Someone joined on or before the day on which a membership begins.")


def _check_gift(values: Values) -> None:
    if not isinstance(values["amount"], Decimal) or values["amount"] <= 0:
        raise LineRefused("amount", "A gift is more than nothing. Remove the gift if it was none.")


def _check_nothing(values: Values) -> None:
    """Nothing beyond what each field asks for."""


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            "memberships", "membership", Membership,
            ("level_code", "level_name", "status", "joined_on", "begins_on", "expires_on", "auto_renew"),
            lambda values: f"Membership {values['level_name']} from {values['begins_on']}", _check_membership,
        ),
        Kind(
            "events", "event registration", EventRegistration,
            ("event_code", "event_name", "event_on", "registered_on", "status"),
            lambda values: f"Event {values['event_name']} on {values['event_on']}", _check_nothing,
        ),
        Kind(
            "gifts", "gift", Gift, ("fund_code", "amount", "given_on"),
            lambda values: f"Gift to {values['fund_code']} on {values['given_on']}", _check_gift,
        ),
        Kind(
            "interests", "interest", Interest, ("area_code",),
            lambda values: f"Interest {values['area_code']}", _check_nothing,
        ),
    )
}  # fmt: skip
