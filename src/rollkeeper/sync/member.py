"""A member as it travels: schema, key order, canonical form, row hash, fingerprint (B1).

Specified, with test vectors, in `docs/reference/canonical-form.md`, so that any CRM can compute the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NULL_MARK = "\x1e"  # stands for a missing value in the canonical form
SEPARATOR = "\x1f"  # between the values of the canonical form
FINGERPRINT_MODULUS = 1 << 128
EMPTY_FINGERPRINT = "0" * 32

FIXED_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (
    ("master_customer_id", pa.string()),
    ("sub_customer_id", pa.string()),
    ("email", pa.string()),
    ("first_name", pa.string()),
    ("last_name", pa.string()),
    ("allow_email", pa.bool_()),
    ("denied_by", pa.string()),
)
HASH_COLUMNS: tuple[tuple[str, pa.DataType], ...] = (("hash_hi", pa.int64()), ("hash_lo", pa.int64()))
REMOVED_COLUMN = "@removed"
REJECTED_COLUMN = "@rejected"
REMOVED = frozenset({"left", "deleted"})  # left the list; the constituent (or its customer id) is gone
RESERVED_NAMES = frozenset(name for name, _ in (*FIXED_COLUMNS, *HASH_COLUMNS))


@dataclass(frozen=True, slots=True)
class Field:
    """A personalization field of the catalog. `type` is text, integer, decimal, date or boolean."""

    name: str
    label: str
    type: str


def field_set_key(fields: Sequence[Field]) -> str:
    """16 hex digits that name a set of fields: a view that changes changes every row's hash."""
    text = "\n".join(f"{field.name}\t{field.type}" for field in fields)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def member_schema(fields: Sequence[Field]) -> pa.Schema:
    """The Arrow schema of a member: the fixed columns, each field as canonical text, the row hash."""
    personalization = [(field.name, pa.string()) for field in fields]
    return pa.schema([*FIXED_COLUMNS, *personalization, *HASH_COLUMNS])


def delta_schema(fields: Sequence[Field]) -> pa.Schema:
    """The Arrow schema of a change: a member, and why the row says that there is none any more.

    `@removed` (no field can have such a name) is null where the row is a member as it is now. Else it is a word of
    `REMOVED` and all but the two columns of the customer id is null.
    """
    return member_schema(fields).append(pa.field(REMOVED_COLUMN, pa.string()))


def canonical_rows(batch: pa.RecordBatch, fields: Sequence[Field]) -> pa.StringArray:
    """Each row's canonical form: field-set key and every value, joined by U+001F; a null is U+001E."""
    allow = pc.if_else(batch.column("allow_email"), "Y", "N")
    columns = [
        allow if name == "allow_email" else batch.column(name)
        for name in [*(name for name, _ in FIXED_COLUMNS), *(field.name for field in fields)]
    ]
    key = pa.scalar(field_set_key(fields))
    return pc.binary_join_element_wise(
        key, *columns, SEPARATOR, null_handling="replace", null_replacement=NULL_MARK
    )


def row_hashes(batch: pa.RecordBatch, fields: Sequence[Field]) -> tuple[pa.Int64Array, pa.Int64Array]:
    """The hash of each row: the first 16 bytes of the SHA-256 of its canonical form, as two halves."""
    return text_hashes(canonical_rows(batch, fields))


def text_hashes(texts: pa.StringArray) -> tuple[pa.Int64Array, pa.Int64Array]:
    """Hashes of canonical forms, as two big-endian signed 64-bit halves (high, low)."""
    sha256 = hashlib.sha256
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].tolist()
    text = data.to_pybytes() if data is not None else b""  # whose slices are cheaper to make than a view's
    digests = b"".join([sha256(text[start:end]).digest() for start, end in pairwise(ends)])
    halves = np.frombuffer(digests, dtype=">i8").reshape(-1, 4)[:, :2].astype(np.int64)
    return pa.array(np.ascontiguousarray(halves[:, 0])), pa.array(np.ascontiguousarray(halves[:, 1]))


def hash_sum(high: npt.NDArray[np.int64], low: npt.NDArray[np.int64]) -> int:
    """The sum of row hashes modulo 2^128. At most 2^32 rows at once."""
    total = 0
    for half, shift in ((high, 64), (low, 0)):
        unsigned = half.view(np.uint64)
        upper = int((unsigned >> np.uint64(32)).sum(dtype=np.uint64))
        lower = int((unsigned & np.uint64(0xFFFFFFFF)).sum(dtype=np.uint64))
        total += ((upper << 32) + lower) << shift
    return total % FINGERPRINT_MODULUS


def fingerprint_text(total: int) -> str:
    """A fingerprint as it is written: 32 lower-case hex digits."""
    return f"{total % FINGERPRINT_MODULUS:032x}"
