"""Where the changes that a CRM sent do not lead to the list that it says it has: find the rows, and why (B1).

NotProved ─► sums over ranges, both sides ─► the rows that differ ─► planned with the changes, in the same run
                                         └─► none: what the CRM keeps of its list is wrong; that is noted
Where much differs, or the CRM tells no ranges, all of the list is pulled instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa

from rollkeeper.marketing.subscribers import store
from rollkeeper.marketing.target_groups import fingerprints, funnel
from rollkeeper.marketing.target_groups.ranges import GroupRanges
from rollkeeper.sync.connector import Mode, RangeSum, TellsRanges
from rollkeeper.sync.defect import NO_DEFECT, NO_EXCESS, Defect, Excess, excess_of
from rollkeeper.sync.member import FINGERPRINT_MODULUS, fingerprint_text
from rollkeeper.sync.narrow import FEW_ROWS, narrow
from rollkeeper.sync.plan import Kept, Plan, Verdict
from rollkeeper.sync.proof import changes_of, unannounced
from rollkeeper.sync.repair import FieldsMoved, differing_rows, with_differing
from rollkeeper.sync.run import Download, Progress

ALL_PULLED = "All of the list was pulled."


class NotProved(Exception):
    """By the changes that the CRM sent, its list would not be what it says it is: nothing of them is applied.

    The message says what differs; `changes` names what was to be written.
    """

    def __init__(self, made: Plan) -> None:
        super().__init__(made.defect())
        self.changes = changes_of(made)


@dataclass(frozen=True, slots=True)
class Found:
    """What a run found wrong before the pull that it applies.

    `words` are for what no count says. `told` names the changes that the CRM had sent before all was pulled; None
    where nothing can be compared with them.
    """

    defect: Defect = NO_DEFECT
    words: str = ""
    told: pa.ChunkedArray | None = None


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The pull to apply instead: the changes with the rows that differ. None: all of the list must be pulled."""

    source: Download | None
    found: Found


def narrowed(
    connection: psycopg.Connection[Any],
    crm: TellsRanges,
    group: tuple[int, str],
    source: Download,
    mismatch: NotProved,
    folder: Path,
    progress: Progress,
) -> Narrowed:
    """Find the rows of a group (id, code) that nothing accounts for. Writes nothing. Raises a `ConnectorError`."""
    group_id, code = group
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        ranges = GroupRanges(connection, group_id, source.rows.batches())
        ours_moved = moved(store.kept(connection, group_id), ranges.stored())
        search = narrow(code, crm, ranges)
        all_of_it = Narrowed(None, Found(words=ALL_PULLED, told=mismatch.changes))
        if search.is_whole and search.source_sum.members > FEW_ROWS:
            return all_of_it
        try:
            rows = differing_rows(crm, code, source.fields, search.ranges, ranges.expected, folder, progress)
        except FieldsMoved:
            return all_of_it
    try:
        excess = NO_EXCESS
        if search.source_contradicts_itself:
            kept = RangeSum(search.source.list_members, int(search.source.list_fingerprint, 16))
            excess = Excess.between(kept, search.source_sum)
        defect = Defect(rows.missing, rows.surplus, rows.other, ours_moved=ours_moved, excess=excess)
        return Narrowed(with_differing(source, rows, folder), Found(defect))
    finally:
        rows.close()


def moved(kept: Kept, rows: Kept | RangeSum) -> bool:
    """Whether rows do not add up to what is kept of them."""
    return bool(Excess.between(kept, rows))


def known_excess(connection: psycopg.Connection[Any], group_id: int) -> Excess:
    """By how much the CRM is known to contradict itself about the group's list."""
    row = connection.execute("SELECT crm_excess FROM target_group WHERE id = %s", [group_id]).fetchone()
    return Excess.read(row[0]) if row else NO_EXCESS


def is_proved(made: Plan, *allowed: Excess) -> bool:
    """Whether the plan leads to the list that the CRM says it has, but for what is known that it says wrongly.

    A full pull is its own proof: what the CRM says against its own rows is noted.
    """
    return made.mode is Mode.FULL or excess_of(made) in (NO_EXCESS, *allowed)


def correct_kept(connection: psycopg.Connection[Any], group_id: int) -> None:
    """Make what is kept of the group what its rows add up to. For a caller that holds the bridge's lock."""
    connection.execute(
        "UPDATE target_group SET fingerprint = %s WHERE id = %s",
        [fingerprints.recomputed(connection, group_id), group_id],
    )
    funnel.store_recount(connection, group_id)


def concluded(made: Plan, verdict: Verdict, found: Found, before: Before) -> Defect:
    """The defect that the run ends with, from what was found before and what the plan itself shows."""
    excess = excess_of(made)
    defect = replace(
        found.defect,
        ours_moved=found.defect.ours_moved or before.moved,
        excess=excess,
        is_known=bool(excess) and excess == before.excess,
        removals_held=bool(verdict.held),
    )
    if found.told is not None:
        return replace(defect, unsorted=unannounced(changes_of(made), found.told))
    if before.moved and before.crm_fingerprint == made.crm_fingerprint:
        # The CRM's list is what it was at the last sync, so whatever differs was made here.
        counts = made.counts
        return replace(defect, missing=counts.added, surplus=counts.removed, other=counts.updated)
    return defect


@dataclass(frozen=True, slots=True)
class Before:
    """What was kept of a group when its plan was made: whether its rows did not add up to it, the CRM's last
    fingerprint, and by how much the CRM was known to contradict itself."""

    moved: bool
    crm_fingerprint: str
    excess: Excess


def before(connection: psycopg.Connection[Any], group_id: int, made: Plan) -> Before:
    """To be asked while nobody else writes the bridge's subscribers, or with a later look at its revision."""
    row = connection.execute("SELECT crm_fingerprint FROM target_group WHERE id = %s", [group_id]).fetchone()
    was_moved = made.mode is Mode.FULL and moved(store.kept(connection, group_id), made.before)
    return Before(was_moved, row[0] if row else "", known_excess(connection, group_id))


def crm_fingerprint(made: Plan) -> str:
    """The fingerprint of the CRM's rows: as it keeps it, less what it is known to be wrong by."""
    if made.mode is Mode.FULL or not made.crm_fingerprint:
        return made.crm_fingerprint
    return fingerprint_text((int(made.crm_fingerprint, 16) - excess_of(made).fingerprint) % FINGERPRINT_MODULUS)
