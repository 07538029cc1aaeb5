"""The funnel of a group whose people are all new, counted from its rows as they are written (S32).

PostgreSQL would group all addresses to find the few that people share; here only those few are grouped. A first
reading notes 32 bits of a hash of each address; whatever then stands more than once may be shared, and a second
reading collects these addresses alone, whole. Hashes that are equal by chance cost a row there, nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.marketing.target_groups.funnel import Tally

AT_ONCE = 500_000  # hashes compared with their neighbours
MOST_SHARED = 1_000_000  # members of shared addresses that are kept in memory, about 60 bytes each

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)

Hashes = npt.NDArray[np.uint32]


class FirstCount:
    """The counts of so many rows, each read twice in the same order: `first_reading`, then `second_reading`.

    Batches have the columns email, address_valid and allow_email. Nobody among them has unsubscribed, bounced or
    complained here: they are new.
    """

    def __init__(self, rows: int) -> None:
        self._hashes: Hashes = np.empty(rows, np.uint32)
        self._addresses = self._members = self._valid = self._allowed = 0
        self._shared: Hashes = np.empty(0, np.uint32)
        self._sharing: list[pa.RecordBatch] = []
        self._sharers = 0

    def first_reading(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, counted as they pass."""
        for batch in batches:
            hashes, present = _address_hashes(_lowered(batch))
            found = hashes[present]
            self._hashes[self._addresses : self._addresses + len(found)] = found
            self._addresses += len(found)
            self._members += batch.num_rows
            self._valid += _count(batch.column("address_valid"))
            self._allowed += _count(pc.and_(batch.column("address_valid"), batch.column("allow_email")))
            yield batch
        self._shared = _repeated(self._hashes[: self._addresses])
        self._hashes = np.empty(0, np.uint32)

    def second_reading(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches again; the addresses that may be shared are kept."""
        for batch in batches:
            if len(self._shared) and self._sharers <= MOST_SHARED:
                self._keep_sharers(batch)
            yield batch

    def _keep_sharers(self, batch: pa.RecordBatch) -> None:
        addresses = _lowered(batch)
        hashes, present = _address_hashes(addresses)
        place = np.minimum(np.searchsorted(self._shared, hashes), len(self._shared) - 1)
        chosen = pa.array((self._shared[place] == hashes) & present)
        valid, allowed = (batch.column(name).filter(chosen) for name in ("address_valid", "allow_email"))
        columns = {
            "address": addresses.filter(chosen),
            "valid": valid,
            "allowed": allowed,
            "receiving": pc.and_(valid, allowed),
        }
        self._sharing.append(pa.RecordBatch.from_pydict(columns))
        self._sharers += len(valid)

    def tally(self) -> Tally | None:
        """The counts, after both readings. None where so many share addresses that PostgreSQL shall count them."""
        if self._sharers > MOST_SHARED:
            return None
        alone_valid, alone_allowed = self._valid, self._allowed
        people = distinct = allowed = receiving = 0
        if self._sharing:
            sharers = pa.Table.from_batches(self._sharing)
            alone_valid -= _count(sharers.column("valid"))
            alone_allowed -= _count(sharers.column("receiving"))
            addresses = sharers.group_by("address").aggregate(
                [("address", "count"), ("valid", "any"), ("allowed", "any"), ("receiving", "any")]
            )
            mailable = addresses.filter(addresses.column("valid_any"))
            people = pc.sum(mailable.column("address_count")).as_py() or 0
            distinct = mailable.num_rows
            allowed, receiving = (_count(mailable.column(name)) for name in ("allowed_any", "receiving_any"))
        return Tally(
            count_members=self._members,
            count_with_address=self._addresses,
            count_valid=alone_valid + people,
            count_distinct=alone_valid + distinct,
            count_allowed=alone_allowed + allowed,
            count_receiving=alone_allowed + receiving,
        )


def _repeated(hashes: Hashes) -> Hashes:
    """The hashes that stand more than once, each once, ascending. Sorts where they are, without a second copy."""
    hashes.sort()
    found = []
    for start in range(0, len(hashes), AT_ONCE):
        piece = hashes[start : start + AT_ONCE + 1]
        found.append(piece[1:][piece[1:] == piece[:-1]])
    return np.unique(np.concatenate(found)) if found else hashes


def _lowered(batch: pa.RecordBatch) -> pa.StringArray:
    """The addresses as `subscriber.address_key` has them: lower() in collation C changes ASCII letters alone."""
    return pc.ascii_lower(batch.column("email"))


def _count(flags: pa.BooleanArray | pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)


def _address_hashes(addresses: pa.StringArray) -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """For each address 32 bits that are equal where the addresses are, and whether there is one at all.

    Eight bytes of every address are mixed in at a time. Kept nowhere: it may change with any version.
    """
    rows = len(addresses)
    _, offsets, data = addresses.buffers()
    ends = np.frombuffer(offsets, np.int32)[addresses.offset : addresses.offset + rows + 1].astype(np.int64)
    starts, lengths = ends[:-1], np.diff(ends)
    total = lengths.astype(np.uint64) * _MULTIPLIER
    if data is not None:
        padded = np.zeros(data.size + 8, np.uint8)
        padded[: data.size] = np.frombuffer(data, np.uint8)
        words = np.ndarray(data.size + 1, "<u8", padded, strides=(1,))  # the eight bytes from each byte on
        longest = int(lengths.max(initial=0))
        for place in range(0, longest, 8):
            live = np.flatnonzero(lengths > place)
            word = words[starts[live] + place] & _MASKS[np.minimum(lengths[live] - place, 8)]
            mixed = (total[live] ^ word) * _MULTIPLIER
            total[live] = mixed ^ (mixed >> np.uint64(29))
    return ((total * _MULTIPLIER) >> np.uint64(32)).astype(np.uint32), lengths > 0
