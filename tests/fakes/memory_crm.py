"""A CRM in memory: a connector whose people, lists and view a test changes as it likes. Naive on purpose.

It tells changes by keeping every state that it ever gave a token for, whole, and comparing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pyarrow as pa

from rollkeeper.sync.connector import (
    Catalog,
    CatalogList,
    Closing,
    Key,
    ListMissing,
    Mode,
    Pull,
    RangeSum,
    RangeSums,
)
from rollkeeper.sync.member import Field, delta_schema, member_schema

__all__ = ["Key", "MemoryCrm", "Person"]

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """A constituent as the CRM would send it."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    allow_email: bool = True
    values: tuple[tuple[str, str | None], ...] = ()

    def value(self, name: str) -> str | None:
        return dict(self.values).get(name)


def canonical_text(key: Key, person: Person, fields: tuple[Field, ...]) -> str:
    """The canonical form, written out once more, naively, from the specification."""
    names = "\n".join(f"{each.name}\t{each.type}" for each in fields)
    denied_by = None if person.allow_email else "allow_email"
    values = [hashlib.sha256(names.encode()).hexdigest()[:16], *key, person.email, person.first_name,
              person.last_name, "Y" if person.allow_email else "N", denied_by,
              *(person.value(each.name) for each in fields)]  # fmt: skip
    return "\x1f".join("\x1e" if value is None else value for value in values)


def row_hash(key: Key, person: Person, fields: tuple[Field, ...]) -> int:
    digest = hashlib.sha256(canonical_text(key, person, fields).encode()).digest()
    return int.from_bytes(digest[:16], "big")


def in_order(key: Key) -> tuple[bytes, bytes]:
    return key[0].encode(), key[1].encode()


def _signed(half: int) -> int:
    return half - 2**64 if half >= 2**63 else half


@dataclass
class MemoryCrm:
    """A connector over dictionaries. `repeat` sends those members twice; `batch_size` cuts the stream.

    It lies on request: `forgotten` people's changes are left out of what changed; `kept_wrong` is added to the
    fingerprint that it keeps of its lists.
    """

    people: dict[Key, Person] = field(default_factory=dict)
    lists: dict[str, set[Key]] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    repeat: set[Key] = field(default_factory=set)
    batch_size: int = 3
    version: int = 1
    forgotten: set[Key] = field(default_factory=set)
    kept_wrong: int = 0
    rejected: dict[Key, str] = field(default_factory=dict)  # people whose row it sends as one that it cannot give
    states: dict[str, dict[Key, tuple[int, int]]] = field(default_factory=dict)  # by token: what was sent of whom
    asked: list[str] = field(default_factory=list)  # what was asked for: "full", or the keys asked for beside
    also: list[Sequence[Key]] = field(default_factory=list)

    def test(self) -> str:
        return "In memory."

    def catalog(self) -> Catalog:
        lists = [
            CatalogList(code, code, "DAILY", len(members), AS_OF) for code, members in sorted(self.lists.items())
        ]
        return Catalog(tuple(lists), self.fields)

    @contextmanager
    def members(self, code: str) -> Iterator[Pull]:
        self.asked.append("full")
        yield self._pull(code, Mode.FULL, self._rows(code))

    @contextmanager
    def changes(self, code: str, token: str, also: Sequence[Key] = ()) -> Iterator[Pull]:
        self.asked.append("changes")
        self.also.append(also)
        then = self.states.get(token)
        if then is None:
            yield self._pull(code, Mode.FULL, self._rows(code))
            return
        now = self._state(code)
        changed = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)} - self.forgotten
        keys = changed | set(also)
        if not keys:
            yield self._pull(code, Mode.UNCHANGED, [])
            return
        gone = [{"master_customer_id": key[0], "sub_customer_id": key[1], "@removed": self._why(key)}
                for key in keys if key not in now]  # fmt: skip
        rows = [row for row in self._rows(code) if (row["master_customer_id"], row["sub_customer_id"]) in keys]
        rows = sorted([*rows, *gone], key=lambda row: in_order((row["master_customer_id"], row["sub_customer_id"])))
        yield self._pull(code, Mode.DELTA, rows)

    def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
        borders = [(b"", b""), *map(in_order, bounds)]
        members, sums = [0] * len(borders), [0] * len(borders)
        for key in self._listed(code):
            place = max(number for number, border in enumerate(borders) if border <= in_order(key))
            members[place] += 1
            sums[place] += row_hash(key, self.people[key], self.fields)
        ranges = tuple(RangeSum(count, total % 2**128) for count, total in zip(members, sums, strict=True))
        return RangeSums(ranges, str(self.version), len(self._rows(code)), self._kept_fingerprint(code))

    @contextmanager
    def members_between(self, code: str, first: Key | None, end: Key | None) -> Iterator[Pull]:
        self.asked.append("range")
        low, high = in_order(first or ("", "")), in_order(end) if end is not None else None
        rows = [row for row in self._rows(code)
                if low <= in_order((row["master_customer_id"], row["sub_customer_id"]))
                and (high is None or in_order((row["master_customer_id"], row["sub_customer_id"])) < high)]  # fmt: skip
        yield self._pull(code, Mode.FULL, rows)

    def change(self, key: Key, **changes: object) -> None:
        self.people[key] = replace(self.people[key], **changes)  # type: ignore[arg-type]  # by field name

    def fingerprint(self, code: str) -> int:
        return sum(row_hash(key, self.people[key], self.fields) for key in self.lists[code]) % 2**128

    def lose_tokens(self) -> None:
        """As after the CRM's database was restored from a copy."""
        self.states.clear()

    def note_state(self, code: str) -> str:
        """A token of the list as it is now."""
        token = self.name_of_state(code)
        self.states[token] = self._state(code)
        return token

    def name_of_state(self, code: str) -> str:
        return uuid4().hex

    def _listed(self, code: str) -> list[Key]:
        if code not in self.lists:
            raise ListMissing(f"There is no list {code}.")
        return sorted([*self.lists[code], *(self.lists[code] & self.repeat)], key=in_order)

    def _why(self, key: Key) -> str:
        return "left" if key in self.people else "deleted"

    def _state(self, code: str) -> dict[Key, tuple[int, int]]:
        return {
            key: (row_hash(key, self.people[key], self.fields), 1 + (key in self.repeat))
            for key in self._listed(code)
        }

    def _rows(self, code: str) -> list[dict[str, Any]]:
        return [self._row(key) for key in self._listed(code)]

    def _row(self, key: Key) -> dict[str, Any]:
        person = self.people[key]
        number = row_hash(key, person, self.fields)
        return {
            "master_customer_id": key[0], "sub_customer_id": key[1], "email": person.email,
            "first_name": person.first_name, "last_name": person.last_name,
            "allow_email": person.allow_email, "denied_by": None if person.allow_email else "allow_email",
            **{each.name: person.value(each.name) for each in self.fields},
            "hash_hi": _signed(number >> 64), "hash_lo": _signed(number & (2**64 - 1)),
        }  # fmt: skip

    def _kept_fingerprint(self, code: str) -> str:
        total = sum(row_hash(key, self.people[key], self.fields) for key in self._listed(code))
        return f"{(total + self.kept_wrong) % 2**128:032x}"

    def _pull(self, code: str, mode: Mode, rows: list[dict[str, Any]]) -> Pull:
        token = self.note_state(code)
        sums = [((row["hash_hi"] % 2**64) << 64) + row["hash_lo"] % 2**64 for row in rows if "hash_hi" in row]
        closing = Closing(
            rows=len(rows),
            fingerprint=f"{sum(sums) % 2**128:032x}",
            as_of=AS_OF,
            version=str(self.version),
            list_members=len(self._listed(code)),
            list_fingerprint=self._kept_fingerprint(code),
            token=token,
        )
        if not self.rejected:
            return _Pull(self.fields, mode, rows, closing, self.batch_size)
        marked = [
            {**row, "@rejected": self.rejected.get((row["master_customer_id"], row["sub_customer_id"]))}
            for row in rows
        ]
        return _MarkingPull(self.fields, mode, marked, closing, self.batch_size)


class _Pull:
    """What was there when the pull began."""

    def __init__(
        self, fields: tuple[Field, ...], mode: Mode, rows: list[dict[str, Any]], closing: Closing, batch_size: int
    ) -> None:
        self.fields, self.mode = fields, mode
        self._rows, self._closing, self._batch_size = rows, closing, batch_size

    def batches(self) -> Iterator[pa.RecordBatch]:
        schema = member_schema(self.fields) if self.mode is Mode.FULL else delta_schema(self.fields)
        if hasattr(self, "marks_rejected"):
            schema = schema.append(pa.field("@rejected", pa.string()))
        for start in range(0, len(self._rows), self._batch_size):
            yield pa.RecordBatch.from_pylist(self._rows[start : start + self._batch_size], schema=schema)

    def closing(self) -> Closing:
        return self._closing


class _MarkingPull(_Pull):
    marks_rejected = True
