"""A staged import, compared with what is there and written: set-based, in the caller's transaction.

`import_row` holds the file's good rows as they came (`create_staging`); `import_target` says which of them
are new constituents and which change a known one. Rows that change nothing are in neither and are not written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from rollkeeper.crm.constituents.csv_rows import FIXED_FLAGS, FIXED_HEADER, FurtherColumn, Kind, SetAside
from rollkeeper.crm.constituents.import_log import log_imported_changes
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.constituents.permission import record_imported_changes

SQL = sql.SQL | sql.Composed
NULL_TEXT = "\x01"  # what stands for null in the staging COPY: no value holds it, so an empty cell stays a text
IDS = ("master_customer_id", "sub_customer_id")
NOT_OF_THE_CONSTITUENT = (*IDS, "email", "do_not_solicit")  # keys, and what belongs to the address


@dataclass(frozen=True, slots=True)
class Applied:
    """How many staged rows made a constituent, changed one, or changed nothing."""

    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the file brings, as names and as SQL over `import_row r`."""

    own: dict[str, SQL]  # column of the constituent → its value
    attributes: list[str]
    imported: SQL  # jsonb: the file's attributes that are not empty


def create_staging(cursor: CursorWrapper, further: tuple[FurtherColumn, ...]) -> SQL:
    """Create `import_row`; the COPY statement that fills it (CSV: line, fixed columns, further columns)."""
    flags = set(FIXED_FLAGS)
    fixed = [
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL("boolean" if name in flags else 'text COLLATE "C"'))
        for name in FIXED_HEADER
    ]
    more = [
        sql.SQL("{} {}").format(_staged(place), sql.SQL("boolean" if column.kind == Kind.FLAG else "text"))
        for place, column in enumerate(further)
    ]
    cursor.execute("DROP TABLE IF EXISTS import_row, import_target")  # of an earlier import in this transaction
    cursor.execute(
        sql.SQL("CREATE TEMPORARY TABLE import_row (line bigint NOT NULL, {}) ON COMMIT DROP").format(
            sql.SQL(", ").join([*fixed, *more])
        )
    )
    return sql.SQL("COPY import_row FROM STDIN (FORMAT csv, NULL {})").format(sql.Literal(NULL_TEXT))


def set_duplicates_aside(cursor: CursorWrapper) -> list[SetAside]:
    """Take rows out whose id stands in an earlier row of the file."""
    cursor.execute("ANALYZE import_row")
    cursor.execute(
        """
        DELETE FROM import_row r USING (
            SELECT master_customer_id, sub_customer_id, min(line) AS line
            FROM import_row GROUP BY master_customer_id, sub_customer_id HAVING count(*) > 1
        ) first
        WHERE r.master_customer_id = first.master_customer_id AND r.sub_customer_id = first.sub_customer_id
          AND r.line <> first.line
        RETURNING r.line, r.master_customer_id, r.sub_customer_id, first.line
        """
    )
    return [
        SetAside(line, "duplicate_id", f"Line {line} repeats the customer id of line {first}.", master, sub)
        for line, master, sub, first in cursor.fetchall()
    ]


def apply(cursor: CursorWrapper, further: tuple[FurtherColumn, ...], *, author: str, origin: str) -> Applied:
    """Write the staged rows: constituents, addresses and the record of permission changes."""
    columns = _columns(further)
    _find_changed(cursor, columns)
    _find_new(cursor)
    cursor.execute("ANALYZE import_target")
    cursor.execute("SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM import_target")
    created, updated = cursor.fetchone()
    cursor.execute("SELECT count(*) FROM import_row")
    staged = cursor.fetchone()[0]
    if created or updated:
        record_imported_changes(cursor, author=author, origin=origin)
    if updated:
        log_imported_changes(
            cursor, columns.own, columns.attributes, columns.imported, author=author, origin=origin
        )
        _update_constituents(cursor, columns)
        _update_addresses(cursor)
    if created:
        _insert_constituents(cursor, columns)
    if created or updated:
        cursor.execute(_ADD_ADDRESSES)
    return Applied(created, updated, staged - created - updated)


def _columns(further: tuple[FurtherColumn, ...]) -> _Columns:
    own = {name: _row(sql.Identifier(name)) for name in FIXED_HEADER if name not in NOT_OF_THE_CONSTITUENT}
    attributes: dict[str, SQL] = {}
    for place, column in enumerate(further):
        if column.kind == Kind.ATTRIBUTE:
            attributes[column.name] = sql.SQL("nullif({}, '')").format(_row(_staged(place)))
        else:
            own[column.name] = _row(_staged(place))
    imported = sql.SQL("jsonb_strip_nulls(jsonb_object(ARRAY[{}]::text[], ARRAY[{}]::text[]))").format(
        _list(map(sql.Literal, attributes)), _list(attributes.values())
    )
    return _Columns(own, list(attributes), imported)


def _find_changed(cursor: CursorWrapper, columns: _Columns) -> None:
    """The rows that differ from the constituent they name; these constituents are locked."""
    own = [sql.SQL("c.{} <> {}").format(sql.Identifier(name), value) for name, value in columns.own.items()]
    differences = [
        *own,
        sql.SQL("{} <> c.attributes").format(_attributes(columns)),
        sql.SQL("coalesce(e.address, '') <> r.email"),
        sql.SQL("e.do_not_solicit <> r.do_not_solicit"),
    ]
    cursor.execute(
        sql.SQL(
            """
            CREATE TEMPORARY TABLE import_target ON COMMIT DROP AS
            SELECT r.line, c.id AS constituent_id, false AS is_new
            FROM import_row r
            JOIN constituent c USING (master_customer_id, sub_customer_id)
            LEFT JOIN email_address e ON e.constituent_id = c.id AND e.is_primary AND e.is_active
            WHERE {differences}
            FOR UPDATE OF c
            """
        ).format(differences=sql.SQL(" OR ").join(differences))
    )


def _find_new(cursor: CursorWrapper) -> None:
    cursor.execute(
        """
        INSERT INTO import_target
        SELECT new.line, nextval(pg_get_serial_sequence('constituent', 'id')), true
        FROM (
            SELECT r.line FROM import_row r WHERE NOT EXISTS (
                SELECT FROM constituent c
                WHERE c.master_customer_id = r.master_customer_id AND c.sub_customer_id = r.sub_customer_id
            ) ORDER BY r.line
        ) new
        """
    )


def _update_constituents(cursor: CursorWrapper, columns: _Columns) -> None:
    assignments = [sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in columns.own.items()]
    cursor.execute(
        sql.SQL(
            """
            UPDATE constituent c
            SET {assignments}, attributes = {attributes}, version = version + 1, modified_at = statement_timestamp()
            FROM import_target t JOIN import_row r ON r.line = t.line
            WHERE c.id = t.constituent_id AND NOT t.is_new
            """
        ).format(assignments=_list(assignments), attributes=_attributes(columns))
    )


def _insert_constituents(cursor: CursorWrapper, columns: _Columns) -> None:
    values: dict[str, SQL] = {"id": sql.SQL("t.constituent_id"), "attributes": columns.imported}
    values |= {name: _row(sql.Identifier(name)) for name in IDS} | columns.own
    for field in Constituent._meta.concrete_fields:  # noqa: SLF001  # documented by Django
        if field.name not in values and not field.has_db_default():
            values[field.name] = sql.Composed([sql.Literal(field.get_default())])
    cursor.execute(
        sql.SQL(
            """
            INSERT INTO constituent ({names})
            SELECT {values} FROM import_target t JOIN import_row r ON r.line = t.line WHERE t.is_new
            ORDER BY t.constituent_id
            """
        ).format(names=_list(map(sql.Identifier, values)), values=_list(values.values()))
    )


def _update_addresses(cursor: CursorWrapper) -> None:
    """The address in the file becomes the primary one; the one before it stays, as a further address."""
    cursor.execute(
        """
        UPDATE email_address e SET is_primary = false
        FROM import_target t JOIN import_row r ON r.line = t.line
        WHERE e.constituent_id = t.constituent_id AND NOT t.is_new AND e.is_primary AND e.address <> r.email
        """
    )
    cursor.execute(
        """
        UPDATE email_address e SET is_primary = true, is_active = true, do_not_solicit = r.do_not_solicit
        FROM import_target t JOIN import_row r ON r.line = t.line
        WHERE NOT t.is_new AND e.id = (
            SELECT known.id FROM email_address known
            WHERE known.constituent_id = t.constituent_id AND known.address = r.email
            ORDER BY known.is_primary DESC, known.id LIMIT 1
        ) AND (e.is_primary, e.is_active, e.do_not_solicit) IS DISTINCT FROM (true, true, r.do_not_solicit)
        """
    )


_ADD_ADDRESSES = """
    INSERT INTO email_address (constituent_id, location_code, address, is_primary, is_active, do_not_solicit)
    SELECT t.constituent_id, 'WORK', r.email, true, true, r.do_not_solicit
    FROM import_target t JOIN import_row r ON r.line = t.line
    WHERE r.email <> '' AND (t.is_new OR NOT EXISTS (
        SELECT FROM email_address e WHERE e.constituent_id = t.constituent_id AND e.is_primary
    ))
    ORDER BY t.constituent_id
"""


def _attributes(columns: _Columns) -> SQL:
    """The constituent's attributes after the import: those of other files stay, an empty cell takes one out."""
    if not columns.attributes:
        return sql.SQL("c.attributes")
    names = _list(map(sql.Literal, columns.attributes))
    return sql.SQL("(c.attributes - ARRAY[{}]::text[]) || {}").format(names, columns.imported)


def _staged(place: int) -> sql.Identifier:
    """The staging column of a further column: its own name may be one that PostgreSQL cannot take."""
    return sql.Identifier(f"x{place}")


def _row(column: sql.Identifier) -> SQL:
    return sql.SQL("r.{}").format(column)


def _list(items: Iterable[sql.Composable]) -> SQL:
    return sql.SQL(", ").join(items)
