"""A CRM in memory: a connector whose people, lists and view a test changes as it likes. Naive on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pyarrow as pa

from rollkeeper.sync.connector import Catalog, CatalogList, Closing, ListMissing, Mode, Pull
from rollkeeper.sync.member import Field, member_schema

Key = tuple[str, str]


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


@dataclass
class MemoryCrm:
    """A connector over dictionaries. `repeat` sends those members twice; `batch_size` cuts the stream."""

    people: dict[Key, Person] = field(default_factory=dict)
    lists: dict[str, set[Key]] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    repeat: set[Key] = field(default_factory=set)
    batch_size: int = 3
    version: int = 1

    def test(self) -> str:
        return "In memory."

    def catalog(self) -> Catalog:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        lists = [
            CatalogList(code, code, "DAILY", len(members), now) for code, members in sorted(self.lists.items())
        ]
        return Catalog(tuple(lists), self.fields)

    @contextmanager
    def members(self, code: str) -> Iterator[Pull]:
        if code not in self.lists:
            raise ListMissing(f"There is no list {code}.")
        yield _Pull(self, code)

    def change(self, key: Key, **changes: object) -> None:
        self.people[key] = replace(self.people[key], **changes)  # type: ignore[arg-type]  # by field name

    def fingerprint(self, code: str) -> int:
        return sum(row_hash(key, self.people[key], self.fields) for key in self.lists[code]) % 2**128


class _Pull:
    mode = Mode.FULL

    def __init__(self, crm: MemoryCrm, code: str) -> None:
        self.fields = crm.fields
        self._crm = crm
        self._keys = sorted(
            [*crm.lists[code], *(crm.lists[code] & crm.repeat)], key=lambda key: (key[0].encode(), key[1].encode())
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(self._keys), self._crm.batch_size):
            yield self._batch(self._keys[start : start + self._crm.batch_size])

    def _batch(self, keys: list[Key]) -> pa.RecordBatch:
        rows = []
        for key in keys:
            person = self._crm.people[key]
            number = row_hash(key, person, self.fields)
            high, low = number >> 64, number & (2**64 - 1)
            rows.append(
                {
                    "master_customer_id": key[0], "sub_customer_id": key[1], "email": person.email,
                    "first_name": person.first_name, "last_name": person.last_name,
                    "allow_email": person.allow_email, "denied_by": None if person.allow_email else "allow_email",
                    **{each.name: person.value(each.name) for each in self.fields},
                    "hash_hi": high - 2**64 if high >= 2**63 else high,
                    "hash_lo": low - 2**64 if low >= 2**63 else low,
                }
            )  # fmt: skip
        return pa.RecordBatch.from_pylist(rows, schema=member_schema(self.fields))

    def closing(self) -> Closing:
        number = sum(row_hash(key, self._crm.people[key], self.fields) for key in self._keys) % 2**128
        return Closing(len(self._keys), f"{number:032x}", datetime(2026, 1, 1, tzinfo=UTC), str(self._crm.version))
