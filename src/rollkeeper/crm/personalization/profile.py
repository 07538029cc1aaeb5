"""The profile: each constituent's row as it is exported, with its hash, kept up to date by rebuilding dirt.

`refresh_profiles` is called before anything reads `profile`. Database triggers mark what became dirty
(migration 0002). The refresh claims dirt by deleting it in the transaction that rebuilds, so dirt that a
transaction still open will bring is found by the next refresh, and a crash loses none.

A row is written only if its hash changed: `changed_xid` moves only when what is exported did. With the rows move
the facts kept of the lists they are in (`crm/changes`), in the same statement: they agree in every snapshot.
"""

from __future__ import annotations

from datetime import date

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone
from psycopg import sql

from rollkeeper.crm.changes.departures import STAYS_LOOKED_UP, purge_departures, settle_departures
from rollkeeper.crm.changes.state import lock_alone, move_state, rebuild_every_state
from rollkeeper.crm.personalization.fields import view_fields
from rollkeeper.crm.personalization.models import SLOTS, PersonalizationField
from rollkeeper.crm.personalization.profile_rows import FIXED, built_rows
from rollkeeper.crm.personalization.sources import SQL

EVERYONE = 0  # in place of a constituent's id: all profiles are dirty
ANALYZE_FROM = 10_000  # rows written at once after which the planner's statistics are of no use


def refresh_profiles(today: date | None = None) -> int:
    """Rebuild the dirty profiles; how many were written or removed. One look at one table when there are none.

    `today` (default: today in the organisation's time zone) says which membership term is the current one.
    One refresh at a time: it waits for one that is at work, and the next one finds what the first left. To be
    called in READ COMMITTED, PostgreSQL's default.
    """
    today = today or timezone.localdate()
    with transaction.atomic(), connection.cursor() as cursor:
        if not _anything_to_do(cursor, today):
            return 0
        lock_alone(cursor)
        _begin_day(cursor, today)
        everyone = _claim_dirt(cursor)
        claimed = "true" if everyone else "p.constituent_id IN (SELECT constituent_id FROM profile_claim)"
        gone = settle_departures(cursor, sql.SQL(claimed), many=everyone)
        return gone + _write_changed(cursor, view_fields(), today, everyone)


def mark_everyone_dirty() -> None:
    """Have the next refresh rebuild every profile (after a load with the triggers off)."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO profile_dirt VALUES (%s)", [EVERYONE])


def mark_members_dirty(list_id: int) -> None:
    """Have the next refresh rebuild the profiles of a list's members."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO profile_dirt SELECT constituent_id FROM list_member WHERE list_id = %s AND went IS NULL",
            [list_id],
        )


def _anything_to_do(cursor: CursorWrapper, today: date) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM profile_dirt) OR NOT EXISTS (SELECT FROM profile_day WHERE built_on = %s)",
        [today],
    )
    return bool(cursor.fetchone()[0])


def _begin_day(cursor: CursorWrapper, today: date) -> None:
    """On a new day: a term that has begun since the last refresh changes its profile without any write.

    Once a day is also often enough to purge old tombstones.
    """
    cursor.execute("SELECT built_on FROM profile_day")
    found = cursor.fetchone()
    if found is not None and found[0] == today:
        return
    if found is not None:
        cursor.execute(
            "INSERT INTO profile_dirt "
            "SELECT constituent_id FROM membership WHERE begins_on > %s AND begins_on <= %s",
            [min(found[0], today), max(found[0], today)],
        )
    purge_departures(cursor)
    cursor.execute("DELETE FROM profile_day")
    cursor.execute("INSERT INTO profile_day VALUES (%s)", [today])


def _claim_dirt(cursor: CursorWrapper) -> bool:
    """Move the dirt that is visible now into `profile_claim`; whether everyone is dirty."""
    cursor.execute(
        "CREATE TEMPORARY TABLE IF NOT EXISTS profile_claim (constituent_id bigint PRIMARY KEY) "
        "ON COMMIT DELETE ROWS"
    )
    cursor.execute("TRUNCATE profile_claim")  # an earlier refresh in the same transaction
    cursor.execute(
        """
        WITH dirt AS (DELETE FROM profile_dirt RETURNING constituent_id)
        INSERT INTO profile_claim SELECT DISTINCT constituent_id FROM dirt
        """
    )
    cursor.execute("ANALYZE profile_claim")
    cursor.execute("SELECT EXISTS (SELECT FROM profile_claim WHERE constituent_id = %s)", [EVERYONE])
    return bool(cursor.fetchone()[0])


def _write_changed(cursor: CursorWrapper, fields: list[PersonalizationField], today: date, everyone: bool) -> int:
    cursor.execute("SELECT NOT EXISTS (SELECT FROM profile)")
    first_build = bool(cursor.fetchone()[0])
    built = built_rows(fields, today, everyone)
    slots = [f"f{field.slot}" for field in fields]
    if first_build:
        cursor.execute(_insert(slots, sql.SQL("({}) AS new").format(built)))
        written = int(cursor.rowcount)
        rebuild_every_state(cursor)  # members that were there before any profile
    else:
        cursor.execute(_write_differences(built, slots, everyone))
        written = int(cursor.fetchone()[0])
    if written >= ANALYZE_FROM:
        cursor.execute("ANALYZE profile")
    return written


def _insert(slots: list[str], new: SQL) -> SQL:
    columns = _names(["constituent_id", *FIXED, *slots, "hash_hi", "hash_lo"])
    return sql.SQL(
        "INSERT INTO profile ({columns}, changed_xid) SELECT {columns}, pg_current_xact_id() FROM {new}"
    ).format(columns=columns, new=new)


def _write_differences(built: SQL, slots: list[str], everyone: bool) -> SQL:
    """One statement that compares the built rows with those there, updates what differs, inserts what is new, and
    moves the facts of their lists.

    Where the view may have changed, a value can have moved to another slot under the same hash, and slots
    that no field has any more are emptied.
    """
    moved = [sql.SQL("p.{0} IS DISTINCT FROM b.{0}").format(sql.Identifier(slot)) for slot in slots]
    differs = [sql.SQL("(b.hash_hi, b.hash_lo) <> (p.hash_hi, p.hash_lo)"), *(moved if everyone else [])]
    kept = ["master_customer_id", "sub_customer_id"]  # a row with another id was removed and is new
    values = [name for name in (*FIXED, *slots, "hash_hi", "hash_lo") if name not in kept]
    emptied = [f"f{slot}" for slot in range(1, SLOTS + 1) if f"f{slot}" not in slots] if everyone else []
    assignments = [sql.SQL("{0} = b.{0}").format(sql.Identifier(name)) for name in values]
    assignments += [sql.SQL("{} = NULL").format(sql.Identifier(name)) for name in emptied]
    return sql.SQL(
        """
        WITH changed AS MATERIALIZED (
            SELECT b.*, p.constituent_id IS NOT NULL AS known, p.hash_hi AS old_hi, p.hash_lo AS old_lo
            FROM ({built}) AS b LEFT JOIN profile p ON p.constituent_id = b.constituent_id
            WHERE p.constituent_id IS NULL OR {differs}
        ), updated AS (
            UPDATE profile p SET {assignments}, changed_xid = pg_current_xact_id()
            FROM changed b WHERE b.known AND p.constituent_id = b.constituent_id
        ), inserted AS (
            {insert}
        ), moved AS (
            {move}
        )
        SELECT count(*) FROM changed
        """
    ).format(
        move=move_state(_MOVED.format(stays=sql.SQL("list_member m") if everyone else STAYS_LOOKED_UP)),
        built=built,
        differs=sql.SQL(" OR ").join(differs),
        assignments=sql.SQL(", ").join(assignments),
        insert=_insert(slots, sql.SQL("changed WHERE NOT known")),
    )


# Of each list that a changed row is in: its old hash goes, its new one comes; a new row is one member more.
_MOVED = sql.SQL(
    """(
        SELECT m.list_id, CASE WHEN b.known THEN 0 ELSE 1 END AS members,
               b.hash_hi AS new_hi, b.hash_lo AS new_lo, b.old_hi, b.old_lo
        FROM changed b, {stays} WHERE m.constituent_id = b.constituent_id AND m.went IS NULL
    ) AS m"""
)


def _names(names: list[str]) -> SQL:
    return sql.SQL(", ").join(map(sql.Identifier, names))
