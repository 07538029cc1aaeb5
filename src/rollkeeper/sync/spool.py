"""Rows that wait on disk: written once, read as often as needed, gone with the process.

The file has no name (it is unlinked at once), so a killed process leaves nothing behind. Its rows are not
compressed: that would take a tenth of a sync's CPU time to spare half of a file that lives for seconds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, cast

import pyarrow as pa

PIECE_ROWS = 10_000  # rows that come out in one batch: what works on them holds several copies of a piece in memory


class Spool:
    """Arrow record batches of one schema on disk. Memory does not grow with them. Without rows there is no file."""

    def __init__(self, schema: pa.Schema, folder: Path | None = None) -> None:
        self.schema = schema
        self.rows = 0
        self._folder = folder
        self._file: BinaryIO | None = None
        self._writer: Any = None  # pyarrow's, which has no types

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. Raises `OSError` when the disk is full."""
        if batch.num_rows and self._file is None:
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # lives as long as the spool
            self._file = cast("BinaryIO", file)
            self._writer = pa.ipc.new_stream(self._file, self.schema)
        for start in range(0, batch.num_rows, PIECE_ROWS):
            self._writer.write_batch(batch.slice(start, PIECE_ROWS))
        self.rows += batch.num_rows

    def finish(self) -> Self:
        """No more rows come; from now on they can be read."""
        if self._file is not None:
            self._writer.close()
            self._file.flush()
        return self

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, from the first, at most `PIECE_ROWS` at a time."""
        if self._file is None:
            return
        self._file.seek(0)
        with pa.ipc.open_stream(self._file) as reader:
            yield from reader

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
