"""What the data service shows: each entity's properties, types, key, and the SQL that they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from psycopg import sql

from rollkeeper.crm.personalization.models import PersonalizationField

SQL = sql.SQL | sql.Composed


class Edm(StrEnum):
    """OData's primitive types that are in use, and the PostgreSQL type of each."""

    STRING = "Edm.String"
    BOOLEAN = "Edm.Boolean"
    INTEGER = "Edm.Int64"
    DECIMAL = "Edm.Decimal"
    DATE = "Edm.Date"
    INSTANT = "Edm.DateTimeOffset"

    @property
    def postgres(self) -> sql.SQL:
        return _POSTGRES[self]


_POSTGRES = {
    Edm.STRING: sql.SQL("text"),
    Edm.BOOLEAN: sql.SQL("boolean"),
    Edm.INTEGER: sql.SQL("bigint"),
    Edm.DECIMAL: sql.SQL("numeric"),
    Edm.DATE: sql.SQL("date"),
    Edm.INSTANT: sql.SQL("timestamptz"),
}
_FIELD_TYPES = {
    "text": Edm.STRING,
    "integer": Edm.INTEGER,
    "decimal": Edm.DECIMAL,
    "date": Edm.DATE,
    "boolean": Edm.BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an entity and the SQL expression it is read from."""

    name: str
    type: Edm
    expression: SQL
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity type: its properties, which of them are the key, and the FROM clause."""

    name: str
    key: tuple[str, ...]
    properties: tuple[Property, ...]
    source: SQL

    def find(self, name: str) -> Property | None:
        return next((found for found in self.properties if found.name == name), None)


def _columns(alias: str, spec: str) -> tuple[Property, ...]:
    """Properties from lines `Name column type [required]`."""
    found = []
    for line in spec.strip().splitlines():
        name, column, type_name, *required = line.split()
        expression = sql.SQL("{}.{}").format(sql.Identifier(alias), sql.Identifier(column))
        found.append(Property(name, Edm[type_name], expression, nullable=not required))
    return tuple(found)


MARKETING_LIST = Entity(
    name="MarketingList",
    key=("Code",),
    properties=_columns(
        "l",
        """
        Code code STRING required
        Name name STRING required
        Description description STRING required
        Frequency frequency STRING required
        MemberCount member_count INTEGER required
        Version version INTEGER required
        LastRegenerated last_regenerated_at INSTANT
        """,
    ),
    source=sql.SQL("marketing_list l"),
)

PERSONALIZATION_FIELD = Entity(
    name="PersonalizationField",
    key=("Name",),
    properties=_columns(
        "v",
        """
        Name name STRING required
        Label label STRING required
        Type type STRING required
        Position position INTEGER required
        """,
    ),
    source=sql.SQL(  # the place in the view, counted from 1, whatever gaps `position` has
        "(SELECT name, label, type, row_number() OVER (ORDER BY position, id) AS position"
        " FROM personalization_field) v"
    ),
)

CONSTITUENT = Entity(
    name="Constituent",
    key=("MasterCustomerId", "SubCustomerId"),
    properties=(
        *_columns(
            "c",
            """
            MasterCustomerId master_customer_id STRING required
            SubCustomerId sub_customer_id STRING required
            RecordType record_type STRING required
            CustomerClass customer_class STRING required
            Status status STRING required
            LabelName label_name STRING required
            NamePrefix name_prefix STRING required
            FirstName first_name STRING required
            MiddleName middle_name STRING required
            LastName last_name STRING required
            NameSuffix name_suffix STRING required
            Credentials credentials STRING required
            Nickname nickname STRING required
            Organization organization STRING required
            JobTitle job_title STRING required
            City city STRING required
            State state STRING required
            PostalCode postal_code STRING required
            Country country STRING required
            Chapter chapter STRING required
            AllowEmail allow_email BOOLEAN required
            AllowSolicitation allow_solicitation BOOLEAN required
            """,
        ),
        *_columns(
            "permission",
            """
            PrimaryEmail email STRING
            EffectiveAllowEmail allow_email BOOLEAN required
            DeniedBy denied_by STRING
            """,
        ),
        *_columns("c", "ModifiedAt modified_at INSTANT required"),
    ),
    source=sql.SQL("constituent c JOIN constituent_permission permission ON permission.constituent_id = c.id"),
)

ENTITY_SETS = {
    "MarketingLists": MARKETING_LIST,
    "Constituents": CONSTITUENT,
    "PersonalizationFields": PERSONALIZATION_FIELD,
}

_MEMBER_COLUMNS = _columns(
    "p",
    """
    MasterCustomerId master_customer_id STRING required
    SubCustomerId sub_customer_id STRING required
    Email email STRING
    FirstName first_name STRING
    LastName last_name STRING
    AllowEmail allow_email BOOLEAN required
    DeniedBy denied_by STRING
    """,
)
_MEMBERS_OF = sql.SQL(
    "profile p JOIN list_member m ON m.constituent_id = p.constituent_id AND m.list_id = {} AND m.went IS NULL"
)


def member_entity(view: list[PersonalizationField], list_id: int | None) -> Entity:
    """A member of the list: the fixed properties and each personalization field, with its type.

    `AllowEmail` is the effective permission (S4). `list_id` None gives the type alone, for `$metadata`.
    """
    taken = {found.name for found in _MEMBER_COLUMNS} | {"Member", "MarketingList"}
    fields = []
    for field in view:
        name = _identifier(field.name, taken)
        taken.add(name)
        type_ = _FIELD_TYPES[field.type]
        column = sql.SQL("p.{}").format(sql.Identifier(f"f{field.slot}"))
        fields.append(Property(name, type_, sql.SQL("CAST({} AS {})").format(column, type_.postgres)))
    return Entity(
        name="Member",
        key=("MasterCustomerId", "SubCustomerId"),
        properties=(*_MEMBER_COLUMNS, *fields),
        source=_MEMBERS_OF.format(sql.Literal(list_id)),
    )


def _identifier(name: str, taken: set[str]) -> str:
    """A field's name as an OData identifier: other characters as `_xHHHH_`, a `_` where a name is taken."""
    plain = re.sub(r"[^A-Za-z0-9_]", lambda found: f"_x{ord(found[0]):04X}_", name)[:120]
    if not plain or plain[0].isdigit():
        plain = f"_{plain}"
    while plain in taken:
        plain += "_"
    return plain
