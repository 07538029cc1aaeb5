"""A target group's rows summed over ranges of customer ids: our side of narrowing a difference (B1).

What a pull brought is not stored yet, and removals that the guard holds are stored still. Both are laid over the
stored rows, so that what is left to differ is what nothing accounts for:

    sum over a range  =  stored rows  -  those that are laid over  +  the rows that came
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from rollkeeper.marketing.target_groups.fingerprints import LIMBS, sum_of_limbs
from rollkeeper.postgres import copy
from rollkeeper.sync.connector import Key, RangeSum
from rollkeeper.sync.member import FINGERPRINT_MODULUS, REMOVED_COLUMN
from rollkeeper.sync.merge import STORED_SCHEMA
from rollkeeper.sync.narrow import WHOLE, KeyRange

KEYS = ("master_customer_id", "sub_customer_id")
CAME_SCHEMA = pa.schema([*((name, pa.string()) for name in KEYS), ("hash_hi", pa.int64()), ("hash_lo", pa.int64())])

_STORED = "group_member WHERE group_id = %(group)s"
_LAID_OVER = "laid_over WHERE true"
_CAME = "came WHERE hash_hi IS NOT NULL"

_FROM = '(master_customer_id, sub_customer_id) >= (r.master COLLATE "C", r.sub COLLATE "C")'
_BEFORE = '(master_customer_id, sub_customer_id) < (r.end_master COLLATE "C", r.end_sub COLLATE "C")'


class GroupRanges:
    """`sync.narrow.StoredRanges` of one group, as the connection's transaction sees it.

    The transaction must be REPEATABLE READ, so that all sums are of one snapshot, and may write: what came is
    laid over in temporary tables that end with it.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], group_id: int, came: Iterable[pa.RecordBatch] = ()
    ) -> None:
        """`came`: rows of a pull, in `member_schema` or `delta_schema`."""
        self._connection = connection
        self._group_id = group_id
        self._lay_over(came)

    def _lay_over(self, batches: Iterable[pa.RecordBatch]) -> None:
        columns = (
            'master_customer_id text COLLATE "C", sub_customer_id text COLLATE "C", hash_hi bigint, hash_lo bigint'
        )
        self._connection.execute(f"CREATE TEMP TABLE came ({columns}) ON COMMIT DROP")
        copy.write(self._connection, "came", CAME_SCHEMA.names, map(_keys_and_hashes, batches))
        self._connection.execute(
            "CREATE TEMP TABLE laid_over ON COMMIT DROP AS SELECT m.master_customer_id, m.sub_customer_id, "
            "m.hash_hi, m.hash_lo FROM group_member m JOIN ("
            "SELECT master_customer_id, sub_customer_id FROM came UNION "
            "SELECT master_customer_id, sub_customer_id FROM held_removal WHERE group_id = %(group)s"
            ") AS o USING (master_customer_id, sub_customer_id) WHERE m.group_id = %(group)s",
            {"group": self._group_id},
        )
        for table in ("came", "laid_over"):
            self._connection.execute(
                sql.SQL("CREATE INDEX ON {0} (master_customer_id, sub_customer_id); ANALYZE {0}").format(
                    sql.Identifier(table)
                )
            )

    def stored(self) -> RangeSum:
        """The sum over all stored rows, nothing laid over: what the kept count and fingerprint should be."""
        return self._sums(_STORED, [WHOLE])[0]

    def sums(self, ranges: Sequence[KeyRange]) -> list[RangeSum]:
        """The sum over each range, what came laid over."""
        return [
            RangeSum(
                stored.members - over.members + came.members,
                (stored.fingerprint - over.fingerprint + came.fingerprint) % FINGERPRINT_MODULUS,
            )
            for stored, over, came in zip(
                *(self._sums(rows, ranges) for rows in (_STORED, _LAID_OVER, _CAME)), strict=True
            )
        ]

    def expected(self, within: KeyRange) -> Iterator[pa.RecordBatch]:
        """The rows of a range with what came laid over, in `STORED_SCHEMA` and key order; no subscriber ids."""
        bounds, values = _bounds(within)
        columns = "master_customer_id, sub_customer_id, NULL::bigint AS subscriber_id, hash_hi, hash_lo"
        query = (
            f"SELECT {columns} FROM {_STORED} AND NOT EXISTS (SELECT FROM laid_over o WHERE "  # noqa: S608
            "(o.master_customer_id, o.sub_customer_id) = "
            f"(group_member.master_customer_id, group_member.sub_customer_id)){bounds} "
            f"UNION ALL SELECT {columns} FROM {_CAME}{bounds} ORDER BY 1, 2"
        )
        # COPY takes no parameters, so the values are put into the text with psycopg's quoting.
        text = psycopg.ClientCursor(self._connection).mogrify(query, {"group": self._group_id, **values})
        return copy.read(self._connection, sql.SQL(text), STORED_SCHEMA)

    def cuts(self, within: KeyRange, parts: int) -> list[Key]:
        """Keys that divide the stored rows of a range into about equal parts, by one walk along the index."""
        bounds, values = _bounds(within)
        rows = _STORED + bounds
        found = self._connection.execute(
            f"SELECT master_customer_id, sub_customer_id FROM ("  # noqa: S608
            f"SELECT master_customer_id, sub_customer_id, "
            f"row_number() OVER (ORDER BY master_customer_id, sub_customer_id) - 1 AS place FROM {rows}"
            f") AS placed WHERE place > 0 AND place %% "
            f"(SELECT greatest(1, (count(*) + %(parts)s - 1) / %(parts)s) FROM {rows}) = 0 "
            f"ORDER BY place",
            {**values, "group": self._group_id, "parts": parts},
        ).fetchall()
        return [(master, sub) for master, sub in found]

    def _sums(self, rows: str, ranges: Sequence[KeyRange]) -> list[RangeSum]:
        """The sums over ranges of a relation. Each is a walk along a part of its index.

        A range without an end is asked for by itself: a condition that may not hold would keep the others from
        the index.
        """
        found: dict[int, RangeSum] = {}
        for is_bounded in (True, False):
            wanted = [(place, each) for place, each in enumerate(ranges) if (each.end is not None) is is_bounded]
            if not wanted:
                continue
            before = f"AND {_BEFORE}" if is_bounded else ""
            sums = self._connection.execute(
                "SELECT r.place, s.* FROM unnest(%(places)s::int[], %(masters)s::text[], %(subs)s::text[], "  # noqa: S608
                "%(end_masters)s::text[], %(end_subs)s::text[]) AS r (place, master, sub, end_master, end_sub) "
                f"CROSS JOIN LATERAL (SELECT count(*), {LIMBS.format(row='m')} FROM "
                f"(SELECT hash_hi, hash_lo FROM {rows} AND {_FROM} {before}) AS m) AS s",
                {
                    "group": self._group_id,
                    "places": [place for place, _ in wanted],
                    "masters": [(each.first or ("", ""))[0] for _, each in wanted],
                    "subs": [(each.first or ("", ""))[1] for _, each in wanted],
                    "end_masters": [(each.end or ("", ""))[0] for _, each in wanted],
                    "end_subs": [(each.end or ("", ""))[1] for _, each in wanted],
                },
            ).fetchall()
            for place, members, *limbs in sums:
                found[place] = RangeSum(members, sum_of_limbs(tuple(limbs)) % FINGERPRINT_MODULUS)
        return [found[place] for place in range(len(ranges))]


def _bounds(within: KeyRange) -> tuple[str, dict[str, str]]:
    """The condition that a row is in the range, to follow another, and its values."""
    condition = ""
    values: dict[str, str] = {}
    for bound, operator, name in ((within.first, ">=", "first"), (within.end, "<", "end")):
        if bound is not None:
            condition += (
                f" AND (master_customer_id, sub_customer_id) {operator} (%({name})s::text, %({name}_sub)s::text)"
            )
            values |= {name: bound[0], f"{name}_sub": bound[1]}
    return condition, values


def _keys_and_hashes(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A pull's rows as `came` has them: those that can be keyed, without a hash where there is none any more."""
    usable = [pc.invert(pc.match_substring(batch.column(name), "\x00")) for name in KEYS]  # null: no id
    keyed = pc.fill_null(pc.and_(*usable), False)
    columns = [batch.column(name) for name in KEYS]
    hashes = [batch.column(name) for name in CAME_SCHEMA.names[len(KEYS) :]]
    if REMOVED_COLUMN in batch.schema.names:
        gone = pc.is_valid(batch.column(REMOVED_COLUMN))
        hashes = [pc.if_else(gone, None, column) for column in hashes]
    return pa.RecordBatch.from_arrays([*columns, *hashes], schema=CAME_SCHEMA).filter(keyed)
