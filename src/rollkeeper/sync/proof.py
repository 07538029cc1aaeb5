"""Telling how far what a CRM said was wrong: the changes of two plans of one list, compared (B1)."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from rollkeeper.sync.merge import HASHES, row_keys
from rollkeeper.sync.plan import Plan


def changes_of(made: Plan) -> pa.ChunkedArray:
    """The plan's changes, one text each: customer id, and the row's hash where it is written. A list of k changes
    takes about 60 bytes each."""
    texts = [
        pc.binary_join_element_wise(
            row_keys(batch), *(batch.column(name).cast(pa.string()) for name in HASHES), "\x1f"
        )
        for batch in made.writes.batches()
    ]
    texts += [row_keys(batch) for batch in made.removals.batches()]
    return pa.chunked_array(texts, pa.string())


def unannounced(done: pa.ChunkedArray, told: pa.ChunkedArray) -> int:
    """How many changes were made that had not been told, or told otherwise."""
    if not len(done):
        return 0
    return len(done) - int(pc.sum(pc.is_in(done, value_set=told.combine_chunks())).as_py() or 0)
