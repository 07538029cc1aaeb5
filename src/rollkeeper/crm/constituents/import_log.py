"""What an import changes of known constituents, as lines of the change log: set-based, before it is written.

A constituent that the file creates has no line of its own: one line says of the whole file how many there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import FieldChange, record
from rollkeeper.crm.constituents.version import SUBJECT

SQL = sql.SQL | sql.Composed
IMPORT = "import"  # the kind of the line of a whole file; its key is the file's name


def log_imported_changes(
    cursor: CursorWrapper,
    own: Mapping[str, SQL],
    attributes: Iterable[str],
    imported: SQL,
    *,
    author: str,
    origin: str,
) -> None:
    """A line for each constituent that the staged import is about to change (tables of `import_apply.py`).

    `own`: columns of the constituent and their values over `import_row r`; `imported`: the file's attributes.
    """
    values = [
        sql.SQL("({}, {}, {})").format(sql.Literal(name), old, new) for name, old, new in _pairs(own, attributes)
    ]
    statement = sql.SQL(_LOG).format(
        kind=sql.Literal(SUBJECT),
        action=sql.Literal(str(Action.CHANGED)),
        imported=imported,
        values=sql.SQL(", ").join(values),
        author=sql.Literal(author),
        origin=sql.Literal(origin),
    )
    cursor.execute(statement)


def _pairs(own: Mapping[str, SQL], attributes: Iterable[str]) -> list[tuple[str, SQL, SQL]]:
    """Of each field that a file can change its name, and its value before and after, as SQL of jsonb."""
    pairs: list[tuple[str, SQL, SQL]] = [
        (name, sql.SQL("to_jsonb(c.{})").format(sql.Identifier(name)), sql.SQL("to_jsonb({})").format(value))
        for name, value in own.items()
    ]
    pairs += [
        (
            f"attribute:{name}",
            sql.SQL("c.attributes -> {}").format(sql.Literal(name)),
            sql.SQL("file.attributes -> {}").format(sql.Literal(name)),
        )
        for name in attributes
    ]
    pairs += [
        ("email", sql.SQL("to_jsonb(nullif(e.address, ''))"), sql.SQL("to_jsonb(nullif(r.email, ''))")),
        (
            "do_not_solicit",
            sql.SQL("to_jsonb(e.do_not_solicit)"),
            sql.SQL("CASE WHEN r.email = '' THEN to_jsonb(e.do_not_solicit) ELSE to_jsonb(r.do_not_solicit) END"),
        ),
    ]
    return pairs


def log_import(file: str, created: int, updated: int, *, author: str, origin: str) -> None:
    """One line for the file, where it brought something."""
    changes = [FieldChange("created", None, created), FieldChange("updated", None, updated)]
    if created or updated:
        record(IMPORT, file, author, origin, changes, action=Action.CREATED)


_LOG = """
    INSERT INTO record_change (subject_kind, subject_key, part, action, changes, version, author, origin)
    SELECT {kind}, c.id::text, '', {action}, changed.pairs, c.version + 1, {author}, {origin}
    FROM import_target t
    JOIN import_row r ON r.line = t.line
    JOIN constituent c ON c.id = t.constituent_id
    LEFT JOIN email_address e ON e.constituent_id = c.id AND e.is_primary AND e.is_active
    CROSS JOIN LATERAL (SELECT {imported} AS attributes) file
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(field, old, new)) AS pairs
        FROM (VALUES {values}) AS pair (field, old, new)
        WHERE old IS DISTINCT FROM new
    ) changed
    WHERE NOT t.is_new AND changed.pairs IS NOT NULL
    ORDER BY t.line
"""
