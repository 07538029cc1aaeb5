"""The stored side of a sync: what a target group has, and a plan made true in one transaction (B8).

    stored_members   → the group's members in key order, for the merge: all, or those whom changes concern
    apply            → the plan's writes and removals, with counts, fingerprints and history

Everything that writes subscribers of a bridge holds the bridge's row lock, so syncs of one bridge that share
people write one after the other, and never deadlock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from rollkeeper.marketing.subscribers import arrivals, history
from rollkeeper.marketing.target_groups import fingerprints, funnel
from rollkeeper.postgres import copy, pieces
from rollkeeper.sync.connector import Mode
from rollkeeper.sync.merge import STORED_SCHEMA
from rollkeeper.sync.plan import NOTICE_SCHEMA, Kept, Plan, Verdict
from rollkeeper.sync.run import Arriving, Download

CRM_COLUMNS = ("email", "first_name", "last_name", "allow_email", "denied_by", "address_valid")
FEW_ROWS = 2_000  # the planner judges so small a table by its size well enough: looking at it costs more
RECOUNT_SHARE = 5  # when more than a fifth of a group changes, counting it anew is cheaper than the difference
# What the planner must know after a first load; autovacuum looks at the many columns of the fields in its own time.
ANALYZED = "id, bridge_id, master_customer_id, sub_customer_id, address_key, address_valid, allow_email, status"


class Moved(Exception):
    """Another sync of the bridge wrote since the plan was made: plan again."""


class Overtaken(Exception):
    """Another sync wrote newer data of some of the same people since this pull began: pull again."""


class Fenced(Exception):
    """This run is no longer the one in charge of its group: it must not write."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which group a plan is for, and on what it was made.

    `pull_revision` is the bridge's revision when the pull began, `plan_revision` when the merge read the
    stored side. `slots` maps each field's name to its column. `run_id` and `attempt` fence the write.
    """

    bridge_id: int
    group_id: int
    run_id: int
    attempt: int
    pull_revision: int
    plan_revision: int
    slots: dict[str, str]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did beyond the plan's own counts (status changes are by the CRM's flag, S7, S30).

    `revision` is the bridge's, made by this apply.
    """

    revision: int
    members: int
    unsubscribed: int
    resubscribed: int
    all_added: bool


def bridge_revision(connection: psycopg.Connection[Any], bridge_id: int, *, lock: bool = False) -> int:
    """How often subscribers of the bridge were written. With `lock` nobody else writes until the commit.

    The lock lets rows that refer to the bridge be made: a sync can be asked for while another writes.
    """
    query = "SELECT revision FROM bridge WHERE id = %s"
    locking = "SELECT revision FROM bridge WHERE id = %s FOR NO KEY UPDATE"
    row = connection.execute(locking if lock else query, [bridge_id]).fetchone()
    if row is None:
        raise Fenced("The bridge was deleted while the sync ran.")
    return int(row[0])


def kept(connection: psycopg.Connection[Any], group_id: int, *, lock: bool = False) -> Kept:
    """The group as a whole, by what is kept of it. With `lock` no other sync moves it until the commit."""
    query = "SELECT count_members, fingerprint FROM target_group WHERE id = %s"
    locking = "SELECT count_members, fingerprint FROM target_group WHERE id = %s FOR NO KEY UPDATE"
    row = connection.execute(locking if lock else query, [group_id]).fetchone()
    if row is None:
        raise Fenced("The target group was deleted while the sync ran.")
    return Kept(row[0], int(row[1], 16))


def stored_members(
    connection: psycopg.Connection[Any], group_id: int, source: Download | Arriving
) -> Iterator[pa.RecordBatch]:
    """The members that a merge with `source` compares, in `STORED_SCHEMA`, ascending by customer id, as the
    transaction sees them: of a full pull all; of changes those among the keys sent, and those held (B3).
    """
    query = sql.SQL(
        "SELECT master_customer_id, sub_customer_id, subscriber_id, hash_hi, hash_lo FROM group_member {} "
        "WHERE group_id = {}"
    )
    group = sql.Literal(group_id)
    if source.mode is Mode.FULL:
        return pieces.read(connection, query.format(sql.SQL(""), group), arrivals.KEYS, STORED_SCHEMA)
    among = sql.SQL("JOIN ({}) AS concerned USING (master_customer_id, sub_customer_id)").format(
        _concerned(connection, group_id, source)
    )
    order = sql.SQL(" ORDER BY master_customer_id, sub_customer_id")
    return copy.read(connection, query.format(among, group) + order, STORED_SCHEMA)


def _concerned(connection: psycopg.Connection[Any], group_id: int, source: Download | Arriving) -> sql.Composable:
    """A query for the keys whom changes concern, each once."""
    connection.execute(
        'CREATE TEMP TABLE sent (master_customer_id text COLLATE "C", sub_customer_id text COLLATE "C") '
        "ON COMMIT DROP"
    )
    columns = ["master_customer_id", "sub_customer_id"]
    copy.write(connection, "sent", columns, (batch.select(columns) for batch in source.batches()))
    if source.closing.rows > FEW_ROWS:
        connection.execute("ANALYZE sent")
    return sql.SQL(
        "SELECT master_customer_id, sub_customer_id FROM sent UNION "
        "SELECT master_customer_id, sub_customer_id FROM held_removal WHERE group_id = {}"
    ).format(sql.Literal(group_id))


def apply(connection: psycopg.Connection[Any], plan: Plan, target: Target, verdict: Verdict) -> Applied:
    """Make the plan true, all of it or nothing, in the caller's transaction.

    Raises `Moved`, `Overtaken` or `Fenced` before anything is visible; the caller rolls back.
    """
    revision = bridge_revision(connection, target.bridge_id, lock=True)
    if revision != target.plan_revision:
        raise Moved
    _check_charge(connection, target)
    all_added = plan.members_before == 0
    if plan.writes_nothing:
        _hold_nobody(connection, target)
        return Applied(revision, plan.members_before, 0, 0, all_added)
    _create_work_tables(connection, target.slots)
    first_of_bridge = not arrivals.has_subscribers(connection, target.bridge_id)
    arrived = arrivals.write(connection, plan, target, revision + 1, CRM_COLUMNS, all_new=first_of_bridge)
    if revision != target.pull_revision:
        _check_not_overtaken(connection, target)
    if not verdict.held:
        copy.write(connection, "leaving", STORED_SCHEMA.names, plan.removals.batches())
    if plan.writes.rows + plan.removals.rows > FEW_ROWS:
        connection.execute("ANALYZE change; ANALYZE leaving; ANALYZE arrived")
    changes = history.note_before(connection, target.slots)
    tally = funnel.before(connection, target.bridge_id, target.run_id)
    fingerprints.carry_to_other_groups(connection, target.group_id)
    _update_subscribers(connection, target, revision + 1)
    _update_memberships(connection, target)
    status_changes = history.write(connection, target, all_added=all_added)
    _hold(connection, plan, target, verdict)
    members = plan.members_after(verdict)
    large = plan.counts.added + changes + plan.counts.removed > members // RECOUNT_SHARE
    recount = target.group_id if large else None
    funnel.settle(connection, tally, recount=recount, counted=arrived.tally)
    connection.execute("UPDATE bridge SET revision = %s WHERE id = %s", [revision + 1, target.bridge_id])
    if all_added and arrived.new and plan.mode is Mode.FULL:
        connection.execute(f"ANALYZE subscriber ({ANALYZED}); ANALYZE group_member")
    return Applied(revision + 1, members, status_changes.unsubscribed, status_changes.resubscribed, all_added)


def _check_charge(connection: psycopg.Connection[Any], target: Target) -> None:
    """Only the connection in charge gets here, and whoever takes over ends it first: no lock that would stop the
    run's own heartbeat is needed. This is the second look."""
    row = connection.execute(
        "SELECT attempt, status FROM sync_run WHERE id = %s FOR KEY SHARE", [target.run_id]
    ).fetchone()
    if row != (target.attempt, "running"):
        raise Fenced("Another worker has taken this run over; this one ends without writing.")


def _create_work_tables(connection: psycopg.Connection[Any], slots: dict[str, str]) -> None:
    """Temporary tables of this transaction.

    `change`: rows of known subscribers as the CRM has them now. `arrived`: who joins the group.
    `leaving`: who leaves it.
    """
    slot_columns = sql.SQL("").join(sql.SQL(", {} text").format(sql.Identifier(slot)) for slot in slots.values())
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE change (subscriber_id bigint, master_customer_id text, sub_customer_id text, "
            "email text, first_name text, last_name text, allow_email boolean, denied_by text, "
            "address_valid boolean, hash_hi bigint, hash_lo bigint{}) ON COMMIT DROP; "
            "CREATE TEMP TABLE arrived (subscriber_id bigint, master_customer_id text, sub_customer_id text, "
            "hash_hi bigint, hash_lo bigint, is_new boolean) ON COMMIT DROP; "
            "CREATE TEMP TABLE leaving (master_customer_id text, sub_customer_id text, subscriber_id bigint, "
            "hash_hi bigint, hash_lo bigint) ON COMMIT DROP"
        ).format(slot_columns)
    )


def _check_not_overtaken(connection: psycopg.Connection[Any], target: Target) -> None:
    row = connection.execute(
        "SELECT count(*) FROM change c JOIN subscriber s ON s.id = c.subscriber_id "
        "WHERE s.revision > %s AND (s.hash_hi, s.hash_lo) <> (c.hash_hi, c.hash_lo)",
        [target.pull_revision],
    ).fetchone()
    if row is not None and row[0]:
        raise Overtaken


def _update_subscribers(connection: psycopg.Connection[Any], target: Target, revision: int) -> None:
    """Write what the CRM says into known subscribers: its own columns only, never what the person did (S30)."""
    columns = [*CRM_COLUMNS, "hash_hi", "hash_lo", *target.slots.values()]
    assignments = sql.SQL(", ").join(sql.SQL("{0} = c.{0}").format(sql.Identifier(name)) for name in columns)
    connection.execute(
        sql.SQL(
            "UPDATE subscriber s SET {}, revision = {}, last_run = {} FROM change c "
            "WHERE s.id = c.subscriber_id AND (s.hash_hi, s.hash_lo) <> (c.hash_hi, c.hash_lo)"
        ).format(assignments, sql.Literal(revision), sql.Literal(target.run_id))
    )


def _update_memberships(connection: psycopg.Connection[Any], target: Target) -> None:
    """Memberships repeat the hash of their subscriber: in this group and in every other."""
    connection.execute(
        "UPDATE group_member m SET hash_hi = c.hash_hi, hash_lo = c.hash_lo FROM change c "
        "WHERE m.subscriber_id = c.subscriber_id AND (m.hash_hi, m.hash_lo) <> (c.hash_hi, c.hash_lo)"
    )
    connection.execute(
        "INSERT INTO group_member (group_id, master_customer_id, sub_customer_id, subscriber_id, "
        "hash_hi, hash_lo, since_run) SELECT %s, master_customer_id, sub_customer_id, subscriber_id, "
        "hash_hi, hash_lo, %s FROM arrived WHERE NOT is_new",
        [target.group_id, target.run_id],
    )
    connection.execute(
        "DELETE FROM group_member m USING leaving l WHERE m.group_id = %s "
        "AND m.master_customer_id = l.master_customer_id AND m.sub_customer_id = l.sub_customer_id",
        [target.group_id],
    )


def _hold(connection: psycopg.Connection[Any], plan: Plan, target: Target, verdict: Verdict) -> None:
    """Make the group's held removals those of this plan (B3), writing only what differs from those held before."""
    if verdict.held:
        connection.execute("CREATE TEMP TABLE holding (LIKE leaving) ON COMMIT DROP")
        copy.write(connection, "holding", STORED_SCHEMA.names, plan.removals.batches())
        connection.execute(
            "CREATE TEMP TABLE told (master_customer_id text, sub_customer_id text, reason text) ON COMMIT DROP"
        )
        copy.write(connection, "told", NOTICE_SCHEMA.names, plan.notices.batches())
        connection.execute(
            "DELETE FROM held_removal h WHERE h.group_id = %(group)s AND NOT EXISTS (SELECT FROM holding l WHERE "
            "(l.master_customer_id, l.sub_customer_id) = (h.master_customer_id, h.sub_customer_id))",
            {"group": target.group_id},
        )
        connection.execute(
            "INSERT INTO held_removal "
            "(group_id, run_id, subscriber_id, master_customer_id, sub_customer_id, reason) "
            "SELECT %(group)s, %(run)s, l.subscriber_id, l.master_customer_id, l.sub_customer_id, "
            "coalesce(t.reason, 'left') "
            "FROM holding l LEFT JOIN told t USING (master_customer_id, sub_customer_id) "
            "ORDER BY l.master_customer_id, l.sub_customer_id "
            "ON CONFLICT (group_id, master_customer_id, sub_customer_id) DO UPDATE SET reason = excluded.reason "
            "WHERE excluded.reason = 'deleted' AND held_removal.reason <> 'deleted'",
            {"group": target.group_id, "run": target.run_id},
        )
        connection.execute(
            "UPDATE target_group SET count_held = %s, held_since = coalesce(held_since, now()) WHERE id = %s",
            [verdict.held, target.group_id],
        )
    else:
        _hold_nobody(connection, target)


def _hold_nobody(connection: psycopg.Connection[Any], target: Target) -> None:
    connection.execute("DELETE FROM held_removal WHERE group_id = %s", [target.group_id])
    connection.execute(
        "UPDATE target_group SET count_held = 0, held_since = NULL WHERE id = %s AND count_held > 0",
        [target.group_id],
    )
