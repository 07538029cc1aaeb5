"""One pull of a list's members over the bundled CRM's stream, checked as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from rollkeeper.connectors.http import Body
from rollkeeper.connectors.member_checks import MemberChecks, check_schema
from rollkeeper.sync.connector import Closing, ConnectorError, Mode, SourceNonsense, SourceUnavailable
from rollkeeper.sync.member import fingerprint_text
from rollkeeper.sync.member_stream import (
    NotAMemberStream,
    Opening,
    batch_fingerprint,
    read_closing,
    read_opening,
)


class MemberPull:
    """One pull of a list's members, or of what changed, checked as it comes (`sync.connector.Pull`)."""

    def __init__(self, body: Body, code: str, crm: str) -> None:
        self._body = body
        self._crm = crm
        self._closing: Closing | None = None
        with self._arrow_errors():
            self._reader = pa.ipc.open_stream(pa.PythonFile(body, mode="r"))
            self._opening: Opening = read_opening(self._reader.schema)
        if self._opening.code != code:
            raise SourceNonsense(f"{crm} was asked for list {code} and answered with {self._opening.code[:80]}.")
        self.fields, self.mode = self._opening.fields, self._opening.mode
        check_schema(self._reader.schema, self.fields, self.mode)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Members in `member_schema(fields)`, changes in `delta_schema(fields)`, ascending by (master, sub).

        Raises a `ConnectorError`.
        """
        checks, rows, total = MemberChecks(), 0, 0
        while self._closing is None:
            batch = self._next()
            if batch is not None:
                checks.check(batch)
                rows += batch.num_rows
                total += batch_fingerprint(batch)
                yield batch
        self._check_end(rows, fingerprint_text(total))

    def closing(self) -> Closing:
        """What the CRM said of the whole pull; only after `batches` is exhausted."""
        if self._closing is None:
            raise RuntimeError("closing() is known when batches() is exhausted")
        return self._closing

    def _next(self) -> pa.RecordBatch | None:
        """The next batch of members; None where it was the last one, which holds the closing facts."""
        with self._arrow_errors():
            try:
                found = self._reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                raise self._ended_early() from None
            if found.custom_metadata is None:
                return found.batch
            self._closing = read_closing(dict(found.custom_metadata))
            if found.batch.num_rows:
                raise NotAMemberStream("its closing batch holds rows")
            return None

    def _check_end(self, rows: int, fingerprint: str) -> None:
        closing = self.closing()
        if self.mode is Mode.UNCHANGED and rows:
            raise SourceNonsense(f"{self._crm} says that nothing changed, and sent {rows:,} rows.")
        with self._arrow_errors():
            for _ in self._reader:
                raise SourceNonsense(f"{self._crm} sent more rows after the closing ones.")
        if self._body.cut:
            raise self._ended_early()
        if not self._body.at_end():
            raise SourceNonsense(f"{self._crm} sent more after the end of the stream.")
        if closing.rows != rows:
            raise SourceNonsense(f"{self._crm} says that it sent {closing.rows:,} rows, but {rows:,} came.")
        if closing.fingerprint != fingerprint:
            raise SourceNonsense(
                f"{self._crm} says that its rows have the fingerprint {closing.fingerprint}; those that came have "
                f"{fingerprint}."
            )
        if (closing.version, closing.as_of) != (self._opening.version, self._opening.as_of):
            raise SourceNonsense(f"{self._crm} began with one version of the list and ended with another.")

    @contextmanager
    def _arrow_errors(self) -> Iterator[None]:
        try:
            yield
        except NotAMemberStream as error:
            raise SourceNonsense(f"{self._crm} sent a stream that is not one of members: {error}.") from error
        except (pa.ArrowException, OSError) as error:
            if self._body.cut:
                raise self._ended_early() from error
            what = str(error)[:200].rstrip(".")
            raise SourceNonsense(f"{self._crm} sent a stream that cannot be read: {what}.") from error

    def _ended_early(self) -> ConnectorError:
        """A connection that was cut, or a stream that was ended properly without its closing facts."""
        if self._body.cut:
            return SourceUnavailable(f"{self._crm} broke off in the middle of the list.")
        return SourceNonsense(f"{self._crm} ended the list without saying how many rows it has.")
