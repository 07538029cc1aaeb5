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

# Each set is found by its index, and each row that belongs to one of it is looked up: LATERAL with OFFSET 0 stays a
# look-up, and an order that no one needs can only come from the index that is meant. So it is whatever PostgreSQL
# thinks of the tables (with the figures of a table that grew since its last ANALYZE it reads all members for each
# changed one). `jit`: what is switched off here costs so much on paper that it would be compiled.
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
    sets = _sets(now.id, token)
    most = now.members // WALK_SHARE + 1
    count = found.rows(_COUNT.format(changed=_changed_profiles(token.seen, most + 1), **sets))[0]
    if count["profiles"] <= most:
        members = _LOOKED_UP.format(changed=_changed_profiles(token.seen, most + 1), **sets)
    elif now.members * WALK_SHARE <= count["all_profiles"]:
        members = _WALKED.format(unseen=_unseen(token.seen), **sets)
    else:
        set_local(found, dict.fromkeys(BY_INDEX, "on") | {"jit": "off"})
        members = _JOINED.format(unseen=_unseen(token.seen), **sets)
    query = _CHANGES.format(
        changed_members=members,
        also=_also(also),
        columns=sql.SQL(", ").join(sql.SQL("p.{}").format(sql.Identifier(name)) for name in columns),
        nulls=sql.SQL(", ").join([sql.SQL("NULL")] * (len(columns) - 2)),
        **sets,
    )
    rows = min(count["profiles"], now.members) + count["came"] + count["went"] + count["departed"] + len(also)
    return Delta(query, rows)


def _sets(list_id: int, token: ChangeToken) -> dict[str, SQL]:
    """The sets of who came, who went and which customer ids are gone, and the list itself."""
    known: dict[str, SQL] = {
        "list_id": sql.Composed([sql.Literal(list_id)]),
        "version": sql.Composed([sql.Literal(token.version)]),
    }
    return {
        "list_id": known["list_id"],
        "came": _CAME.format(**known),
        "went": _WENT.format(**known),
        "departed": _by_xid(_DEPARTED.format(**known), token.seen),
    }


def _changed_profiles(seen: Seen, most: int) -> SQL:
    """The ids of constituents whose profile was written by a transaction not among the seen; at most so many."""
    return _by_xid(sql.SQL("SELECT constituent_id FROM profile WHERE"), seen, most)


def _by_xid(rows: SQL, seen: Seen, most: int | None = None) -> SQL:
    """The rows whose `changed_xid` is not among the seen, from two places of an index: later, and then running."""
    limit = sql.SQL("") if most is None else sql.SQL(" LIMIT {}").format(sql.Literal(most))
    later = sql.SQL("({} changed_xid >= {} ORDER BY changed_xid{})").format(rows, _xid(seen.end), limit)
    if not seen.running:
        return later
    was_running = sql.SQL("({} changed_xid = ANY({}){})").format(rows, _xids(seen.running), limit)
    return sql.SQL("{} UNION ALL {}").format(later, was_running)


def _unseen(seen: Seen) -> SQL:
    later = sql.SQL("p.changed_xid >= {}").format(_xid(seen.end))
    if not seen.running:
        return later
    return sql.SQL("({} OR p.changed_xid = ANY({}))").format(later, _xids(seen.running))


def _xid(xid: int) -> SQL:
    return sql.SQL("{}::xid8").format(sql.Literal(str(xid)))


def _xids(xids: Sequence[int]) -> SQL:
    return sql.SQL("{}::xid8[]").format(sql.Literal("{" + ",".join(map(str, xids)) + "}"))


def _also(also: Sequence[Key]) -> SQL:
    """A relation of (master, sub) of the customer ids asked for beside the changes."""
    if not also:
        return sql.SQL("(SELECT NULL::text AS master, NULL::text AS sub WHERE false) AS r")
    rows = [sql.SQL("({}, {})").format(sql.Literal(master), sql.Literal(sub)) for master, sub in also]
    return sql.SQL("(VALUES {}) AS r (master, sub)").format(sql.SQL(", ").join(rows))


# Versions of a list begin at 1, so `came > 1` takes nothing away: it names the partial index.
_CAME = sql.SQL(
    """(SELECT constituent_id FROM list_member
        WHERE list_id = {list_id} AND came > {version} AND came > 1 AND went IS NULL ORDER BY came)"""
)
_WENT = sql.SQL(
    """(SELECT constituent_id FROM list_member
        WHERE list_id = {list_id} AND went > {version} AND went IS NOT NULL AND came <= {version} ORDER BY went)"""
)
_DEPARTED = sql.SQL("SELECT master_customer_id, sub_customer_id FROM list_departure WHERE list_id = {list_id} AND")

# The members among the changed profiles: each of these looked up in the list, or each member's profile looked at.
_LOOKED_UP = sql.SQL(
    """SELECT k.constituent_id FROM ({changed}) AS k, LATERAL (
           SELECT FROM list_member m
           WHERE m.list_id = {list_id} AND m.constituent_id = k.constituent_id AND m.went IS NULL OFFSET 0) AS m"""
)
_WALKED = sql.SQL(
    """SELECT m.constituent_id FROM list_member m, LATERAL (
           SELECT p.changed_xid FROM profile p WHERE p.constituent_id = m.constituent_id OFFSET 0) AS p
       WHERE m.list_id = {list_id} AND m.went IS NULL AND {unseen}"""
)
_JOINED = sql.SQL(
    """SELECT m.constituent_id FROM list_member m JOIN profile p ON p.constituent_id = m.constituent_id
       WHERE m.list_id = {list_id} AND m.went IS NULL AND {unseen}"""
)
_COUNT = sql.SQL(
    """
    SELECT (SELECT count(*) FROM ({changed}) AS k) AS profiles,
           (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'profile'::regclass) AS all_profiles,
           (SELECT count(*) FROM {came} AS m) AS came,
           (SELECT count(*) FROM {went} AS m) AS went,
           (SELECT count(*) FROM ({departed}) AS d) AS departed
    """
)
# Whether someone is a member: (master, sub) of `r`, looked up through the profile.
_MEMBER = """
    SELECT p.constituent_id FROM profile p, LATERAL (
        SELECT FROM list_member m
        WHERE m.list_id = {list_id} AND m.constituent_id = p.constituent_id AND m.went IS NULL OFFSET 0
    ) AS m
    WHERE p.master_customer_id = r.master AND p.sub_customer_id = r.sub LIMIT 1
"""
_CHANGES = sql.SQL(
    f"""
    WITH present AS MATERIALIZED (
        {{changed_members}}
        UNION
        SELECT constituent_id FROM {{came}} AS m
        UNION
        SELECT p.constituent_id FROM {{also}}, LATERAL ({_MEMBER}) AS p
    ), removed AS MATERIALIZED (
        SELECT p.master, p.sub FROM {{went}} AS m, LATERAL (
            SELECT p.master_customer_id AS master, p.sub_customer_id AS sub
            FROM profile p WHERE p.constituent_id = m.constituent_id OFFSET 0) AS p
        UNION
        SELECT * FROM ({{departed}}) AS d
        UNION
        SELECT r.master, r.sub FROM {{also}}
    )
    SELECT {{columns}}, NULL::text AS removed FROM present, LATERAL (
        SELECT * FROM profile p WHERE p.constituent_id = present.constituent_id OFFSET 0) AS p
    UNION ALL
    SELECT r.master, r.sub, {{nulls}}, CASE WHEN EXISTS (
        SELECT FROM profile p WHERE p.master_customer_id = r.master AND p.sub_customer_id = r.sub
    ) THEN 'left' ELSE 'deleted' END
    FROM removed r WHERE ({_MEMBER}) IS NULL
    ORDER BY 1, 2
    """  # noqa: S608  # constants of this file
)
