"""The members of a list as one Arrow IPC stream: what stands before, around and after the rows.

Both ends use this file: the CRM's data service writes such streams, its connector reads them.
Specified in `docs/reference/data-service.md`.

    schema      `member_schema(fields)`, with the opening facts in its metadata
    batches     the members, ascending by (master, sub) in UTF-8 byte order
    last batch  no rows; the closing facts in its custom metadata: a stream without it was cut
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from typing import Any, Literal

import pyarrow as pa

from rollkeeper.sync.connector import Closing
from rollkeeper.sync.member import Field, fingerprint_text, hash_sum, member_schema

CONTENT_TYPE = "application/vnd.apache.arrow.stream"
FORMAT = "1"
FIELD_TYPES = frozenset({"text", "integer", "decimal", "date", "boolean"})
Compression = Literal["lz4", "zstd"] | None


class NotAMemberStream(ValueError):
    """What stands in the stream's metadata is missing or cannot be read; the message says what."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the CRM says of a list before its first row. `version` names the list as last regenerated (S15)."""

    code: str
    version: str
    as_of: datetime | None
    fields: tuple[Field, ...]


def stream_schema(opening: Opening) -> pa.Schema:
    """The schema of a stream, with its opening facts in the metadata."""
    fields = [{"name": field.name, "label": field.label, "type": field.type} for field in opening.fields]
    metadata = {
        "rollkeeper.format": FORMAT,
        "rollkeeper.list": opening.code,
        "rollkeeper.version": opening.version,
        "rollkeeper.as_of": _instant_text(opening.as_of),
        "rollkeeper.fields": json.dumps(fields, ensure_ascii=False),
    }
    return member_schema(opening.fields).with_metadata(metadata)


def read_opening(schema: pa.Schema) -> Opening:
    """The opening facts of a stream. Raises `NotAMemberStream`."""
    facts = _facts(schema.metadata)
    if facts.get("rollkeeper.format") != FORMAT:
        raise NotAMemberStream(f"its format is {facts.get('rollkeeper.format', 'not given')}, not {FORMAT}")
    fields = tuple(_field(entry) for entry in _json_list(_fact(facts, "rollkeeper.fields")))
    if len({field.name for field in fields}) < len(fields):
        raise NotAMemberStream("it declares a personalization field twice")
    return Opening(
        code=_fact(facts, "rollkeeper.list"),
        version=_fact(facts, "rollkeeper.version"),
        as_of=_instant(_fact(facts, "rollkeeper.as_of")),
        fields=fields,
    )


def read_closing(metadata: Mapping[bytes, bytes] | None) -> Closing:
    """The closing facts in the last batch's custom metadata. Raises `NotAMemberStream`."""
    facts = _facts(metadata)
    rows, fingerprint = _fact(facts, "rollkeeper.rows"), _fact(facts, "rollkeeper.fingerprint")
    if not (rows.isascii() and rows.isdigit()):
        raise NotAMemberStream(f"its row count is {rows[:40]!r}")
    if len(fingerprint) != 32 or not set(fingerprint) <= set("0123456789abcdef"):
        raise NotAMemberStream(f"its fingerprint is {fingerprint[:40]!r}, not 32 hex digits")
    as_of, version = _instant(_fact(facts, "rollkeeper.as_of")), _fact(facts, "rollkeeper.version")
    return Closing(rows=int(rows), fingerprint=fingerprint, as_of=as_of, version=version)


def closing_metadata(closing: Closing) -> dict[str, str]:
    """The custom metadata of the last batch."""
    return {
        "rollkeeper.rows": str(closing.rows),
        "rollkeeper.fingerprint": closing.fingerprint or "",
        "rollkeeper.version": closing.version,
        "rollkeeper.as_of": _instant_text(closing.as_of),
    }


def encode(
    opening: Opening, batches: Iterable[pa.RecordBatch], *, compression: Compression = "lz4"
) -> Iterator[bytes]:
    """The bytes of a stream, a batch at a time: memory holds one batch, whatever the list's size.

    Row count and fingerprint are summed on the way and go out last; whatever `batches` raises ends the
    stream without them. Each batch has the columns of `member_schema(opening.fields)`, under any names.
    """
    schema, sink = stream_schema(opening), _Sink()
    writer = pa.ipc.new_stream(
        pa.PythonFile(sink, mode="w"), schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    )
    rows = total = 0
    for batch in batches:
        writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        rows += batch.num_rows
        total += batch_fingerprint(batch)
        yield sink.take()
    closing = Closing(rows, fingerprint_text(total), opening.as_of, opening.version)
    writer.write_batch(pa.RecordBatch.from_pylist([], schema=schema), custom_metadata=closing_metadata(closing))
    writer.close()
    yield sink.take()


def batch_fingerprint(batch: pa.RecordBatch) -> int:
    """The sum of a batch's row hashes, which are its last two columns, modulo 2^128."""
    high, low = batch.columns[-2:]
    return hash_sum(high.to_numpy(), low.to_numpy())


class _Sink(RawIOBase):
    """Where the Arrow writer puts its pieces, until they are taken as one."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _facts(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    try:
        return {key.decode(): value.decode() for key, value in (metadata or {}).items()}
    except UnicodeDecodeError as error:
        raise NotAMemberStream("its metadata is not UTF-8") from error


def _fact(facts: Mapping[str, str], name: str) -> str:
    if name not in facts:
        raise NotAMemberStream(f"it does not say {name}")
    return facts[name]


def _json_list(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NotAMemberStream("its list of fields is not JSON") from error
    if not isinstance(found, list):
        raise NotAMemberStream("its list of fields is not a list")
    return found


def _field(entry: Any) -> Field:
    names = ("name", "label", "type")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in names):
        raise NotAMemberStream("a field lacks its name, label or type")
    if entry["type"] not in FIELD_TYPES:
        raise NotAMemberStream(f"field {entry['name'][:80]!r} has the unknown type {entry['type'][:80]!r}")
    return Field(entry["name"], entry["label"], entry["type"])


def _instant_text(instant: datetime | None) -> str:
    return instant.isoformat() if instant else ""


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotAMemberStream(f"its as-of time is {text[:80]!r}") from error
    if instant.tzinfo is None:
        raise NotAMemberStream(f"its as-of time {text[:80]!r} has no time zone")
    return instant
