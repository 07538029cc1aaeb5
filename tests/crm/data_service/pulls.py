"""Pulling a list's members and changes as another system does, and what a simple receiver makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from rollkeeper.crm.data_service.members import open_members
from rollkeeper.crm.data_service.members_query import Span
from rollkeeper.sync.connector import Closing, Key, Mode
from rollkeeper.sync.member import fingerprint_text, member_schema
from rollkeeper.sync.member_stream import batch_fingerprint, encode, read_closing, read_opening

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Pulled:
    """What one pull brought: members by customer id, why others are removed, closing facts."""

    mode: Mode
    members: dict[Key, Row]
    removed: dict[Key, str]
    closing: Closing


def pull(code: str, since: str | None = None, *, also: Sequence[Key] = (), span: Span | None = None) -> Pulled:
    """One pull in this process, through the bytes of its stream."""
    with open_members(code, since=since, also=also, span=span) as members:
        return read_pull(b"".join(encode(members.opening, members.batches(), members.facts)))


def read_pull(data: bytes) -> Pulled:
    """Read a stream, and check that it adds up and is in order."""
    reader = pa.ipc.open_stream(data)
    opening = read_opening(reader.schema)
    width = len(member_schema(opening.fields))
    members, removed, keys, total, closing = {}, {}, [], 0, None
    for batch, metadata in (
        (found.batch, found.custom_metadata) for found in reader.iter_batches_with_custom_metadata()
    ):
        if metadata is not None:
            closing = read_closing(dict(metadata))
            break
        total += batch_fingerprint(batch)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            key = (row[0], row[1])
            keys.append(key)
            if len(row) > width and row[width] is not None:
                assert set(row[2:width]) == {None}
                removed[key] = row[width]
            else:
                members[key] = row[:width]
    assert closing is not None
    assert keys == sorted(set(keys), key=lambda key: (key[0].encode(), key[1].encode()))
    assert (closing.rows, closing.fingerprint) == (len(keys), fingerprint_text(total))
    return Pulled(opening.mode, members, removed, closing)


@dataclass
class Receiver:
    """Keeps a copy of a list with nothing but what its pulls bring."""

    code: str
    token: str | None = None
    members: dict[Key, Row] = field(default_factory=dict)

    def pull(self) -> Pulled:
        found = pull(self.code, self.token)
        if found.mode is Mode.FULL:
            self.members = {}
        for key in found.removed:
            self.members.pop(key, None)
        self.members |= found.members
        self.token = found.closing.token
        return found


def fingerprint_of(members: dict[Key, Row]) -> str:
    """The fingerprint of members as a receiver has them: the sum of their last two columns."""
    return fingerprint_text(sum(((row[-2] % 2**64) << 64) + row[-1] % 2**64 for row in members.values()))
