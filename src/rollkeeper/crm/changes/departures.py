"""Tombstones: customer ids that lists had and that no constituent has any more, for a while.

A refresh writes them as it removes profiles (`settle_departures`); each names the transaction in which it did.
They are purged by age; a token that has not seen one that was purged is of no use any more, and leads to a full
pull (`token.py`).
"""

from __future__ import annotations

from django.db.backends.utils import CursorWrapper
from psycopg import sql

from rollkeeper.configuration import configuration
from rollkeeper.crm.changes.state import SQL, move_state

# The stays of the constituents `b`, looked up one by one: figures of `list_member` that are not those of the table
# any more would have PostgreSQL read all of it for a few. Where nearly everyone is meant it may choose.
STAYS_LOOKED_UP = sql.SQL(
    "LATERAL (SELECT * FROM list_member m WHERE m.constituent_id = b.constituent_id OFFSET 0) m"
)


def settle_departures(cursor: CursorWrapper, claimed: SQL, *, many: bool) -> int:
    """Remove the profiles whose constituent is gone, or has another customer id now; how many there were.

    Takes them, and members whose row was deleted (`list_lost`), out of the facts of their lists and leaves
    tombstones. `claimed` is a condition over `profile p` that narrows it to dirty profiles; `many`: nearly all are.

    One statement, so one snapshot: a constituent is gone from all these tables at once, or from none.
    """
    stays = sql.SQL("list_member m") if many else STAYS_LOOKED_UP
    cursor.execute(_SETTLE.format(claimed=claimed, stays=stays, move=move_state(_MOVED)))
    return int(cursor.fetchone()[0])


def purge_departures(cursor: CursorWrapper) -> int:
    """Remove the tombstones that are older than the retention (`ROLLKEEPER_CHANGES_KEPT_DAYS`)."""
    cursor.execute(_PURGE, [configuration().changes_kept_days])
    return int(cursor.fetchone()[0])


_MOVED = sql.SQL(
    """(
        SELECT list_id, CASE WHEN counted THEN -1 ELSE 0 END AS members,
               NULL::bigint AS new_hi, NULL::bigint AS new_lo,
               CASE WHEN counted THEN hash_hi END AS old_hi, CASE WHEN counted THEN hash_lo END AS old_lo
        FROM settled
    ) AS m"""
)
_SETTLE = sql.SQL(
    """
    WITH gone AS (
        DELETE FROM profile p WHERE NOT EXISTS (
            SELECT FROM constituent c WHERE c.id = p.constituent_id
            AND c.master_customer_id = p.master_customer_id AND c.sub_customer_id = p.sub_customer_id
        ) AND {claimed}
        RETURNING p.constituent_id, p.master_customer_id, p.sub_customer_id, p.hash_hi, p.hash_lo
    ), lost AS (
        DELETE FROM list_lost RETURNING list_id, constituent_id, was_member
    ), settled AS (
        -- of one who was never a profile, no one knows: the join leaves him out
        SELECT l.list_id, l.was_member AS counted, p.master_customer_id, p.sub_customer_id, p.hash_hi, p.hash_lo
        FROM lost l JOIN profile p ON p.constituent_id = l.constituent_id
        UNION ALL
        -- a changed customer id: present members are counted, those who left may still be on the other side
        SELECT m.list_id, m.went IS NULL, b.master_customer_id, b.sub_customer_id, b.hash_hi, b.hash_lo
        FROM gone b, {stays} WHERE m.constituent_id = b.constituent_id
    ), noted AS (
        INSERT INTO list_departure (list_id, master_customer_id, sub_customer_id, changed_xid, settled_at)
        SELECT DISTINCT list_id, master_customer_id, sub_customer_id, pg_current_xact_id(), now() FROM settled
    ), moved AS (
        {move}
    )
    SELECT count(*) FROM gone
    """
)
_PURGE = """
WITH purged AS (
    DELETE FROM list_departure WHERE settled_at < now() - make_interval(days => %s) RETURNING changed_xid
), before AS (
    DELETE FROM list_departure_purge WHERE EXISTS (SELECT FROM purged) RETURNING purged_xid
), noted AS (
    INSERT INTO list_departure_purge
    SELECT max(xid) FROM (SELECT changed_xid AS xid FROM purged UNION ALL SELECT purged_xid FROM before) AS x
    HAVING EXISTS (SELECT FROM purged)
)
SELECT count(*) FROM purged
"""
