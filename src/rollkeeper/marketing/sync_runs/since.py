"""From where a sync goes on: the change token of the group, and the rows that must come again (B2, B7)."""

from __future__ import annotations

from typing import Any

import psycopg

from rollkeeper.marketing.subscribers.store import Fenced
from rollkeeper.sync.connector import MOST_ALSO
from rollkeeper.sync.run import EVERYTHING, Since
from rollkeeper.sync.set_aside import UNASKABLE

_STATE = """
SELECT b.revision, g.change_token, coalesce(a.masters, '{}'), coalesce(a.subs, '{}'), coalesce(a.unaskable, false)
FROM target_group g
JOIN bridge b ON b.id = g.bridge_id
CROSS JOIN LATERAL (
    SELECT array_agg(master ORDER BY master, sub) AS masters, array_agg(sub ORDER BY master, sub) AS subs,
           bool_or(unaskable) AS unaskable
    FROM (
        SELECT master_customer_id COLLATE "C" AS master, sub_customer_id COLLATE "C" AS sub,
               bool_or(reason = ANY(%(unaskable)s)) AS unaskable
        FROM set_aside_row WHERE run_id = g.applied_run GROUP BY 1, 2 LIMIT %(most)s
    ) AS present
) AS a
WHERE g.id = %(group)s
"""


def since_last(connection: psycopg.Connection[Any], group_id: int) -> tuple[int, Since]:
    """The bridge's revision now, and the state of the list from which a sync of the group can go on.

    All of the list is pulled while nothing is known of it, or while rows are set aside that cannot be asked for:
    too many, or without an id that can be told. They are looked at again at every sync.
    """
    row = connection.execute(
        _STATE,
        {"group": group_id, "unaskable": [reason.value for reason in UNASKABLE], "most": MOST_ALSO + 1},
    ).fetchone()
    if row is None:
        raise Fenced("The target group was deleted while the sync ran.")
    revision, token, masters, subs, unaskable = row
    if not token or unaskable or len(masters) > MOST_ALSO:
        return revision, EVERYTHING
    return revision, Since(token, tuple(zip(masters, subs, strict=True)))
