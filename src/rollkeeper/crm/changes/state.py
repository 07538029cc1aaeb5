"""The facts kept of each list: how many members it has, their fingerprint, and what changed it last (B1, B2).

A list's exported rows are the profiles of its present members. Two things change them: a refresh of the profiles
(`personalization/profile.py`) and a regeneration (`lists/regenerate.py`). Each moves `list_state` in the
transaction that changes the rows, by what it changed and no more, so that in every snapshot of the database

    list_state  =  count and sum of hashes over (profile ⋈ present members, and members in `list_lost`)

**Locking.** A refresh holds `REFRESH_LOCK` alone, from its beginning to its commit. A regeneration writes its
members without it, then takes it shared, adds up the hashes of those who came and went, and commits. So neither
adds up rows that the other is changing; regenerations of different lists run side by side (S13), and a refresh
waits only for that last step. A deletion of constituents takes none of it: its triggers note who is lost in
`list_lost`, and the next refresh settles that.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from rollkeeper.sync.member import FINGERPRINT_MODULUS, fingerprint_text

SQL = sql.SQL | sql.Composed

REFRESH_LOCK = 7_362_001  # advisory; also written in migration lists/0006


@dataclass(frozen=True, slots=True)
class ListState:
    """The facts kept of a list: its members that have a profile, and the sum of their hashes modulo 2^128."""

    members: int
    fingerprint: int

    @property
    def fingerprint_text(self) -> str:
        return fingerprint_text(self.fingerprint)


def hash_total(high: str, low: str, only: str = "true") -> SQL:
    """The sum of hashes over the rows for which `only` holds, as a numeric that is right modulo 2^128.

    Of the signed halves: 2^64 too little in a high half is 2^128 too little in the sum; in a low half it is
    added again. Sums of bigint are fast; sums of numeric are not.
    """
    return sql.SQL(
        "(coalesce(sum({high}) FILTER (WHERE {only}), 0) + count(*) FILTER (WHERE {low} < 0 AND {only})) * {limb} "
        "+ coalesce(sum({low}) FILTER (WHERE {only}), 0)"
    ).format(high=sql.SQL(high), low=sql.SQL(low), only=sql.SQL(only), limb=sql.Literal(1 << 64))


def move_state(moved: SQL) -> SQL:
    """The UPDATE that moves the facts of lists by the rows of `moved`, a query or CTE of the columns
    (list_id, members: +1, 0 or -1, new_hi, new_lo, old_hi, old_lo); null halves are no hash.
    """
    return _move(
        sql.SQL(
            "(SELECT list_id, sum(members) AS members, {new} - ({old}) AS total FROM {moved} GROUP BY list_id)"
        ).format(new=hash_total("new_hi", "new_lo"), old=hash_total("old_hi", "old_lo"), moved=moved)
    )


def lock_alone(cursor: CursorWrapper) -> None:
    """For a refresh: until this transaction ends, no one else moves the facts of any list."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [REFRESH_LOCK])


def settle_regeneration(cursor: CursorWrapper, list_id: int, *, first: bool) -> None:
    """Move a list's facts by the temporary table `change`: `leaver` went, `constituent_id` came. See above."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [REFRESH_LOCK])
    if first:
        cursor.execute(BEGIN_STATE, [list_id])
    cursor.execute("SELECT EXISTS (SELECT FROM change)")
    if not cursor.fetchone()[0]:
        return
    cursor.execute(_SETTLE, {"list_id": list_id})
    if not cursor.rowcount:
        _compute(cursor, list_id)


def rebuild_state(list_id: int) -> bool:
    """Compute a built list's facts anew from the rows; whether they differ from what was kept, or none was.

    For repair, and for a list that has none yet. Waits for a refresh and for regenerations about to commit.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        lock_alone(cursor)
        return _compute(cursor, list_id)


def rebuild_every_state(cursor: CursorWrapper) -> None:
    """The same for all lists that have facts. Under the lock of a refresh, after the first build of profiles."""
    cursor.execute(_REBUILD_ALL)


def kept_and_computed(list_id: int) -> tuple[ListState | None, ListState]:
    """A list's facts as they are kept (None: there are none) and as the rows give them, at one instant."""
    with connection.cursor() as cursor:
        cursor.execute(_KEPT_AND_COMPUTED, {"list_id": list_id})
        kept_members, kept_fingerprint, members, fingerprint = cursor.fetchone()
    kept = None if kept_members is None else ListState(kept_members, int(kept_fingerprint))
    return kept, ListState(members, int(fingerprint))


def _compute(cursor: CursorWrapper, list_id: int) -> bool:
    cursor.execute(_COMPUTE, {"list_id": list_id})
    return bool(cursor.rowcount)


def _modulo(expression: SQL) -> SQL:
    """PostgreSQL's `mod` has the sign of the dividend."""
    return sql.SQL("mod(mod({value}, {modulus}) + {modulus}, {modulus})").format(
        value=expression, modulus=sql.Literal(FINGERPRINT_MODULUS)
    )


def _move(moves: SQL) -> SQL:
    return sql.SQL(
        "UPDATE list_state s SET members = s.members + d.members, fingerprint = {sum}, "
        "changed_xid = pg_current_xact_id() FROM {moves} AS d WHERE s.list_id = d.list_id"
    ).format(sum=_modulo(sql.SQL("s.fingerprint + d.total")), moves=moves)


BEGIN_STATE = "INSERT INTO list_state VALUES (%s, 0, 0, pg_current_xact_id()) ON CONFLICT (list_id) DO NOTHING"
_SETTLE = _move(
    sql.SQL(
        """(
            SELECT %(list_id)s::bigint AS list_id,
                   count(*) FILTER (WHERE came) - count(*) FILTER (WHERE NOT came) AS members,
                   {came} - ({went}) AS total
            FROM (SELECT leaver AS id, false AS came FROM change WHERE leaver IS NOT NULL
                  UNION ALL SELECT constituent_id, true FROM change WHERE constituent_id IS NOT NULL) AS c
            JOIN profile p ON p.constituent_id = c.id
        )"""
    ).format(
        came=hash_total("p.hash_hi", "p.hash_lo", "came"), went=hash_total("p.hash_hi", "p.hash_lo", "NOT came")
    )
)
# Everyone whom the facts count: present members, and those deleted whom no refresh has settled yet.
_COUNTED = sql.SQL(
    "(SELECT list_id, constituent_id FROM list_member WHERE went IS NULL {only} "
    "UNION ALL SELECT list_id, constituent_id FROM list_lost WHERE was_member {only}) AS m"
)
_TOTAL = _modulo(hash_total("p.hash_hi", "p.hash_lo"))
_COMPUTE = sql.SQL(
    """
    INSERT INTO list_state AS s (list_id, members, fingerprint, changed_xid)
    SELECT %(list_id)s, count(*), {total}, pg_current_xact_id() FROM {counted} JOIN profile p USING (constituent_id)
    ON CONFLICT (list_id) DO UPDATE
    SET members = excluded.members, fingerprint = excluded.fingerprint, changed_xid = excluded.changed_xid
    WHERE (s.members, s.fingerprint) <> (excluded.members, excluded.fingerprint)
    """
).format(total=_TOTAL, counted=_COUNTED.format(only=sql.SQL("AND list_id = %(list_id)s")))
_KEPT_AND_COMPUTED = sql.SQL(
    """
    SELECT s.members, s.fingerprint, d.members, d.fingerprint
    FROM (
        SELECT count(*) AS members, {total} AS fingerprint FROM {counted} JOIN profile p USING (constituent_id)
    ) AS d
    LEFT JOIN list_state s ON s.list_id = %(list_id)s
    """
).format(total=_TOTAL, counted=_COUNTED.format(only=sql.SQL("AND list_id = %(list_id)s")))
_REBUILD_ALL = sql.SQL(
    """
    UPDATE list_state s
    SET members = d.members, fingerprint = d.fingerprint, changed_xid = pg_current_xact_id()
    FROM (
        SELECT m.list_id, count(*) AS members, {total} AS fingerprint
        FROM {counted} JOIN profile p USING (constituent_id) GROUP BY m.list_id
    ) AS d
    WHERE s.list_id = d.list_id
    """
).format(total=_TOTAL, counted=_COUNTED.format(only=sql.SQL("")))
