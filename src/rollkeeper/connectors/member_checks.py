"""What every batch of members is checked for, whichever CRM it came from. Vectorised."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.connector import Mode, SourceNonsense
from rollkeeper.sync.member import REMOVED, REMOVED_COLUMN, Field, delta_schema, member_schema

NEVER_NULL = ("allow_email", "hash_hi", "hash_lo")


def check_schema(schema: pa.Schema, fields: tuple[Field, ...], mode: Mode = Mode.FULL) -> None:
    """Whether a stream's columns are those of a member, or a change, with these fields.

    Raises `SourceNonsense`, naming a column.
    """
    expected = delta_schema(fields) if mode is Mode.DELTA else member_schema(fields)
    if missing := [name for name in expected.names if name not in schema.names]:
        raise SourceNonsense(
            f"The CRM's members lack the column {missing[0]!r}. The CRM declares it and does not send it."
        )
    if unknown := [name for name in schema.names if name not in expected.names]:
        raise SourceNonsense(f"The CRM's members have a column {unknown[0]!r} that the CRM does not declare.")
    if schema.names != expected.names:
        raise SourceNonsense("The CRM's members have their columns in an order other than the declared one.")
    for column in expected:
        given = schema.field(column.name).type
        if given != column.type:
            raise SourceNonsense(f"The CRM's column {column.name!r} is {given} and should be {column.type}.")


class MemberChecks:
    """The checks of one pull, batch by batch: values that parse, no null where none may be, key order.

    Equal neighbours pass: the engine sets such rows aside (B7). A null id sorts as an empty one, and is the
    engine's to set aside, too.
    """

    def __init__(self) -> None:
        self._last: tuple[str, str] | None = None

    def check(self, batch: pa.RecordBatch) -> None:
        """Raises `SourceNonsense`."""
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            raise SourceNonsense(f"The CRM sent rows that cannot be read: {str(error)[:200]}") from error
        members = _members_among(batch)
        for name in NEVER_NULL:
            if members.column(name).null_count:
                raise SourceNonsense(f"The CRM sent rows without {name}, which every row must have.")
        if batch.num_rows:
            self._check_order(batch)

    def _check_order(self, batch: pa.RecordBatch) -> None:
        master = pc.fill_null(batch.column("master_customer_id"), "")
        sub = pc.fill_null(batch.column("sub_customer_id"), "")
        ordered = pc.or_(
            pc.less(master[:-1], master[1:]),
            pc.and_(pc.equal(master[:-1], master[1:]), pc.less_equal(sub[:-1], sub[1:])),
        ).to_numpy(zero_copy_only=False)
        if not ordered.all():
            place = int(np.argmin(ordered))
            raise _out_of_order(_key(master, sub, place), _key(master, sub, place + 1))
        first = _key(master, sub, 0)
        if self._last is not None and _bytes(self._last) > _bytes(first):
            raise _out_of_order(self._last, first)
        self._last = _key(master, sub, batch.num_rows - 1)


def _members_among(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The rows that are members; of changes, those that are not removals.

    Raises `SourceNonsense` for a removal that is none of those there are, or that names nobody.
    """
    if REMOVED_COLUMN not in batch.schema.names:
        return batch
    word = batch.column(REMOVED_COLUMN)
    is_member = pc.is_null(word)
    if unknown := set(pc.unique(word.drop_null()).to_pylist()) - REMOVED:
        raise SourceNonsense(f"The CRM says that someone is {min(unknown)[:40]!r}, which is no kind of removal.")
    gone = batch.filter(pc.invert(is_member))
    if any(gone.column(name).null_count for name in ("master_customer_id", "sub_customer_id")):
        raise SourceNonsense("The CRM says that someone is no member any more, and does not say who.")
    return batch.filter(is_member)


def _key(master: pa.Array, sub: pa.Array, row: int) -> tuple[str, str]:
    return master[row].as_py(), sub[row].as_py()


def _bytes(key: tuple[str, str]) -> tuple[bytes, bytes]:
    return key[0].encode(), key[1].encode()


def _out_of_order(earlier: tuple[str, str], later: tuple[str, str]) -> SourceNonsense:
    return SourceNonsense(f"The CRM's members are not ordered by customer id: {later} came after {earlier}.")
