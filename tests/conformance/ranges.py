"""What a connector must do that tells ranges and verifies itself, whichever CRM it reads (B1, B17)."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest

from rollkeeper.sync.connector import Key, ListMissing, ListNotBuilt, TellsRanges, VerifiesItself
from rollkeeper.sync.member import hash_sum, member_schema
from rollkeeper.sync.narrow import added
from tests.conformance.suite import Subject, pull

BEFORE_ALL, AFTER_ALL = ("!", ""), ("\U0010ffff", "")


def keys(rows: pa.Table) -> list[Key]:
    return list(zip(rows["master_customer_id"].to_pylist(), rows["sub_customer_id"].to_pylist(), strict=True))


def hash_total(rows: pa.Table) -> int:
    return hash_sum(*(rows[name].combine_chunks().to_numpy() for name in ("hash_hi", "hash_lo")))


class RangesConformance:
    """The suite of ranges. Inherited beside `ConnectorConformance`, whose `subject` it shares."""

    def test_ranges_give_the_rows_between_their_bounds_and_all_of_them_together(self, subject: Subject) -> None:
        connector = subject.connector
        assert isinstance(connector, TellsRanges)
        rows, fields, whole = pull(subject.connector, subject.built)
        every = keys(rows)
        bounds = [BEFORE_ALL, every[1], every[len(every) // 2], (every[-1][0], every[-1][1] + "x"), AFTER_ALL]
        sums = connector.range_sums(subject.built, bounds)
        assert added(sums.ranges).members == len(every) == sums.list_members
        assert f"{added(sums.ranges).fingerprint:032x}" == sums.list_fingerprint == whole.list_fingerprint
        assert sums.version == whole.version
        pieces = []
        for (first, end), expected in zip(pairwise([None, *bounds, None]), sums.ranges, strict=True):
            with connector.members_between(subject.built, first, end) as opened:
                found = pa.Table.from_batches(list(opened.batches()), member_schema(opened.fields))
                closing = opened.closing()
                assert opened.fields == fields
            assert (closing.list_members, closing.list_fingerprint) == (sums.list_members, sums.list_fingerprint)
            assert (found.num_rows, hash_total(found)) == (expected.members, expected.fingerprint)
            pieces.append(found)
        assert pa.concat_tables(pieces).equals(rows)

    def test_no_bounds_are_one_range(self, subject: Subject) -> None:
        connector = subject.connector
        assert isinstance(connector, TellsRanges)
        for code, members in ((subject.built, len(subject.rows)), (subject.empty, 0), (subject.odd, None)):
            sums = connector.range_sums(code, [])
            assert len(sums.ranges) == 1
            assert members in {None, sums.ranges[0].members}

    def test_a_list_verifies_itself(self, subject: Subject) -> None:
        connector = subject.connector
        assert isinstance(connector, VerifiesItself)
        pull(subject.connector, subject.built)  # by now it keeps something of it
        found = connector.verify(subject.built)
        assert (found.is_consistent, found.repaired, found.computed.members) == (True, False, len(subject.rows))
        assert not connector.verify(subject.built, repair=True).repaired  # there is nothing to repair

    def test_questions_about_a_list_that_is_not_there_or_not_built(self, subject: Subject) -> None:
        connector = subject.connector
        assert isinstance(connector, TellsRanges)
        assert isinstance(connector, VerifiesItself)
        with pytest.raises(ListMissing):
            connector.range_sums("no such list", [])
        with pytest.raises(ListMissing):
            connector.verify("no such list")
        if subject.unbuilt is not None:
            with pytest.raises(ListNotBuilt):
                connector.range_sums(subject.unbuilt, [])
            with pytest.raises(ListNotBuilt):
                connector.verify(subject.unbuilt)
