"""Rules evaluated one constituent at a time, in plain Python: what the compiled query must agree with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

TODAY = date(2026, 11, 24)


@dataclass
class Person:
    """A constituent with everything a rule can ask about."""

    master: str
    status: str = "ACTIVE"
    columns: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    allow_email: bool = True
    allow_solicitation: bool = True
    address: str | None = None
    do_not_solicit: bool = False
    memberships: list[dict[str, Any]] = field(default_factory=list)
    registrations: list[dict[str, Any]] = field(default_factory=list)
    gifts: list[dict[str, Any]] = field(default_factory=list)
    interests: list[str] = field(default_factory=list)

    def values(self, name: str) -> list[Any]:
        """All values of a field that are there: none, one or, for a field of many, several."""
        found = self._raw(name)
        return [value for value in found if value is not None and value != ""]

    def _raw(self, name: str) -> list[Any]:  # noqa: C901  # one case a field
        term = self._current_term()
        match name:
            case "master_customer_id":
                return [self.master]
            case "status":
                return [self.status]
            case "email":
                return [self.address]
            case "allow_email":
                return [self.allow_email and self.allow_solicitation and not (self.address and self.do_not_solicit)]
            case "allow_solicitation":
                return [self.allow_solicitation]
            case "membership.level_code" | "membership.expires_on" | "membership.auto_renew":
                return [term[name.partition(".")[2]]] if term else []
            case "event.code":
                return [one["event_code"] for one in self.registrations]
            case "event.on":
                return [one["event_on"] for one in self.registrations]
            case "event.count":
                return [len(self.registrations)]
            case "gift.total" | "total_given":
                return [sum((one["amount"] for one in self.gifts), Decimal(0))]
            case "gift.last_on":
                return [max((one["given_on"] for one in self.gifts), default=None)]
            case "gift.fund_code":
                return [one["fund_code"] for one in self.gifts]
            case "interest":
                return list(self.interests)
            case "first_name" | "city":
                return [self.columns.get(name) or self.attributes.get(name)]
            case _:
                return [self.attributes.get(name)]

    def _current_term(self) -> dict[str, Any] | None:
        begun = [term for term in self.memberships if term["begins_on"] <= TODAY]
        return max(begun, key=lambda term: term["expires_on"]) if begun else None


def fold(text: str) -> str:
    """Upper and lower case alike; the scripts of the tests have no letter that changes its length."""
    return text.upper().lower().replace("ς", "σ")


def holds(rule: dict[str, Any], person: Person) -> bool:
    if "rules" in rule:
        results = [holds(part, person) for part in rule["rules"]]
        result = all(results) if rule["combinator"] == "and" else any(results)
        return not result if rule.get("not") else result
    values = person.values(rule["field"])
    operator, wanted = rule["operator"], rule.get("value")
    match operator:
        case "null":
            return not values
        case "notNull":
            return bool(values)
        case "!=":
            return not meets("=", values, wanted)
        case "notIn":
            return not meets("in", values, wanted)
        case "doesNotContain":
            return not meets("contains", values, wanted)
        case _:
            return meets(operator, values, wanted)


def meets(operator: str, values: list[Any], wanted: Any) -> bool:
    if operator == "=" and wanted == "":
        return not values
    if operator == "in":
        return any(meets("=", values, one) for one in wanted)
    return any(one_meets(operator, value, wanted) for value in values)


def one_meets(operator: str, value: Any, wanted: Any) -> bool:
    if operator == "between":
        low, high = (typed(value, one) for one in wanted)
        return low <= value <= high
    if operator in {"contains", "beginsWith", "endsWith"}:
        text, part = fold(value), fold(wanted)
        return {"contains": part in text, "beginsWith": text.startswith(part), "endsWith": text.endswith(part)}[
            operator
        ]
    other = typed(value, wanted)
    return {
        "=": value == other,
        "<": value < other,
        "<=": value <= other,
        ">": value > other,
        ">=": value >= other,
    }[operator]


def typed(value: Any, wanted: Any) -> Any:
    """The rule's value as what the field's value is."""
    if isinstance(value, bool):
        return wanted in {True, "true", "Y"}
    if isinstance(value, date):
        return relative(wanted) if wanted.startswith("today") else date.fromisoformat(wanted)
    if isinstance(value, int | Decimal):
        return Decimal(str(wanted))
    return str(wanted)


def relative(text: str) -> date:
    return TODAY + timedelta(days=int(text.removeprefix("today") or 0))
