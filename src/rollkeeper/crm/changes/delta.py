"""The changes of a list since a token: who is new, who changed, who is not there any more (B2).

What can have changed an exported row of a list since the token was given out:

- a profile was written by a transaction that the token has not seen (`profile.changed_xid`);
- a constituent came or went in a later version than the token's (`list_member.came`, `went`: versions of one list
  follow one another, whatever is open);
- a customer id is gone, in a transaction that the token has not seen (`list_departure`).

Whoever is in one of these sets and is a member now travels as a member; of the others, that they are removed. The
cost is that of these sets, each found by its index, or, where other lists' members changed so much that this
list is smaller, that of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from rollkeeper.crm.changes.present import PresentList
from rollkeeper.crm.changes.state import SQL
from rollkeeper.crm.changes.token import ChangeToken, Seen
from rollkeeper.postgres.arrow import Query, Snapshot, set_local
from rollkeeper.sync.connector import Key

# Among all profiles changed, those in the list are looked up one by one while they are fewer than its members by
# so much; beyond, the list's members are looked up instead.
WALK_SHARE = 4

# Every set is small and has its index. PostgreSQL's figures of a table that grew since its last ANALYZE would
# have it read whole tables, so it is not asked. (`jit`: what is switched off here costs so much on paper.)
BY_INDEX = dict.fromkeys(
    ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "enable_sort", "jit"), "off"
)


@dataclass(frozen=True, slots=True)
class Delta:
    """The query for the changes, in the columns of a member and a last one, `@removed`, ascending by customer id.

    `rows` is how many there can be at most, or thereabouts.
    """

    query: Query
    rows: int


def changes_since(
    found: Snapshot, now: PresentList, token: ChangeToken, also: Sequence[Key], columns: Sequence[str]
) -> Delta:
    """What changed in the list since the token, with the rows of `also` among it, changed or not."""
    set_local(found, BY_INDEX)
    most = now.members // WALK_SHARE + 1
    count = found.rows(_count(now.id, token, most))[0]
    if count["profiles"] <= most:
        changed = _changed_profiles(token.seen, count["profiles"] + 1)
        changed_members = _LOOKED_UP.format(changed=changed, list_id=sql.Literal(now.id))
    else:
        changed_members = _WALKED.format(list_id=sql.Literal(now.id), unseen=_unseen(token.seen, "p.changed_xid"))
        if now.members * WALK_SHARE > count["all_profiles"]:
            set_local(found, dict.fromkeys(BY_INDEX, "on") | {"jit": "off"})
    query = _CHANGES.format(
        list_id=sql.Literal(now.id),
        version=sql.Literal(token.version),
        changed_members=changed_members,
        also=_also(also),
        unseen=_unseen(token.seen, "d.changed_xid"),
        columns=sql.SQL(", ").join(sql.SQL("p.{}").format(sql.Identifier(name)) for name in columns),
        nulls=sql.SQL(", ").join([sql.SQL("NULL")] * (len(columns) - 2)),
    )
    rows = min(count["profiles"], now.members) + count["came"] + count["went"] + count["departed"] + len(also)
    return Delta(query, rows)


def _count(list_id: int, token: ChangeToken, most: int) -> SQL:
    return _COUNT.format(
        list_id=sql.Literal(list_id),
        version=sql.Literal(token.version),
        changed=_changed_profiles(token.seen, most + 1),
        unseen=_unseen(token.seen, "d.changed_xid"),
    )


def _changed_profiles(seen: Seen, most: int) -> SQL:
    """The ids of constituents whose profile a transaction has written that is not among the seen; at most so many.

    The order, which no one needs, can only come from the index on `changed_xid`.
    """
    limit = sql.Literal(most)
    later = sql.SQL(
        "(SELECT constituent_id FROM profile WHERE changed_xid >= {end} ORDER BY changed_xid LIMIT {limit})"
    ).format(end=_xid(seen.end), limit=limit)
    if not seen.running:
        return later
    was_running = sql.SQL(
        "(SELECT constituent_id FROM profile WHERE changed_xid = ANY({running}) LIMIT {limit})"
    ).format(running=_xids(seen.running), limit=limit)
    return sql.SQL("{} UNION ALL {}").format(later, was_running)


def _unseen(seen: Seen, column: str) -> SQL:
    later = sql.SQL("{} >= {}").format(sql.SQL(column), _xid(seen.end))
    if not seen.running:
        return later
    return sql.SQL("({} OR {} = ANY({}))").format(later, sql.SQL(column), _xids(seen.running))


def _xid(xid: int) -> SQL:
    return sql.SQL("{}::xid8").format(sql.Literal(str(xid)))


def _xids(xids: Sequence[int]) -> SQL:
    return sql.SQL("{}::xid8[]").format(sql.Literal("{" + ",".join(map(str, xids)) + "}"))


def _also(also: Sequence[Key]) -> SQL:
    """A relation of (master, sub) of the customer ids asked for beside the changes."""
    if not also:
        return sql.SQL("(SELECT NULL::text AS master, NULL::text AS sub WHERE false) AS a")
    rows = [sql.SQL("({}, {})").format(sql.Literal(master), sql.Literal(sub)) for master, sub in also]
    return sql.SQL("(VALUES {}) AS a (master, sub)").format(sql.SQL(", ").join(rows))


_LOOKED_UP = sql.SQL(
    """SELECT m.constituent_id FROM ({changed}) AS k
       JOIN list_member m ON m.list_id = {list_id} AND m.constituent_id = k.constituent_id AND m.went IS NULL"""
)
_WALKED = sql.SQL(
    """SELECT m.constituent_id FROM list_member m JOIN profile p ON p.constituent_id = m.constituent_id
       WHERE m.list_id = {list_id} AND m.went IS NULL AND {unseen}"""
)
# `came > 1` lets the planner take the partial index; a token's version is at least 1.
_CAME = "list_id = {list_id} AND came > {version} AND came > 1 AND went IS NULL"
_WENT = "m.list_id = {list_id} AND m.went > {version} AND m.went IS NOT NULL AND m.came <= {version}"
_COUNT = sql.SQL(
    f"""
    SELECT (SELECT count(*) FROM ({{changed}}) AS k) AS profiles,
           (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'profile'::regclass) AS all_profiles,
           (SELECT count(*) FROM list_member WHERE {_CAME}) AS came,
           (SELECT count(*) FROM list_member m WHERE {_WENT}) AS went,
           (SELECT count(*) FROM list_departure d WHERE d.list_id = {{list_id}} AND {{unseen}}) AS departed
    """  # noqa: S608  # constants of this file
)
# The sub-select with its LIMIT is looked up for each removed id and never turned into a join.
_CHANGES = sql.SQL(
    f"""
    WITH present AS MATERIALIZED (
        {{changed_members}}
        UNION
        SELECT constituent_id FROM list_member WHERE {_CAME}
        UNION
        SELECT m.constituent_id FROM {{also}}
        JOIN profile p ON p.master_customer_id = a.master AND p.sub_customer_id = a.sub
        JOIN list_member m ON m.list_id = {{list_id}} AND m.constituent_id = p.constituent_id AND m.went IS NULL
    ), removed AS MATERIALIZED (
        SELECT p.master_customer_id AS master, p.sub_customer_id AS sub
        FROM list_member m JOIN profile p ON p.constituent_id = m.constituent_id WHERE {_WENT}
        UNION
        SELECT d.master_customer_id, d.sub_customer_id FROM list_departure d
        WHERE d.list_id = {{list_id}} AND {{unseen}}
        UNION
        SELECT a.master, a.sub FROM {{also}}
    )
    SELECT {{columns}}, NULL::text AS removed FROM present JOIN profile p USING (constituent_id)
    UNION ALL
    SELECT r.master, r.sub, {{nulls}}, CASE WHEN EXISTS (
        SELECT FROM profile p WHERE p.master_customer_id = r.master AND p.sub_customer_id = r.sub
    ) THEN 'left' ELSE 'deleted' END
    FROM removed r WHERE (
        SELECT true FROM profile p JOIN list_member m ON m.constituent_id = p.constituent_id
        WHERE p.master_customer_id = r.master AND p.sub_customer_id = r.sub
        AND m.list_id = {{list_id}} AND m.went IS NULL LIMIT 1
    ) IS NULL
    ORDER BY 1, 2
    """  # noqa: S608  # constants of this file
)
