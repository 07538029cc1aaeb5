"""What the CRM sends of a list: read while it comes, kept on disk, and worth something only when it came whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.connector import (
    Closing,
    Connector,
    Key,
    MarksRejected,
    Mode,
    Pull,
    SourceNonsense,
    TellsChanges,
)
from rollkeeper.sync.member import REJECTED_COLUMN, Field, delta_schema, member_schema
from rollkeeper.sync.merge import row_keys
from rollkeeper.sync.spool import PIECE_ROWS, Spool

Progress = Callable[[int], None]  # called with the number of rows received so far; may raise to cancel


@dataclass(frozen=True, slots=True)
class Since:
    """The state of the list from which a pull goes on: its change token (empty: pull all of it), and which rows
    must come again though they may not have changed, because they were set aside (B7)."""

    token: str = ""
    also: Sequence[Key] = ()


EVERYTHING = Since()


@dataclass(frozen=True, slots=True)
class Download:
    """What the CRM sent of a list, whole or what changed, on disk."""

    fields: tuple[Field, ...]
    closing: Closing
    rows: Spool
    mode: Mode = Mode.FULL

    def batches(self) -> Iterator[pa.RecordBatch]:
        return self.rows.batches()

    def close(self) -> None:
        self.rows.close()


class Arriving:
    """A list, or its changes, on the way: whoever reads its rows works on them while the CRM makes the next.

    The first reading of `batches` takes the rows from the CRM and spools them, any later one from the spool.
    What is made of them before `closing` is known is not to be used: the CRM may break off. Holds no lock.
    """

    def __init__(
        self, connector: Connector, code: str, folder: Path, progress: Progress, since: Since = EVERYTHING
    ) -> None:
        """Whether all of the list comes or the changes is the CRM's choice: it may not know the token any more."""
        self._stack = ExitStack()
        self._pull: Pull = self._stack.enter_context(
            connector.changes(code, since.token, since.also)
            if since.token and isinstance(connector, TellsChanges)
            else connector.members(code)
        )
        self.fields, self.mode = self._pull.fields, self._pull.mode
        if self.mode is Mode.UNCHANGED and since.also:
            raise SourceNonsense(
                "The CRM was asked for rows that had been set aside, and says that nothing changed."
            )
        self._schema = member_schema(self.fields) if self.mode is Mode.FULL else delta_schema(self.fields)
        if isinstance(self._pull, MarksRejected):
            self._schema = self._schema.append(pa.field(REJECTED_COLUMN, pa.string()))
        self._asked = _AskedFor(since.also if self.mode is Mode.DELTA else ())
        self._rows = Spool(self._schema, folder)
        self._progress = progress
        self._begun = False
        self._closing: Closing | None = None

    @property
    def closing(self) -> Closing:
        """What the CRM said of the whole pull. Only after `batches` is exhausted."""
        if self._closing is None:
            raise RuntimeError("The list has not come to its end.")
        return self._closing

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, at most `PIECE_ROWS` at a time. Raises a `ConnectorError`, or what `progress` raises."""
        if self._closing is not None:
            yield from self._rows.batches()
            return
        if self._begun:
            raise RuntimeError("A list that came in part cannot be read on.")
        self._begun = True
        with self._stack:
            for batch in self._pull.batches():
                if batch.schema.names != self._schema.names:
                    raise SourceNonsense("The CRM sent rows with other columns than it announced.")
                rows = batch.cast(self._schema)
                self._rows.write(rows)
                self._asked.seen(rows)
                self._progress(self._rows.rows)
                for start in range(0, rows.num_rows, PIECE_ROWS):
                    yield rows.slice(start, PIECE_ROWS)
            closing = self._pull.closing()
            self._asked.check_all_came()
            if closing.rows != self._rows.rows:
                raise SourceNonsense(
                    f"The CRM says that it sent {closing.rows:,} rows, but {self._rows.rows:,} came."
                )
        self._rows.finish()
        self._closing = closing

    def whole(self) -> Download:
        """Read what is still to come, all of it."""
        if self._closing is None:
            for _ in self.batches():
                pass
        return Download(self.fields, self.closing, self._rows, self.mode)

    def close(self) -> None:
        self._stack.close()
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _AskedFor:
    """The rows that were asked for beside the changes: each comes, as a member or as none any more."""

    def __init__(self, also: Sequence[Key]) -> None:
        self._missing = set(also)
        self._keys = pa.array(["\x00".join(key) for key in also], pa.string())

    def seen(self, rows: pa.RecordBatch) -> None:
        if self._missing:
            came = row_keys(rows)
            for key in came.filter(pc.is_in(came, value_set=self._keys)).to_pylist():
                master, _, sub = key.partition("\x00")
                self._missing.discard((master, sub))

    def check_all_came(self) -> None:
        """Raises `SourceNonsense`."""
        if self._missing:
            missing = f"{len(self._missing)} of them did not come"
            raise SourceNonsense(f"The CRM was asked for rows that had been set aside, and {missing}.")


def download(
    connector: Connector, code: str, folder: Path, progress: Progress, since: Since = EVERYTHING
) -> Download:
    """Read a list, or its changes, to the end with no lock held. Raises a `ConnectorError`; nothing half-read comes
    out."""
    arriving = Arriving(connector, code, folder, progress, since)
    try:
        return arriving.whole()
    except BaseException:
        arriving.close()
        raise
