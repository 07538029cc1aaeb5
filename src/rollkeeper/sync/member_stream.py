"""The members of a list as one Arrow IPC stream: what stands before, around and after the rows.

Both ends use this file: the CRM's data service writes such streams, its connector reads them.
Specified in `docs/reference/data-service.md`.

    schema      `member_schema(fields)`, or `delta_schema(fields)` where the mode is `delta`, with the opening facts
                in its metadata
    batches     the members, or the changes, ascending by (master, sub) in UTF-8 byte order
    last batch  no rows; the closing facts in its custom metadata: a stream without it was cut
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from io import RawIOBase
from typing import Any, Literal

import pyarrow as pa

from rollkeeper.sync.connector import Closing, Mode
from rollkeeper.sync.member import Field, delta_schema, fingerprint_text, hash_sum, member_schema

CONTENT_TYPE = "application/vnd.apache.arrow.stream"
FORMAT = "2"
FIELD_TYPES = frozenset({"text", "integer", "decimal", "date", "boolean"})
Compression = Literal["lz4", "zstd"] | None


class NotAMemberStream(ValueError):
    """What stands in the stream's metadata is missing or cannot be read; the message says what."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What the CRM says of a list before its first row. `version` names the list as last regenerated (S15).

    `mode` says what follows: all members, those that changed, or none because none did (B2).
    """

    code: str
    version: str
    as_of: datetime | None
    fields: tuple[Field, ...]
    mode: Mode = Mode.FULL


@dataclass(frozen=True, slots=True)
class ListFacts:
    """What the CRM keeps of the whole list: members, fingerprint, and the token that names this state of it."""

    members: int
    fingerprint: str
    token: str


def stream_schema(opening: Opening) -> pa.Schema:
    """The schema of a stream, with its opening facts in the metadata."""
    fields = [{"name": field.name, "label": field.label, "type": field.type} for field in opening.fields]
    metadata = {
        "rollkeeper.format": FORMAT,
        "rollkeeper.mode": opening.mode.value,
        "rollkeeper.list": opening.code,
        "rollkeeper.version": opening.version,
        "rollkeeper.as_of": _instant_text(opening.as_of),
        "rollkeeper.fields": json.dumps(fields, ensure_ascii=False),
    }
    columns = delta_schema if opening.mode is Mode.DELTA else member_schema
    return columns(opening.fields).with_metadata(metadata)


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
        mode=_mode(_fact(facts, "rollkeeper.mode")),
    )


def read_closing(metadata: Mapping[bytes, bytes] | None) -> Closing:
    """The closing facts in the last batch's custom metadata. Raises `NotAMemberStream`."""
    facts = _facts(metadata)
    list_members, list_fingerprint = facts.get("rollkeeper.list_members"), facts.get("rollkeeper.list_fingerprint")
    return Closing(
        rows=_number(_fact(facts, "rollkeeper.rows"), "row count"),
        fingerprint=_fingerprint(_fact(facts, "rollkeeper.fingerprint")),
        as_of=_instant(_fact(facts, "rollkeeper.as_of")),
        version=_fact(facts, "rollkeeper.version"),
        list_members=None if list_members is None else _number(list_members, "number of members"),
        list_fingerprint=None if list_fingerprint is None else _fingerprint(list_fingerprint),
        token=facts.get("rollkeeper.token"),
    )


def closing_metadata(closing: Closing) -> dict[str, str]:
    """The custom metadata of the last batch. What the closing leaves open is left out."""
    facts = {
        "rollkeeper.rows": str(closing.rows),
        "rollkeeper.fingerprint": closing.fingerprint or "",
        "rollkeeper.version": closing.version,
        "rollkeeper.as_of": _instant_text(closing.as_of),
        "rollkeeper.list_members": None if closing.list_members is None else str(closing.list_members),
        "rollkeeper.list_fingerprint": closing.list_fingerprint,
        "rollkeeper.token": closing.token,
    }
    return {name: value for name, value in facts.items() if value is not None}


def encode(
    opening: Opening,
    batches: Iterable[pa.RecordBatch],
    facts: ListFacts | None = None,
    *,
    compression: Compression = "lz4",
) -> Iterator[bytes]:
    """The bytes of a stream, a batch at a time: memory holds one batch, whatever the list's size.

    Row count and fingerprint are summed on the way and go out last; whatever `batches` raises ends the
    stream without them. Each batch has the columns of the opening's schema, under any names.
    """
    schema, sink = stream_schema(opening), _Sink()
    writer = pa.ipc.new_stream(
        pa.PythonFile(sink, mode="w"), schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    )
    rows = total = 0
    for batch in batches:
        named = pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        writer.write_batch(named)
        rows += named.num_rows
        total += batch_fingerprint(named)
        yield sink.take()
    closing = Closing(rows, fingerprint_text(total), opening.as_of, opening.version)
    if facts is not None:
        closing = replace(
            closing, list_members=facts.members, list_fingerprint=facts.fingerprint, token=facts.token
        )
    writer.write_batch(pa.RecordBatch.from_pylist([], schema=schema), custom_metadata=closing_metadata(closing))
    writer.close()
    yield sink.take()


def batch_fingerprint(batch: pa.RecordBatch) -> int:
    """The sum of a batch's row hashes modulo 2^128; of a batch of changes, of those that are members."""
    high, low = (batch.column(name).drop_null() for name in ("hash_hi", "hash_lo"))
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


def _mode(text: str) -> Mode:
    try:
        return Mode(text)
    except ValueError as error:
        raise NotAMemberStream(f"its mode is {text[:40]!r}") from error


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise NotAMemberStream(f"its {what} is {text[:40]!r}")
    return int(text)


def _fingerprint(text: str) -> str:
    if len(text) != 32 or not set(text) <= set("0123456789abcdef"):
        raise NotAMemberStream(f"its fingerprint is {text[:40]!r}, not 32 hex digits")
    return text


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
