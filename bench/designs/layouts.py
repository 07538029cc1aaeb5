"""The designs: tables, what is written into them, and how each question is asked of them.

Each table has the indexes that Rollkeeper's pages and syncs need. `subscriber` holds the data of a person,
`group_member` who is in which group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.designs.people import FIELDS

Columns = dict[str, pa.Array]

TWO_KEYS = 'master_customer_id text COLLATE "C" NOT NULL, sub_customer_id text COLLATE "C" NOT NULL'
ONE_KEY = 'customer_key text COLLATE "C" NOT NULL'
TWO_HALVES = "hash_hi bigint NOT NULL, hash_lo bigint NOT NULL"
COMPUTED = (
    "status text GENERATED ALWAYS AS (CASE WHEN unsubscribed_at IS NOT NULL THEN 'Unsubscribed' "
    "WHEN NOT allow_email THEN 'Unsubscribed from remote system' ELSE 'Subscribed' END) STORED, "
    'address_key text COLLATE "C" GENERATED ALWAYS AS (lower(email COLLATE "C")) STORED'
)
SLOTS = ", ".join(f"f{number} text" for number in range(1, 101))


@dataclass(frozen=True, slots=True)
class Layout:
    """A design. `keys` and `hashes` are the columns of a member's identity and row hash."""

    name: str
    says: str
    keys: tuple[str, ...] = ("master_customer_id", "sub_customer_id")
    hashes: tuple[str, ...] = ("hash_hi", "hash_lo")
    hash_type: str = ""  # where the hash is one column
    fields: str = "slots"  # slots, array or jsonb
    copied: bool = True  # group_member repeats key and hash of its subscriber
    include: str = ""  # of group_member's primary key
    fill: tuple[int, int] = (100, 100)  # how full pages of subscriber and of group_member are made
    encode_hash: Callable[[pa.RecordBatch], Columns] = field(
        default=lambda rows: {name: rows.column(name) for name in ("hash_hi", "hash_lo")}
    )

    @property
    def key_columns(self) -> str:
        return ONE_KEY if len(self.keys) == 1 else TWO_KEYS

    @property
    def hash_columns(self) -> str:
        return f"hash {self.hash_type} NOT NULL" if self.hash_type else TWO_HALVES

    def tables(self) -> list[str]:
        key = ", ".join(self.keys)
        values = {"slots": SLOTS, "array": "field_values text[]", "jsonb": "field_values jsonb"}[self.fields]
        copies = f"{self.key_columns}, {self.hash_columns}, " if self.copied else ""
        member_key = f"group_id, {key}" if self.copied else "group_id, subscriber_id"
        subscriber = (
            f"CREATE TABLE subscriber (id bigint PRIMARY KEY, bridge_id bigint NOT NULL, {self.key_columns}, "
            "email text, first_name text, last_name text, allow_email boolean NOT NULL, denied_by text, "
            "unsubscribed_at timestamptz, bounced_at timestamptz, complained_at timestamptz, "
            f"suppressed_at timestamptz, {self.hash_columns}, revision bigint NOT NULL, first_run bigint NOT NULL, "
            f"last_run bigint NOT NULL, {COMPUTED}, {values}, UNIQUE (bridge_id, {key})) "
            f"WITH (fillfactor = {self.fill[0]})"
        )
        group_member = (
            f"CREATE TABLE group_member (group_id bigint NOT NULL, subscriber_id bigint NOT NULL, {copies}"
            f"since_run bigint NOT NULL, PRIMARY KEY ({member_key}){self.include}) "
            f"WITH (fillfactor = {self.fill[1]})"
        )
        return [
            "DROP TABLE IF EXISTS subscriber, group_member",
            subscriber,
            "CREATE INDEX ON subscriber (bridge_id, address_key)",
            'CREATE INDEX ON subscriber (bridge_id, (lower(last_name) COLLATE "C"), id)',
            group_member,
            "CREATE INDEX ON group_member (subscriber_id)",
        ]

    def subscriber_rows(self, rows: pa.RecordBatch) -> Columns:
        ones = pa.array(np.ones(rows.num_rows, np.int64))
        people = ("email", "first_name", "last_name", "allow_email", "denied_by")
        return {
            "id": rows.column("number"),
            "bridge_id": ones,
            **self.key_of(rows),
            **{name: rows.column(name) for name in people},
            **self.encode_hash(rows),
            **dict.fromkeys(("revision", "first_run", "last_run"), ones),
            **self._values(rows),
        }

    def member_rows(self, rows: pa.RecordBatch) -> Columns:
        ones = pa.array(np.ones(rows.num_rows, np.int64))
        copies = {**self.key_of(rows), **self.encode_hash(rows)} if self.copied else {}
        return {"group_id": ones, "subscriber_id": rows.column("number"), **copies, "since_run": ones}

    def key_of(self, rows: pa.RecordBatch) -> Columns:
        if len(self.keys) == 2:
            return {name: rows.column(name) for name in self.keys}
        columns = (rows.column("master_customer_id"), rows.column("sub_customer_id"))
        return {self.keys[0]: pc.binary_join_element_wise(*columns, "\x01")}

    def _values(self, rows: pa.RecordBatch) -> Columns:
        columns = [rows.column(name) for name in FIELDS]
        if self.fields == "slots":
            return dict(zip(FIELDS, columns, strict=True))
        if self.fields == "array":
            table = np.stack([column.to_numpy(zero_copy_only=False) for column in columns], axis=1)
            offsets = np.arange(0, table.size + 1, len(FIELDS), dtype=np.int32)
            return {"field_values": pa.ListArray.from_arrays(offsets, pa.array(table.ravel(), pa.string()))}
        parts = [
            pc.binary_join_element_wise(f'"{name}":"', column, '"', "")
            for name, column in zip(FIELDS, columns, strict=True)
        ]
        return {"field_values": pc.binary_join_element_wise("{", pc.binary_join_element_wise(*parts, ","), "}", "")}

    def stored(self, group: int) -> str:
        """What a full pull is compared with: key, subscriber, hash, in key order."""
        if self.copied:
            columns = ", ".join((*self.keys, "subscriber_id", *self.hashes))
            return f"SELECT {columns} FROM group_member WHERE group_id = {group} ORDER BY {', '.join(self.keys)}"
        columns = ", ".join((*(f"s.{name}" for name in self.keys), "s.id", *(f"s.{name}" for name in self.hashes)))
        order = ", ".join(f"s.{name}" for name in self.keys)
        return (
            f"SELECT {columns} FROM group_member m JOIN subscriber s ON s.id = m.subscriber_id "
            f"WHERE m.group_id = {group} AND s.bridge_id = 1 ORDER BY {order}"
        )

    def export(self) -> str:
        values = ", ".join(f"s.{name}" for name in FIELDS) if self.fields == "slots" else "s.field_values"
        of = "m" if self.copied else "s"
        keys = ", ".join(f"{of}.{name}" for name in self.keys)
        return (
            f"SELECT {keys}, s.email, s.first_name, s.last_name, s.status, {values} FROM group_member m "
            f"JOIN subscriber s ON s.id = m.subscriber_id WHERE m.group_id = 1 ORDER BY {keys}"
        )

    def page(self, after: str) -> str:
        of = "m" if self.copied else "s"
        keys = ", ".join(f"{of}.{name}" for name in self.keys)
        place = f"({keys}) > ('{after}', '0')" if len(self.keys) == 2 else f"{keys} > '{after}' || E'\\x01' || '0'"
        return (
            f"SELECT {keys}, s.email, s.status FROM group_member m JOIN subscriber s ON s.id = m.subscriber_id "
            f"WHERE m.group_id = 1 AND s.bridge_id = 1 AND {place} ORDER BY {keys} LIMIT 50"
        )

    def apply(self) -> list[str]:
        """The rows of the temporary table `change` into the tables, by hand-written SQL."""
        values = FIELDS if self.fields == "slots" else ("field_values",)
        names = ("email", "first_name", "last_name", "allow_email", "denied_by", *self.hashes, *values)
        assigned = ", ".join(f"{name} = c.{name}" for name in names)
        done = [f"UPDATE subscriber s SET {assigned} FROM change c WHERE s.id = c.id"]
        if self.copied:
            hashes = ", ".join(f"{name} = c.{name}" for name in self.hashes)
            done.append(f"UPDATE group_member m SET {hashes} FROM change c WHERE m.subscriber_id = c.id")
        return done


def _sixteen_bytes(rows: pa.RecordBatch) -> Columns:
    halves = [rows.column(name).to_numpy().astype(">i8") for name in ("hash_hi", "hash_lo")]
    data = np.stack(halves, axis=1).tobytes()
    return {
        "hash": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), rows.num_rows, [None, pa.py_buffer(data)]).cast(
            pa.binary()
        )
    }


LAYOUTS = (
    Layout("slots", "text slots; the membership repeats two key columns and two hash halves"),
    Layout("hot", "the same, a tenth of each page kept free for new versions of rows", fill=(90, 90)),
    Layout("hot 95", "the same, a twentieth", fill=(95, 95)),
    Layout("hot member", "the same, in group_member alone", fill=(100, 90)),
    Layout("hot subscriber", "the same, in subscriber alone", fill=(90, 100)),
    Layout("include", "all of a comparison in the index", include=" INCLUDE (subscriber_id, hash_hi, hash_lo)"),
    Layout("lean", "the membership holds two numbers; key and hash only in subscriber", copied=False),
    Layout("one key", "master and sub as one text, parted by U+0001", keys=("customer_key",)),
    Layout("bytea", "the hash as 16 bytes", hashes=("hash",), hash_type="bytea", encode_hash=_sixteen_bytes),
    Layout("uuid", "the hash as a uuid", hashes=("hash",), hash_type="uuid", encode_hash=_sixteen_bytes),
    Layout("text[]", "fields in an array", fields="array"),
    Layout("jsonb", "fields in jsonb", fields="jsonb"),
)  # fmt: skip
