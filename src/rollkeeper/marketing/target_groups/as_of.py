"""The audience of a target group as a past run left it (B6), from the present and what changed since.

Each run keeps who came and went and the old values of what it changed (`subscribers/history.py`). Read backwards
from now, that gives the members and data of any run that was applied since; the cost follows what changed, not
the whole history. "Since" is by the bridge's revision: runs overlap, and their ids say nothing of their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from rollkeeper.marketing.subscribers.history import NOTED_COLUMNS, field_key
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup

OWN = ("suppressed_at", "complained_at", "unsubscribed_at", "bounced_at")  # each with its own time (S30)


class PastUnknown(Exception):
    """That audience cannot be told. The message is a sentence, with what to do where one can do something."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run whose audience can be told: what it left is what its revision of the bridge says."""

    run: SyncRun
    revision: int
    field_names: tuple[str, ...]

    @classmethod
    def of(cls, run_id: int, group: TargetGroup) -> PastRun:
        """The run of that number, of this target group. Raises `PastUnknown`."""
        run = SyncRun.objects.select_related("group").filter(pk=run_id).first()
        if run is None:
            raise PastUnknown(f"There is no run {run_id}. What to do: `rollkeeper runs` shows the runs.")
        if run.group_id != group.pk:
            what = f"of the list {run.group.code}" if run.group else "a catalog sync, of no list"
            raise PastUnknown(f"Run {run_id} is {what}. What to do: name a run of the list {group.code}.")
        if run.status not in (SyncRun.Status.COMPLETED, SyncRun.Status.HELD) or run.finished_at is None:
            raise PastUnknown(
                f"Run {run_id} is {run.get_status_display().lower()}: it left no audience of its own. What to do: "
                "name the run before it that was completed."
            )
        if run.revision is None or run.field_names is None:
            raise PastUnknown(
                f"Run {run_id} was made by a version of Rollkeeper that did not yet keep all that changes, so what "
                "it left is not known. What to do: name a run made since the upgrade."
            )
        if run.revision < run.bridge.history_revision:
            raise PastUnknown(
                f"What changed since run {run_id} is kept no longer: history of that age was dropped "
                "(ROLLKEEPER_HISTORY_MONTHS, `rollkeeper purge`). What to do: name a later run."
            )
        return cls(run, run.revision, tuple(run.field_names))

    def check_members(self, told: int) -> None:
        """Raise `PastUnknown` where the history tells of another number of members than the run left."""
        if told != self.run.members:
            raise PastUnknown(
                f"Run {self.run.pk} left {self.run.members:,} members; the changes kept since tell of {told:,}: "
                "something other than a sync has put members in or taken them out, so what the run left is not "
                "known. What to do: name a run made after the repair (`rollkeeper runs`), or look at a backup."
            )


def prepare(connection: psycopg.Connection[Any], past: PastRun) -> sql.Composed:
    """Gather what changed since the run; the query of its members, ascending by customer id.

    Columns: those of an export, then the run's personalization fields. Makes two temporary tables, gone with the
    caller's transaction, which must be one snapshot (repeatable read):

    `moved_since`: who came or went since, each once, and whether the person was a member.
    `changed_since`: subscribers whose data changed since, by whichever group's sync, with the values they had.
    """
    if not _is_kept(connection, past):
        raise PastUnknown(f"What changed since run {past.run.pk} was dropped by age just now. Name a later run.")
    emptied = _emptied(connection, past)
    _gather_moves(connection, past, emptied)
    _gather_old_values(connection, past)
    return _members(connection, past, refilled=emptied is not None)


def _is_kept(connection: psycopg.Connection[Any], past: PastRun) -> bool:
    """Looked at again in the export's snapshot: what came before `history_revision` may be gone by now."""
    found = connection.execute(
        "SELECT history_revision <= %s FROM bridge WHERE id = %s", [past.revision, past.run.bridge_id]
    ).fetchone()
    return found is not None and bool(found[0])


def _emptied(connection: psycopg.Connection[Any], past: PastRun) -> int | None:
    """The revision of the first later run that found the group empty and so wrote no row for each who came.

    Where it brought nobody, it is that of the run that emptied the group.
    """
    found = connection.execute(
        "SELECT min(revision) FROM sync_run WHERE group_id = %s AND revision > %s AND all_added",
        [past.run.group_id, past.revision],
    ).fetchone()
    return found[0] if found else None


def _later_runs(
    connection: psycopg.Connection[Any], past: PastRun, condition: str, values: list[Any]
) -> dict[str, Any]:
    """The later runs, with their revisions.

    They are named one by one to the query of their changes: each partition then looks them up in its index,
    whatever the planner knows of the whole.
    """
    rows = connection.execute(
        "SELECT id, revision FROM sync_run WHERE bridge_id = %s AND revision > %s "  # noqa: S608  # of this file
        f"AND {condition}",
        [past.run.bridge_id, past.revision, *values],
    ).fetchall()
    return {"runs": [run for run, _ in rows], "revisions": [revision for _, revision in rows]}


def _gather_moves(connection: psycopg.Connection[Any], past: PastRun, emptied: int | None) -> None:
    """Somebody's first move since tells: who was removed was a member, who was added was not."""
    later = _later_runs(
        connection,
        past,
        "group_id = %s AND revision <= coalesce(%s, revision) AND NOT all_added",
        [past.run.group_id, emptied],
    )
    connection.execute(
        "CREATE TEMP TABLE moved_since (subscriber_id bigint, "
        'master_customer_id text COLLATE "C", sub_customer_id text COLLATE "C", was_member boolean) ON COMMIT DROP'
    )
    connection.execute(
        "INSERT INTO moved_since SELECT DISTINCT ON (c.subscriber_id) c.subscriber_id, c.master_customer_id, "
        "c.sub_customer_id, c.change = 'removed' FROM run_change c "
        "JOIN unnest(%(runs)s::bigint[], %(revisions)s::bigint[]) AS later (run_id, revision) USING (run_id) "
        "WHERE c.run_id = ANY(%(runs)s::bigint[]) AND c.change IN ('added', 'removed') "
        "ORDER BY c.subscriber_id, later.revision",
        later,
    )
    connection.execute("ANALYZE moved_since")


def _gather_old_values(connection: psycopg.Connection[Any], past: PastRun) -> None:
    """Of each value the oldest that a later change replaced: it stood at the run."""
    later = _later_runs(connection, past, "true", [])
    keys = [*NOTED_COLUMNS, *map(field_key, past.field_names)]
    connection.execute("CREATE TEMP TABLE changed_since (subscriber_id bigint, before jsonb) ON COMMIT DROP")
    connection.execute(
        "INSERT INTO changed_since SELECT subscriber_id, jsonb_object_agg(key, value) FROM ("
        "SELECT DISTINCT ON (subscriber_id, key) subscriber_id, key, value FROM ("
        "SELECT c.subscriber_id, later.revision, old.key, old.value FROM run_change c "
        "JOIN unnest(%(runs)s::bigint[], %(revisions)s::bigint[]) AS later (run_id, revision) USING (run_id) "
        "CROSS JOIN LATERAL jsonb_each(c.before) AS old "
        "WHERE c.run_id = ANY(%(runs)s::bigint[]) AND c.before IS NOT NULL "
        "UNION ALL SELECT subscriber_id, revision, key, to_jsonb(value) FROM forgotten_value "
        "WHERE bridge_id = %(bridge)s AND revision > %(revision)s"
        ") replaced WHERE key = ANY(%(keys)s) ORDER BY subscriber_id, key, revision"
        ") oldest GROUP BY subscriber_id",
        {**later, "bridge": past.run.bridge_id, "revision": past.revision, "keys": keys},
    )
    connection.execute("ANALYZE changed_since")


def _members(connection: psycopg.Connection[Any], past: PastRun, *, refilled: bool) -> sql.Composed:
    """Who was a member: whoever's first move since was to leave, and who is one now and never moved.

    Where the group was empty in between (`refilled`), whoever was a member left before that.
    """
    gone = sql.SQL("SELECT master_customer_id, sub_customer_id, subscriber_id FROM moved_since WHERE was_member")
    here = sql.SQL(
        "SELECT master_customer_id, sub_customer_id, subscriber_id FROM group_member m WHERE group_id = {} "
        "AND NOT EXISTS (SELECT FROM moved_since x WHERE x.subscriber_id = m.subscriber_id)"
    ).format(sql.Literal(past.run.group_id))
    columns = [sql.SQL("m.master_customer_id, m.sub_customer_id"), *_facts(connection, past)]
    shown = ["email", "first_name", "last_name"]
    fields = [f"field_{number}" for number in range(len(past.field_names))]
    return sql.SQL(
        "SELECT master_customer_id, sub_customer_id, {shown}, {status}{fields} FROM (SELECT {columns} "
        "FROM ({members}) m JOIN subscriber s ON s.id = m.subscriber_id "
        "LEFT JOIN changed_since c ON c.subscriber_id = s.id) past "
        "ORDER BY master_customer_id, sub_customer_id"
    ).format(
        shown=sql.SQL(", ").join(map(sql.Identifier, shown)),
        status=sql.SQL(_status_rule(connection)),
        fields=sql.SQL("").join(sql.SQL(", ") + sql.Identifier(field) for field in fields),
        columns=sql.SQL(", ").join(columns),
        members=gone if refilled else sql.SQL(" UNION ALL ").join([here, gone]),
    )


def _facts(connection: psycopg.Connection[Any], past: PastRun) -> list[sql.Composable]:
    """The columns of `subscriber` as they were, under their own names; the fields as `field_0`, `field_1` …"""
    assert past.run.finished_at is not None  # noqa: S101  # `PastRun.of` looked
    flags = ("allow_email", "address_valid")
    facts: list[sql.Composable] = [
        _as_it_was(name, sql.SQL("s.{}").format(sql.Identifier(name)), name, is_flag=name in flags)
        for name in NOTED_COLUMNS
    ]
    ended = sql.Literal(past.run.finished_at)
    facts += [
        sql.SQL("CASE WHEN s.{0} <= {1} THEN s.{0} END AS {0}").format(sql.Identifier(name), ended) for name in OWN
    ]
    slots = _slots(connection, past.run.bridge_id)
    for number, name in enumerate(past.field_names):
        slot = slots.get(name)
        now = sql.SQL("s.{}").format(sql.Identifier(slot)) if slot else sql.SQL("NULL::text")
        facts.append(_as_it_was(field_key(name), now, f"field_{number}"))
    return facts


def _as_it_was(key: str, now: sql.Composable, name: str, *, is_flag: bool = False) -> sql.Composed:
    return sql.SQL("CASE WHEN c.before ? {key} THEN (c.before ->> {key}){cast} ELSE {now} END AS {name}").format(
        key=sql.Literal(key),
        cast=sql.SQL("::boolean" if is_flag else ""),
        now=now,
        name=sql.Identifier(name),
    )


def _slots(connection: psycopg.Connection[Any], bridge_id: int) -> dict[str, str]:
    """Field name → column, for the fields of the view and for those that left it and have their slot yet.

    A field in neither was forgotten: its values, where it had any, are in the history.
    """
    rows = connection.execute(
        "SELECT name, slot FROM bridge_withdrawn_field WHERE bridge_id = %(bridge)s "
        "UNION ALL SELECT name, slot FROM bridge_field WHERE bridge_id = %(bridge)s",
        {"bridge": bridge_id},
    ).fetchall()
    return {name: f"f{slot}" for name, slot in rows}


def _status_rule(connection: psycopg.Connection[Any]) -> str:
    """The expression of the generated column `subscriber.status`, to be applied to the facts of then.

    The same rule as `sync/permission.py`: a test holds the two together.
    """
    found = connection.execute(
        "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a "
        "ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum) "
        "WHERE a.attrelid = 'subscriber'::regclass AND a.attname = 'status'"
    ).fetchone()
    assert found is not None  # noqa: S101  # the table has it since its first migration
    return str(found[0])
