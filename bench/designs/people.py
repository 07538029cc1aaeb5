"""Made-up members of 26 columns, about 340 bytes a row, in key order: the same for every design."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FIELDS = tuple(f"f{number}" for number in range(1, 21))
PIECE = 10_000
CHANGED_EVERY = 100
WORDS = pa.array(["Houston", "Member of the board", "2019-04-01", "Y", "Civil engineering", "250.5", "TX", "77002"])


def people(count: int, changed_every: int = 0, turn: int = 0) -> Iterator[pa.RecordBatch]:
    """Members 0 … count-1. Of every `changed_every` one has another value in f3, and so another hash."""
    for first in range(0, count, PIECE):
        yield _piece(np.arange(first, min(first + PIECE, count), dtype=np.int64), changed_every, turn)


def changed_people(count: int, wanted: int, turn: int) -> Iterator[pa.RecordBatch]:
    """So many members, spread evenly, each with another value in f3."""
    numbers = np.linspace(0, count - 1, wanted, dtype=np.int64)
    for first in range(0, wanted, PIECE):
        yield _piece(numbers[first : first + PIECE], 1, turn)


def _piece(numbers: np.ndarray, changed_every: int, turn: int) -> pa.RecordBatch:
    text = pc.cast(pa.array(numbers), pa.string())
    master = pc.utf8_lpad(text, 12, "0")
    changed = numbers % changed_every == 0 if changed_every else np.zeros(len(numbers), bool)
    columns = {
        "number": pa.array(numbers),
        "master_customer_id": master,
        "sub_customer_id": pa.array(["0"] * len(numbers)),
        "email": pc.binary_join_element_wise("person", text, "@example.org", ""),
        "first_name": pc.binary_join_element_wise("Maria", text, ""),
        "last_name": pc.binary_join_element_wise(pc.utf8_reverse(text), "son", ""),
        "allow_email": pa.array(numbers % 20 != 0),
        "denied_by": pc.if_else(pa.array(numbers % 20 != 0), pa.scalar(None, pa.string()), "allow_email"),
    }
    for place, name in enumerate(FIELDS):
        columns[name] = WORDS.take(pa.array((numbers + place) % len(WORDS)))
    columns["f3"] = pc.if_else(pa.array(changed), f"turn {turn}", columns["f3"])
    high = (numbers * 2654435761 + 97) ^ np.where(changed, turn, 0)
    columns["hash_hi"] = pa.array(high * 4294967291)
    columns["hash_lo"] = pa.array(high * -3335678366873)
    return pa.RecordBatch.from_pydict(columns)
