"""An audience sync on one screen: read, merge, plan. Applying the plan is the store's part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.address import valid_addresses
from rollkeeper.sync.connector import Closing, Connector, SourceNonsense
from rollkeeper.sync.member import Field, hash_sum, member_schema
from rollkeeper.sync.merge import STORED_SCHEMA, CheckedBatch, Difference, checked, merge
from rollkeeper.sync.plan import Counts, Plan, write_schema
from rollkeeper.sync.set_aside import SET_ASIDE_SCHEMA, reasons_of_contents, set_aside_rows
from rollkeeper.sync.spool import Spool

Progress = Callable[[int], None]  # called with the number of rows received so far; may raise to cancel


@dataclass(frozen=True, slots=True)
class Download:
    """A list as the CRM sent it, whole, on disk."""

    fields: tuple[Field, ...]
    closing: Closing
    rows: Spool

    def close(self) -> None:
        self.rows.close()


def download(connector: Connector, code: str, folder: Path, progress: Progress) -> Download:
    """Read a list to its end with no lock held. Raises a `ConnectorError`; nothing half-read comes out."""
    with connector.members(code) as pull:
        schema = member_schema(pull.fields)
        rows = Spool(schema, folder)
        try:
            for batch in pull.batches():
                if batch.schema.names != schema.names:
                    raise SourceNonsense("The CRM sent rows with other columns than it announced.")
                rows.write(batch.cast(schema))
                progress(rows.rows)
            closing = pull.closing()
            if closing.rows != rows.rows:
                raise SourceNonsense(
                    f"The CRM says that the list has {closing.rows:,} members and sent {rows.rows:,}."
                )
            rows.finish()
        except BaseException:
            rows.close()
            raise
    return Download(pull.fields, closing, rows)


def plan(source: Download, stored: Iterator[pa.RecordBatch], folder: Path) -> Plan:
    """Compare what was read with what is stored (`STORED_SCHEMA`, in key order) and say what to write."""
    planner = _Planner(source.fields, folder)
    try:
        incoming = planner.seen(checked(source.rows.batches()))
        for difference in merge(incoming, planner.counted(stored)):
            planner.take(difference)
        return planner.finish(source.closing)
    except BaseException:
        planner.close()
        raise


class _Planner:
    """Turns differences into a plan, keeping the counts and the fingerprint sums."""

    def __init__(self, fields: tuple[Field, ...], folder: Path) -> None:
        self.fields = fields
        self.writes = Spool(write_schema(fields), folder)
        self.removals = Spool(STORED_SCHEMA, folder)
        self.set_aside = Spool(SET_ASIDE_SCHEMA, folder)
        self.received = self.added = self.updated = self.unchanged = self.members_before = 0
        self.crm_sum = self.stored_sum = self.removed_sum = 0

    def seen(self, batches: Iterator[CheckedBatch]) -> Iterator[CheckedBatch]:
        for batch in batches:
            self.received += batch.rows.num_rows
            self.crm_sum += _sum(batch.rows)
            self.set_aside.write(set_aside_rows(batch.rows, batch.reasons))
            yield batch

    def counted(self, stored: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in stored:
            self.members_before += batch.num_rows
            self.stored_sum += _sum(batch)
            yield batch

    def take(self, difference: Difference) -> None:
        added = self._write(difference.added, None)
        changed = self._write(difference.changed, difference.changed_from)
        self.added += added
        self.updated += changed
        self.unchanged += difference.unchanged
        self.removals.write(difference.removed)
        self.removed_sum += _sum(difference.removed)

    def _write(self, rows: pa.RecordBatch, replaced: pa.RecordBatch | None) -> int:
        """Spool the rows that can be stored, set the others aside; the number of the former."""
        if not rows.num_rows:
            return 0
        reasons = reasons_of_contents(rows, self.fields)
        if reasons.null_count < len(reasons):
            self.set_aside.write(set_aside_rows(rows, reasons))
            good = pc.is_null(reasons)
            rows = rows.filter(good)
            replaced = replaced.filter(good) if replaced is not None else None
        subscribers = replaced.column("subscriber_id") if replaced is not None else pa.nulls(len(rows), pa.int64())
        columns = [*rows.columns, valid_addresses(rows.column("email")), subscribers]
        self.writes.write(pa.RecordBatch.from_arrays(columns, schema=self.writes.schema))
        self.stored_sum += _sum(rows) - (_sum(replaced) if replaced is not None else 0)
        return int(rows.num_rows)

    def finish(self, closing: Closing) -> Plan:
        for spool in (self.writes, self.removals, self.set_aside):
            spool.finish()
        counts = Counts(
            received=self.received,
            added=self.added,
            updated=self.updated,
            unchanged=self.unchanged,
            set_aside=self.set_aside.rows,
            removed=self.removals.rows,
        )
        return Plan(
            fields=self.fields,
            closing=closing,
            counts=counts,
            writes=self.writes,
            removals=self.removals,
            set_aside=self.set_aside,
            members_before=self.members_before,
            crm_sum=self.crm_sum,
            stored_sum=self.stored_sum - self.removed_sum,
            stored_sum_without_removals=self.stored_sum,
        )

    def close(self) -> None:
        for spool in (self.writes, self.removals, self.set_aside):
            spool.close()


def _sum(batch: pa.RecordBatch) -> int:
    return hash_sum(
        batch.column("hash_hi").to_numpy(zero_copy_only=False),
        batch.column("hash_lo").to_numpy(zero_copy_only=False),
    )
