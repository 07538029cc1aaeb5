"""The fields that a rule may ask about, each with its type and where its value is in the database.

A field is *single* (one value a constituent, or none) or *many* (any number: registrations, gifts,
interests). A condition on a field of many values asks whether one of them meets it; its opposite, whether
none does. `docs/reference/list-rules.md` is this catalogue for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from rollkeeper.crm.lists.errors import RuleError

ATTRIBUTE_PREFIX = "attribute:"


class ValueType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class RuleField:
    """One field.

    `expression` is SQL (each of `parameters` a `%s` in it) over the constituent `c` and the `joins` it
    names, or, for a field of many values, over a row `x` of the `table` whose rows belong to the constituent.
    A missing value is null; so is an empty text.
    """

    name: str
    type: ValueType
    expression: str
    parameters: tuple[str, ...] = ()
    joins: tuple[str, ...] = ()
    table: str = ""
    is_attribute: bool = False

    @property
    def is_many(self) -> bool:
        return bool(self.table)


# Each join gives at most one row a constituent. Each `%s` takes the organisation's date of the run.
JOINS: Mapping[str, str] = {
    "permission": "LEFT JOIN constituent_permission p ON p.constituent_id = c.id",
    "primary_address": "LEFT JOIN email_address e ON e.constituent_id = c.id AND e.is_primary",
    # The current term is the one that expires last among those begun. Said as "none expires later", so that the
    # planner may look up the terms of a few constituents or join those of all, as the rule is narrow or broad.
    "membership": (
        "LEFT JOIN membership m ON m.constituent_id = c.id AND m.begins_on <= %s"
        " AND NOT EXISTS (SELECT FROM membership later WHERE later.constituent_id = m.constituent_id"
        " AND later.begins_on <= %s AND (later.expires_on, later.id) > (m.expires_on, m.id))"
    ),
    "events": (
        "LEFT JOIN (SELECT constituent_id, count(*) AS registrations FROM event_registration"
        " WHERE status <> 'CANCELLED' GROUP BY constituent_id) r ON r.constituent_id = c.id"
    ),
    "gifts": (
        "LEFT JOIN (SELECT constituent_id, sum(amount) AS total, count(*) AS gifts, max(given_on) AS last_on"
        " FROM gift GROUP BY constituent_id) g ON g.constituent_id = c.id"
    ),
}

# Text columns of a constituent. A CSV may bring a column of the same name as an attribute: it stands in
# where the constituent's own column is empty.
_TEXT_COLUMNS = (
    "label_name", "name_prefix", "first_name", "middle_name", "last_name", "name_suffix", "credentials",
    "nickname", "formal_salutation", "informal_salutation", "organization", "job_title", "city", "state",
    "postal_code", "country", "chapter", "customer_class",
)  # fmt: skip
_ID_COLUMNS = ("master_customer_id", "sub_customer_id", "record_type", "status")
_FLAG_COLUMNS = (
    "allow_solicitation", "allow_phone", "allow_fax", "allow_internal_mail", "allow_label_sales",
    "allow_advocacy", "allow_system_notification", "do_not_call", "publish_primary_email",
)  # fmt: skip


def _own_text(column: str) -> RuleField:
    expression = f"coalesce(nullif(c.{column}, ''), nullif(c.attributes ->> %s, ''))"
    return RuleField(column, ValueType.TEXT, expression, parameters=(column,))


def _text(name: str, expression: str, *joins: str, table: str = "") -> RuleField:
    return RuleField(name, ValueType.TEXT, f"nullif({expression}, '')", joins=joins, table=table)


def _typed(name: str, type_: ValueType, expression: str, *joins: str, table: str = "") -> RuleField:
    return RuleField(name, type_, expression, joins=joins, table=table)


def _flat(name: str, type_: ValueType, expression: str, join: str) -> RuleField:
    """A fact under a flat name. An imported column of that name stands in where the CRM has nothing itself."""
    imported = _ATTRIBUTE_AS[type_]
    return RuleField(name, type_, expression.format(imported), (name,) * imported.count("%s"), (join,))


_ATTRIBUTE = "(c.attributes ->> %s)"
_ATTRIBUTE_AS = {
    ValueType.TEXT: f"nullif({_ATTRIBUTE}, '')",
    ValueType.DATE: f"date_or_null({_ATTRIBUTE})",
    ValueType.DECIMAL: f"number_or_null({_ATTRIBUTE})",
    ValueType.INTEGER: f"number_or_null({_ATTRIBUTE})",
}


_REGISTRATIONS = "(SELECT * FROM event_registration WHERE status <> 'CANCELLED')"

_FIELDS: tuple[RuleField, ...] = (
    *(_text(name, f"c.{name}") for name in _ID_COLUMNS),
    *(_own_text(name) for name in _TEXT_COLUMNS),
    _text("email", "p.email", "permission"),
    _typed("allow_email", ValueType.BOOLEAN, "p.allow_email", "permission"),
    _typed("do_not_solicit", ValueType.BOOLEAN, "coalesce(e.do_not_solicit, false)", "primary_address"),
    *(_typed(name, ValueType.BOOLEAN, f"c.{name}") for name in _FLAG_COLUMNS),
    _text("membership.level_code", "m.level_code", "membership"),
    _text("membership.level_name", "m.level_name", "membership"),
    _text("membership.status", "m.status", "membership"),
    _typed("membership.joined_on", ValueType.DATE, "m.joined_on", "membership"),
    _typed("membership.expires_on", ValueType.DATE, "m.expires_on", "membership"),
    _typed("membership.auto_renew", ValueType.BOOLEAN, "m.auto_renew", "membership"),
    _text("event.code", "x.event_code", table=_REGISTRATIONS),
    _text("event.name", "x.event_name", table=_REGISTRATIONS),
    _typed("event.on", ValueType.DATE, "x.event_on", table=_REGISTRATIONS),
    _typed("event.count", ValueType.INTEGER, "coalesce(r.registrations, 0)", "events"),
    _typed("gift.total", ValueType.DECIMAL, "coalesce(g.total, 0)", "gifts"),
    _typed("gift.count", ValueType.INTEGER, "coalesce(g.gifts, 0)", "gifts"),
    _typed("gift.last_on", ValueType.DATE, "g.last_on", "gifts"),
    _text("gift.fund_code", "x.fund_code", table="gift"),
    _text("interest", "x.area_code", table="interest"),
    # The names of the same facts in the personalization view of a fresh installation.
    _flat("membership_level", ValueType.TEXT, "coalesce(nullif(m.level_name, ''), {})", "membership"),
    _flat("membership_expires_on", ValueType.DATE, "coalesce(m.expires_on, {})", "membership"),
    _flat("total_given", ValueType.DECIMAL, "coalesce(g.total, {}, 0)", "gifts"),
    _flat("event_count", ValueType.INTEGER, "coalesce(r.registrations, {}, 0)", "events"),
)
FIELDS: Mapping[str, RuleField] = {field.name: field for field in _FIELDS}


def attribute_field(name: str) -> RuleField:
    """The field of a constituent's attribute: text, as the import brought it."""
    expression = "nullif(c.attributes ->> %s, '')"
    return RuleField(name, ValueType.TEXT, expression, parameters=(name,), is_attribute=True)


class FieldCatalogue:
    """Finds a field by its name: a built-in one, or an attribute that an import brought.

    `attributes` lists attribute names; `has_attribute` says whether any constituent has one, asked only
    for a name that is nothing else.
    """

    def __init__(
        self,
        attributes: Iterable[str] = (),
        has_attribute: Callable[[str], bool] = lambda _name: False,
    ) -> None:
        self.attributes = frozenset(attributes)
        self._has_attribute = has_attribute

    def field(self, name: str) -> RuleField:
        """The field of that name. Raises `RuleError`, which lists what there is."""
        if name in FIELDS:
            return FIELDS[name]
        attribute = name.removeprefix(ATTRIBUTE_PREFIX)
        if attribute in self.attributes or self._has_attribute(attribute):
            return attribute_field(attribute)
        raise RuleError(self._unknown(name))

    def names(self) -> list[str]:
        """Every name a rule may use, the built-in ones first."""
        return [*FIELDS, *sorted(self.attributes - FIELDS.keys())]

    def _unknown(self, name: str) -> str:
        names = self.names()
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"There is no field {name!r}.{hint} The fields are: {', '.join(names)}."
