"""What a run changed, member by member: status before and after, and the old values (B6).

A run that found its group empty writes no row each: `sync_run.all_added` and `group_member.since_run` say it.
`target_groups/as_of.py` reads it backwards: whatever changes a subscriber's data must leave the old values here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from rollkeeper.sync.permission import Status

if TYPE_CHECKING:
    from rollkeeper.marketing.subscribers.store import Target

NOTED_COLUMNS = ("email", "first_name", "last_name", "allow_email", "denied_by", "address_valid")
FLAGS = ("allow_email", "address_valid")  # of these, what is no text
FIELD_MARK = "field:"  # before a field's name in `before` where it could be taken for a column's


def field_key(name: str) -> str:
    """Under which key of `before` the old values of a personalization field are: a field may have any name."""
    return FIELD_MARK + name if name in NOTED_COLUMNS or name.startswith(FIELD_MARK) else name


def field_name(key: str) -> str:
    """The field whose old value is under that key."""
    return key.removeprefix(FIELD_MARK)


@dataclass(frozen=True, slots=True)
class StatusChanges:
    """Changes of existing subscribers' status by the CRM's flag."""

    unsubscribed: int
    resubscribed: int


def note_before(connection: psycopg.Connection[Any], slots: dict[str, str]) -> int:
    """Keep, for each known subscriber that is written or leaves, its status and the values about to go.

    Fills the temporary table `noted`; the number of subscribers whose data changes.
    """
    texts = [(name, name) for name in NOTED_COLUMNS if name not in FLAGS]
    texts += [(field_key(name), slot) for name, slot in slots.items()]
    # One object from the few that differ: to join an object a column takes three times as long.
    old_values = sql.SQL(
        "(SELECT coalesce(jsonb_object_agg(v.name, v.old), '{{}}') FROM (VALUES {}) AS v (name, old, new) "
        "WHERE v.old IS DISTINCT FROM v.new){}"
    ).format(
        sql.SQL(", ").join(
            sql.SQL("({0}, s.{1}, c.{1})").format(sql.Literal(key), sql.Identifier(column)) for key, column in texts
        ),
        sql.SQL("").join(
            sql.SQL(
                " || CASE WHEN s.{1} IS DISTINCT FROM c.{1} THEN jsonb_build_object({0}, s.{1}) ELSE '{{}}' END"
            ).format(sql.Literal(name), sql.Identifier(name))
            for name in FLAGS
        ),
    )
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE noted ON COMMIT DROP AS "
            "SELECT s.id AS subscriber_id, s.status, s.address_key, c.subscriber_id IS NOT NULL "
            "AND (s.hash_hi, s.hash_lo) <> (c.hash_hi, c.hash_lo) AS data_changed, "
            "s.hash_hi, s.hash_lo, CASE WHEN c.subscriber_id IS NOT NULL THEN {} END AS before "
            "FROM subscriber s LEFT JOIN change c ON c.subscriber_id = s.id WHERE s.id IN "
            "(SELECT subscriber_id FROM change UNION ALL SELECT subscriber_id FROM leaving)"
        ).format(old_values)
    )
    connection.execute("ANALYZE noted")
    row = connection.execute("SELECT count(*) FROM noted WHERE data_changed").fetchone()
    return int(row[0]) if row else 0


def write(connection: psycopg.Connection[Any], target: Target, *, all_added: bool) -> StatusChanges:
    """Write the run's changes from `noted`, `arrived` and `leaving`, after the subscribers were written."""
    columns = (
        "run_id, group_id, subscriber_id, master_customer_id, sub_customer_id, change, status_before, "
        "status_after, before"
    )
    statement = (
        f"INSERT INTO run_change ({columns}) "  # noqa: S608  # constants of this file
        "SELECT %(run)s, %(group)s, s.id, s.master_customer_id, s.sub_customer_id, {change}, {was}, s.status, "
        "nullif(n.before, '{{}}') FROM {source} JOIN subscriber s ON s.id = moved.subscriber_id "
        "LEFT JOIN noted n ON n.subscriber_id = s.id{where} ORDER BY s.id"
    )
    values = {"run": target.run_id, "group": target.group_id}
    if not all_added:
        # Who was known and comes with the same data is not in `noted`: its status was what it is.
        was = "coalesce(n.status, CASE WHEN NOT moved.is_new THEN s.status END)"
        added = statement.format(change="'added'", was=was, source="arrived moved", where="")
    else:
        # Everyone was added; of those who were known already, the status that this run changed is noted.
        where = " WHERE n.status IS NOT NULL AND (n.data_changed)"
        added = statement.format(change="'added'", was="n.status", source="arrived moved", where=where)
    connection.execute(added, values)
    where = " WHERE n.data_changed AND NOT EXISTS (SELECT FROM arrived a WHERE a.subscriber_id = s.id)"
    updated = statement.format(change="'updated'", was="n.status", source="change moved", where=where)
    connection.execute(updated, values)
    removed = statement.format(change="'removed'", was="n.status", source="leaving moved", where="")
    connection.execute(removed, values)
    return _status_changes(connection)


def _status_changes(connection: psycopg.Connection[Any]) -> StatusChanges:
    remote = Status.UNSUBSCRIBED_REMOTE.value
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE n.status <> %(remote)s AND s.status = %(remote)s), "
        "count(*) FILTER (WHERE n.status = %(remote)s AND s.status <> %(remote)s) "
        "FROM noted n JOIN subscriber s ON s.id = n.subscriber_id WHERE n.data_changed",
        {"remote": remote},
    ).fetchone()
    return StatusChanges(*row) if row else StatusChanges(0, 0)
