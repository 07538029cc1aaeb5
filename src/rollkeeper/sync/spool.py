"""Rows that wait on disk: written once, read as often as needed, gone with the process.

The file has no name (it is unlinked at once), so a killed process leaves nothing behind. Its rows are not
compressed: that would take a tenth of a sync's CPU time to spare half of a file that lives for seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

PIECE_ROWS = 10_000  # rows that come out in one batch: what works on them holds several copies of a piece in memory


class Spool:
    """Arrow record batches of one schema on disk. Memory does not grow with them."""

    def __init__(self, schema: pa.Schema, folder: Path | None = None) -> None:
        self.schema = schema
        self.rows = 0
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # lives as long as the spool
        self._writer = pa.ipc.new_stream(self._file, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. Raises `OSError` when the disk is full."""
        for start in range(0, batch.num_rows, PIECE_ROWS):
            self._writer.write_batch(batch.slice(start, PIECE_ROWS))
        self.rows += batch.num_rows

    def finish(self) -> Self:
        """No more rows come; from now on they can be read."""
        self._writer.close()
        self._file.flush()
        return self

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, from the first, at most `PIECE_ROWS` at a time."""
        self._file.seek(0)
        with pa.ipc.open_stream(self._file) as reader:
            yield from reader

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
