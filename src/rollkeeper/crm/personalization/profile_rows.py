"""The SQL of a profile as it should be: every value in canonical text, and the row's hash.

The same form as `sync/member.py` computes on the other side (`docs/reference/canonical-form.md`).
"""

from __future__ import annotations

from datetime import date

from psycopg import sql

from rollkeeper.crm.personalization.fields import member_fields
from rollkeeper.crm.personalization.models import FieldType, PersonalizationField
from rollkeeper.crm.personalization.sources import SQL, joins, source
from rollkeeper.sync.member import NULL_MARK, SEPARATOR, field_set_key

CONTROL_CHARACTERS = r"[\x01-\x08\x0b\x0c\x0e-\x1f]"  # all but tab, line feed, carriage return (NUL cannot be)
FIXED = ("master_customer_id", "sub_customer_id", "email", "first_name", "last_name", "allow_email", "denied_by")
CLEANED = ("email", "first_name", "last_name")


def built_rows(fields: list[PersonalizationField], today: date, everyone: bool) -> SQL:
    """The profiles as they should be: constituent_id, the fixed columns, a column a field, the hash.

    `OFFSET 0` keeps the planner from computing an expression again wherever its value is used.
    """
    values = [f"f{field.slot}" for field in fields]
    columns = sql.SQL(", ").join(map(sql.Identifier, ("constituent_id", *FIXED, *values)))
    return sql.SQL(
        """
        SELECT {columns}, ('x' || substr(digest, 1, 16))::bit(64)::bigint AS hash_hi,
               ('x' || substr(digest, 17, 16))::bit(64)::bigint AS hash_lo
        FROM (
            SELECT {columns}, encode(sha256(convert_to({canonical}, 'UTF8')), 'hex') AS digest
            FROM (SELECT {cleaned} FROM ({values}) AS v OFFSET 0) AS w OFFSET 0
        ) AS x
        """
    ).format(
        columns=columns,
        canonical=_canonical_form(fields),
        cleaned=_cleaned(fields),
        values=_values(fields, today, everyone),
    )


def _values(fields: list[PersonalizationField], today: date, everyone: bool) -> SQL:
    """Each field's value as text, and whether any of the row's texts holds a control character."""
    sources = [source(field.source) for field in fields]
    relations = {"permission", *(found.relation for found in sources if found.relation)}
    claim = None if everyone else sql.SQL("SELECT constituent_id FROM profile_claim")
    named = [
        sql.SQL("{} AS {}").format(_text(found.expression, found.type), sql.Identifier(f"f{field.slot}"))
        for field, found in zip(fields, sources, strict=True)
    ]
    texts = [sql.Identifier(name) for name in CLEANED] + [
        sql.Identifier(f"f{field.slot}") for field in fields if field.type == FieldType.TEXT
    ]
    return sql.SQL(
        """
        SELECT *, array_to_string(ARRAY[{texts}], '') ~ {control} AS unclean FROM (
            SELECT {columns} FROM {constituents} {joins} OFFSET 0
        ) AS u OFFSET 0
        """
    ).format(
        texts=sql.SQL(", ").join(texts),
        control=sql.Literal(CONTROL_CHARACTERS),
        columns=sql.SQL(", ").join([_FIXED_VALUES, *named]),
        joins=joins(relations, today, claim),
        # First in the list of joins: PostgreSQL keeps the order of so many (`join_collapse_limit`).
        constituents=sql.SQL(
            "constituent c" if everyone else "profile_claim k JOIN constituent c ON c.id = k.constituent_id"
        ),
    )


_FIXED_VALUES = sql.SQL(
    """c.id AS constituent_id, c.master_customer_id, c.sub_customer_id, permission.email,
    nullif(c.first_name, '') AS first_name, nullif(c.last_name, '') AS last_name,
    permission.allow_email, permission.denied_by"""
)


def _text(expression: SQL, type_: str) -> SQL:
    """An expression's canonical text (`docs/reference/canonical-form.md`); an empty text is null."""
    forms = {
        FieldType.TEXT: "nullif({}, '')",
        FieldType.INTEGER: "({})::text",
        FieldType.DECIMAL: "trim_scale({})::text",
        FieldType.DATE: "to_char({}, 'YYYY-MM-DD')",
        FieldType.BOOLEAN: "CASE {} WHEN true THEN 'Y' WHEN false THEN 'N' END",
    }
    return sql.SQL(forms[FieldType(type_)]).format(expression)


def _cleaned(fields: list[PersonalizationField]) -> SQL:
    """The columns with control characters taken out of the few rows that have any."""
    texts = {*CLEANED, *(f"f{field.slot}" for field in fields if field.type == FieldType.TEXT)}
    clean = sql.SQL(
        "CASE WHEN unclean THEN nullif(regexp_replace({name}, {control}, '', 'g'), '') ELSE {name} END AS {name}"
    )
    return sql.SQL(", ").join(
        clean.format(name=sql.Identifier(name), control=sql.Literal(CONTROL_CHARACTERS))
        if name in texts
        else sql.Identifier(name)
        for name in ("constituent_id", *FIXED, *(f"f{field.slot}" for field in fields))
    )


def _canonical_form(fields: list[PersonalizationField]) -> SQL:
    """As `sync.member.canonical_rows`: the field-set key and every value, joined by U+001F, null as U+001E."""
    values = [
        sql.SQL("CASE WHEN allow_email THEN 'Y' ELSE 'N' END") if name == "allow_email" else sql.Identifier(name)
        for name in (*FIXED, *(f"f{field.slot}" for field in fields))
    ]
    return sql.SQL("array_to_string(ARRAY[{}], {}, {})").format(
        sql.SQL(", ").join([sql.Literal(field_set_key(member_fields(fields))), *values]),
        sql.Literal(SEPARATOR),
        sql.Literal(NULL_MARK),
    )
