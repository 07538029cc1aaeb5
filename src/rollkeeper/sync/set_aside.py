"""Rows that cannot be taken: why, and which (B7).

A row is set aside when it cannot be keyed, read or stored. It never fails its batch, and a member whose new
row is bad keeps the data it has. A missing or malformed address is not such a case: that is a status.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.member import REJECTED_COLUMN, REMOVED_COLUMN, Field, canonical_rows, text_hashes

LONGEST_ID = 255  # characters of a customer id; the bundled CRM takes 100
LONGEST_ROW = 2_000_000  # bytes of a row's canonical form; 100 fields of 4,000 characters fit

SET_ASIDE_SCHEMA = pa.schema(
    [
        ("master_customer_id", pa.string()),
        ("sub_customer_id", pa.string()),
        ("reason", pa.string()),
        ("answer", pa.string()),
        ("row", pa.string()),
    ]
)


class Reason(StrEnum):
    """Why a row was set aside: *invalid* by our own check, or *rejected*, which is the other side's answer.

    The other side is the CRM, which may send a row that it cannot vouch for, or the database that is to store it.
    What it answered is kept with the row.
    """

    NO_CUSTOMER_ID = "no_customer_id"
    BAD_CUSTOMER_ID = "bad_customer_id"
    DUPLICATE_CUSTOMER_ID = "duplicate_customer_id"
    NO_PERMISSION = "no_permission"
    NUL_CHARACTER = "nul_character"
    TOO_LONG = "too_long"
    HASH_MISMATCH = "hash_mismatch"
    REFUSED_BY_CRM = "refused_by_crm"
    REFUSED_BY_DATABASE = "refused_by_database"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]

    @property
    def kind(self) -> str:
        """`invalid` or `rejected`."""
        return "rejected" if self in (Reason.REFUSED_BY_CRM, Reason.REFUSED_BY_DATABASE) else "invalid"


_SENTENCES = {
    Reason.NO_CUSTOMER_ID: "The row has no customer id, so nobody can say whose it is.",
    Reason.BAD_CUSTOMER_ID: f"The customer id has control characters or more than {LONGEST_ID} characters.",
    Reason.DUPLICATE_CUSTOMER_ID: "The CRM sent this customer id more than once; which row is right is not clear.",
    Reason.NO_PERMISSION: "The row does not say whether e-mail is allowed.",
    Reason.NUL_CHARACTER: "The row contains a NUL character, which cannot be stored.",
    Reason.TOO_LONG: f"The row is longer than {LONGEST_ROW:,} bytes.",
    Reason.HASH_MISMATCH: "The row's hash does not match its contents: it was damaged on the way.",
    Reason.REFUSED_BY_CRM: "The CRM sent the row as one that it cannot give:",
    Reason.REFUSED_BY_DATABASE: "The database of this site refused the row:",
}

# Rows whose id cannot be told to the CRM: they come again only when all of the list does.
UNASKABLE = frozenset({Reason.NO_CUSTOMER_ID, Reason.BAD_CUSTOMER_ID})

_CONTROL = r"[\x00-\x1f\x7f]"


def reasons_of_keys(batch: pa.RecordBatch, duplicate: pa.BooleanArray) -> pa.StringArray:
    """For each row why it cannot be keyed or read, null where it can. One pass over the narrow columns."""
    master, sub = batch.column("master_customer_id"), batch.column("sub_customer_id")
    missing = pc.or_(_blank(master), _blank(sub))
    bad = pc.or_(_bad_id(master), _bad_id(sub))
    undecided = pc.is_null(batch.column("allow_email"))
    if REMOVED_COLUMN in batch.schema.names:  # who is no member any more has no permission either
        undecided = pc.and_(undecided, pc.is_null(batch.column(REMOVED_COLUMN)))
    rejected = pa.array(np.zeros(batch.num_rows, np.bool_))
    if REJECTED_COLUMN in batch.schema.names:
        rejected = pc.is_valid(batch.column(REJECTED_COLUMN))
    return _first_reason(
        [
            (missing, Reason.NO_CUSTOMER_ID),
            (bad, Reason.BAD_CUSTOMER_ID),
            (duplicate, Reason.DUPLICATE_CUSTOMER_ID),
            (rejected, Reason.REFUSED_BY_CRM),
            (undecided, Reason.NO_PERMISSION),
        ],
        batch.num_rows,
    )


def reasons_of_contents(batch: pa.RecordBatch, fields: Sequence[Field]) -> pa.StringArray:
    """For each row why it cannot be stored, null where it can. Looked at only for rows about to be written."""
    text = canonical_rows(batch, fields)
    high, low = text_hashes(text)
    mismatch = pc.or_(pc.not_equal(high, batch.column("hash_hi")), pc.not_equal(low, batch.column("hash_lo")))
    return _first_reason(
        [
            (_holds_nul(text), Reason.NUL_CHARACTER),
            (pc.greater(pc.binary_length(text), LONGEST_ROW), Reason.TOO_LONG),
            (pc.fill_null(mismatch, True), Reason.HASH_MISMATCH),
        ],
        batch.num_rows,
    )


def members_of(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch in `member_schema`, without the columns that say something about a row."""
    names = [name for name in batch.schema.names if not name.startswith("@")]
    return batch if len(names) == len(batch.schema.names) else batch.select(names)


def _holds_nul(texts: pa.StringArray) -> pa.BooleanArray:
    """For each text whether a NUL is in it. Where there is none at all, one look at all bytes says so."""
    data = texts.buffers()[2]
    if data is None or np.frombuffer(data, np.uint8).min(initial=1):
        return pa.array(np.zeros(len(texts), np.bool_))
    return pc.match_substring(texts, "\x00")


def set_aside_rows(
    batch: pa.RecordBatch, reasons: pa.StringArray, answers: pa.StringArray | None = None
) -> pa.RecordBatch:
    """The rows of `batch` that have a reason, in `SET_ASIDE_SCHEMA`: as they came, as JSON.

    `answers`: what the other side said of each row (null: nothing).
    """
    chosen = pc.is_valid(reasons)
    if answers is None:
        said = REJECTED_COLUMN in batch.schema.names
        answers = batch.column(REJECTED_COLUMN) if said else pa.nulls(batch.num_rows, pa.string())
    rows = members_of(batch).filter(chosen)
    texts = [
        json.dumps(row, ensure_ascii=False, default=str).replace("\\u0000", "\\\\u0000") for row in rows.to_pylist()
    ]
    return pa.RecordBatch.from_arrays(
        [
            _storable(rows.column("master_customer_id")),
            _storable(rows.column("sub_customer_id")),
            reasons.filter(chosen),
            _storable(answers.filter(chosen)),
            pa.array(texts, pa.string()),
        ],
        schema=SET_ASIDE_SCHEMA,
    )


def _storable(ids: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring(ids, "\x00", "\N{REPLACEMENT CHARACTER}")


def _blank(ids: pa.StringArray) -> pa.BooleanArray:
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(ids), ""), True)


def _bad_id(ids: pa.StringArray) -> pa.BooleanArray:
    """Which ids hold a control character or are too long; none, where a look at all bytes and lengths says so."""
    data = ids.buffers()[2]
    seen = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    longest = pc.max(pc.binary_length(ids)).as_py() or 0  # in bytes: no id has more characters
    if longest <= LONGEST_ID and not ((seen < 0x20) | (seen == 0x7F)).any():
        return pa.array(np.zeros(len(ids), np.bool_))
    return pc.fill_null(
        pc.or_(pc.match_substring_regex(ids, _CONTROL), pc.greater(pc.utf8_length(ids), LONGEST_ID)), False
    )


def _first_reason(rules: Iterable[tuple[pa.BooleanArray, Reason]], rows: int) -> pa.StringArray:
    reasons = pa.nulls(rows, pa.string())
    for mask, reason in rules:
        if pc.any(mask).as_py():
            reasons = pc.if_else(pc.and_(mask, pc.is_null(reasons)), reason.value, reasons)
    return reasons
