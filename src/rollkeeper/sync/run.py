"""An audience sync on one screen: read, merge, plan. Applying the plan is the store's part.

Where the CRM can tell changes, only they travel and only the stored rows that they concern are compared: the same
merge, over less (B2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.address import valid_addresses
from rollkeeper.sync.connector import Mode, SourceNonsense
from rollkeeper.sync.download import EVERYTHING, Arriving, Download, Progress, Since, download
from rollkeeper.sync.member import REMOVED, REMOVED_COLUMN, fingerprint_text, hash_sum
from rollkeeper.sync.merge import HASHES, STORED_SCHEMA, CheckedBatch, Difference, checked, merge, row_keys
from rollkeeper.sync.plan import NOTICE_SCHEMA, Counts, Kept, Plan, write_schema
from rollkeeper.sync.set_aside import SET_ASIDE_SCHEMA, Reason, members_of, reasons_of_contents, set_aside_rows
from rollkeeper.sync.spool import Spool

Refused = Mapping[str, str]  # the key of a row (`merge.row_keys`) → what the database said of it
NOTHING_REFUSED: Refused = {}

__all__ = ["EVERYTHING", "Arriving", "Download", "Progress", "Since", "download", "plan"]


def plan(
    source: Download | Arriving,
    stored: Iterator[pa.RecordBatch],
    folder: Path,
    kept: Kept | None = None,
    refused: Refused = NOTHING_REFUSED,
) -> Plan:
    """Compare what was or is being read with what is stored (`STORED_SCHEMA`, in key order); say what to write.

    Of a full pull `stored` is all of the group, and what is not in the pull leaves. Of changes it is the members
    among the keys that were sent and those whose removal is held; `kept` says what the whole group is.
    `refused` are rows that the database is known to refuse: they are set aside.
    """
    planner = _Planner(source, folder, refused)
    try:
        incoming = planner.seen(checked(source.batches()))
        for difference in merge(incoming, planner.counted(stored)):
            planner.take(difference)
        made = planner.finish(kept)
    except BaseException:
        planner.close()
        raise
    pa.default_memory_pool().release_unused()  # comparing is over: its memory shall not add to that of writing
    return made


class _Planner:
    """Turns differences into a plan, keeping the counts and the fingerprint sums."""

    def __init__(self, source: Download | Arriving, folder: Path, refused: Refused) -> None:
        self.source, self.refused = source, refused
        self.writes = Spool(write_schema(source.fields), folder)
        self.removals = Spool(STORED_SCHEMA, folder)
        self.set_aside = Spool(SET_ASIDE_SCHEMA, folder)
        self.notices = Spool(NOTICE_SCHEMA, folder)
        self.received = self.added = self.updated = self.unchanged = 0
        self.crm = self.compared = self.removed = self.aside = self.kept_back = Kept(0, 0)
        self.written_sum = 0

    def seen(self, batches: Iterator[CheckedBatch]) -> Iterator[CheckedBatch]:
        """Note what came, and let through what are members."""
        for batch in batches:
            self.received += batch.rows.num_rows
            self._put_aside(batch.rows, batch.reasons)
            members = batch if self.source.mode is Mode.FULL else self._without_notices(batch)
            self.crm = _plus(self.crm, members.rows)
            yield CheckedBatch(members_of(members.rows), members.reasons, members.keys)

    def _without_notices(self, batch: CheckedBatch) -> CheckedBatch:
        """The batch's members. Rows that say that there is none any more are noted."""
        word = batch.rows.column(REMOVED_COLUMN)
        if not pc.all(pc.is_in(word.drop_null(), value_set=pa.array(sorted(REMOVED))), min_count=0).as_py():
            raise SourceNonsense("The CRM says of a change that it is a removal of a kind that there is not.")
        gone = pc.is_valid(word)
        rows = batch.rows.filter(pc.and_(gone, pc.is_null(batch.reasons)))
        notices = [*rows.columns[:2], rows.column(REMOVED_COLUMN)]
        self.notices.write(pa.RecordBatch.from_arrays(notices, schema=NOTICE_SCHEMA))
        is_member = pc.invert(gone)
        return CheckedBatch(
            batch.rows.filter(is_member), batch.reasons.filter(is_member), batch.keys.filter(is_member)
        )

    def counted(self, stored: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in stored:
            self.compared = _plus(self.compared, batch)
            yield batch

    def take(self, difference: Difference) -> None:
        self.added += self._write(difference.added, None)
        self.updated += self._write(difference.changed, difference.changed_from)
        self.unchanged += difference.unchanged
        self.removals.write(difference.removed)
        self.removed = _plus(self.removed, difference.removed)
        self.kept_back = _plus(self.kept_back, difference.kept)

    def _write(self, rows: pa.RecordBatch, replaced: pa.RecordBatch | None) -> int:
        """Spool the rows that can be stored, set the others aside; the number of the former."""
        if not rows.num_rows:
            return 0
        reasons, answers = reasons_of_contents(rows, self.source.fields), None
        if self.refused:
            answers = pa.array([self.refused.get(key) for key in row_keys(rows).to_pylist()], pa.string())
            reasons = pc.if_else(pc.is_valid(answers), Reason.REFUSED_BY_DATABASE.value, reasons)
        if reasons.null_count < len(reasons):
            self._put_aside(rows, reasons, answers)
            good = pc.is_null(reasons)
            rows = rows.filter(good)
            if replaced is not None:
                self.kept_back = _plus(self.kept_back, replaced.filter(pc.invert(good)))
                replaced = replaced.filter(good)
        subscribers = replaced.column("subscriber_id") if replaced is not None else pa.nulls(len(rows), pa.int64())
        columns = [*rows.columns, valid_addresses(rows.column("email")), subscribers]
        self.writes.write(pa.RecordBatch.from_arrays(columns, schema=self.writes.schema))
        self.written_sum += _sum(rows) - (_sum(replaced) if replaced is not None else 0)
        return int(rows.num_rows)

    def _put_aside(
        self, rows: pa.RecordBatch, reasons: pa.StringArray, answers: pa.StringArray | None = None
    ) -> None:
        if reasons.null_count < len(reasons):
            self.set_aside.write(set_aside_rows(rows, reasons, answers))
            self.aside = _plus(self.aside, rows.filter(pc.is_valid(reasons)))

    def finish(self, kept: Kept | None) -> Plan:
        for spool in (self.writes, self.removals, self.set_aside, self.notices):
            spool.finish()
        closing = self.source.closing
        if closing.fingerprint is not None and closing.fingerprint != fingerprint_text(self.crm.fingerprint):
            raise SourceNonsense(
                f"The CRM says that its rows have the fingerprint {closing.fingerprint}; those that came have "
                f"{fingerprint_text(self.crm.fingerprint)}."
            )
        before = self.compared if self.source.mode is Mode.FULL else kept
        if before is None:
            raise ValueError("What changed can only be planned with what is kept of the whole group.")
        all_stored = before.fingerprint + self.written_sum
        return Plan(
            fields=self.source.fields,
            mode=self.source.mode,
            closing=closing,
            counts=self._counts(),
            writes=self.writes,
            removals=self.removals,
            set_aside=self.set_aside,
            notices=self.notices,
            before=before,
            expected=self._expected(before),
            crm_sum=self.crm.fingerprint,
            stored_sum=all_stored - self.removed.fingerprint,
            stored_sum_without_removals=all_stored,
        )

    def _counts(self) -> Counts:
        return Counts(
            received=self.received,
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            set_aside=self.set_aside.rows,
            removed=self.removals.rows,
            notices=self.notices.rows,
        )

    def _expected(self, before: Kept) -> Kept:
        """The CRM's list, if what was not compared is right: see `Plan.expected`."""
        gone, differs = self.removed, self.kept_back
        return Kept(
            before.members + self.added - gone.members - differs.members + self.aside.members,
            before.fingerprint + self.written_sum - gone.fingerprint - differs.fingerprint + self.aside.fingerprint,
        )

    def close(self) -> None:
        for spool in (self.writes, self.removals, self.set_aside, self.notices):
            spool.close()


def _plus(kept: Kept, rows: pa.RecordBatch) -> Kept:
    return Kept(kept.members + rows.num_rows, kept.fingerprint + _sum(rows)) if rows.num_rows else kept


def _sum(batch: pa.RecordBatch) -> int:
    return hash_sum(*(pc.fill_null(batch.column(name), 0).to_numpy(zero_copy_only=False) for name in HASHES))
