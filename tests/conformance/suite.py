"""What every connector must do, whichever CRM it reads (B17).

A test module inherits `ConnectorConformance` and gives it a fixture `subject`: the connector, and what the CRM
behind it holds. `pytest` collects the suite there, not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from rollkeeper.sync.connector import (
    Closing,
    Connector,
    ListMissing,
    ListNotBuilt,
    SourceMisconfigured,
    SourceUnavailable,
)
from rollkeeper.sync.member import Field, fingerprint_text, hash_sum, member_schema, row_hashes

Row = tuple[str, str, str | None, bool]  # master, sub, e-mail, allowed


@dataclass(frozen=True)
class Subject:
    """A connector and the truth about its CRM. `refused` has a wrong secret; at `down`'s address no one answers."""

    connector: Connector
    refused: Connector
    down: Connector
    fields: tuple[Field, ...]
    built: str
    rows: Sequence[Row]  # of the list `built`, in key order
    empty: str
    odd: str  # a built list whose code holds a quote, a space and a slash
    unbuilt: str | None  # None: this kind of CRM has no lists that are not built


def pull(connector: Connector, code: str) -> tuple[pa.Table, tuple[Field, ...], Closing]:
    """All rows of a list, the declared fields and the closing facts."""
    with connector.members(code) as opened:
        rows = pa.Table.from_batches(list(opened.batches()), member_schema(opened.fields))
        return rows, opened.fields, opened.closing()


class ConnectorConformance:
    """The suite."""

    def test_the_connection_test_is_one_sentence(self, subject: Subject) -> None:
        # S34
        found = subject.connector.test()
        assert found.endswith(".")
        assert "\n" not in found

    def test_the_catalog_names_each_list_once_and_says_which_are_built(self, subject: Subject) -> None:
        # S11, S16
        lists = {found.code: found for found in subject.connector.catalog().lists}
        assert len(lists) == len(subject.connector.catalog().lists)
        for code in (subject.built, subject.empty, subject.odd):
            regenerated_at = lists[code].regenerated_at
            assert regenerated_at is not None
            assert regenerated_at.tzinfo is not None
        assert lists[subject.built].members == len(subject.rows)
        if subject.unbuilt is not None:
            assert lists[subject.unbuilt].regenerated_at is None

    def test_the_catalog_gives_the_fields_in_the_views_order(self, subject: Subject) -> None:
        # S16, S25
        assert subject.connector.catalog().fields == subject.fields

    def test_a_pull_gives_every_member_once_in_key_order(self, subject: Subject) -> None:
        # S2, S7
        rows, fields, _ = pull(subject.connector, subject.built)
        assert fields == subject.fields
        columns = ("master_customer_id", "sub_customer_id", "email", "allow_email")
        assert list(zip(*(rows[name].to_pylist() for name in columns), strict=True)) == list(subject.rows)

    def test_the_hashes_and_the_fingerprint_are_those_of_the_canonical_form(self, subject: Subject) -> None:
        # B1
        rows, fields, closing = pull(subject.connector, subject.built)
        high, low = row_hashes(rows.combine_chunks().to_batches()[0], fields)
        assert rows["hash_hi"].to_pylist() == high.to_pylist()
        assert rows["hash_lo"].to_pylist() == low.to_pylist()
        assert closing.fingerprint in {None, fingerprint_text(hash_sum(high.to_numpy(), low.to_numpy()))}

    def test_the_closing_facts_agree_with_the_rows_and_with_a_second_pull(self, subject: Subject) -> None:
        # S15
        rows, _, closing = pull(subject.connector, subject.built)
        assert closing.rows == rows.num_rows == len(subject.rows)
        assert closing.version
        again = pull(subject.connector, subject.built)[2]
        assert replace(again, token=None) == replace(closing, token=None)

    def test_the_closing_facts_are_not_known_before_the_last_row(self, subject: Subject) -> None:
        with subject.connector.members(subject.built) as opened, pytest.raises(RuntimeError):
            opened.closing()

    def test_an_empty_list_is_empty_and_says_so(self, subject: Subject) -> None:
        rows, _, closing = pull(subject.connector, subject.empty)
        assert (rows.num_rows, closing.rows) == (0, 0)

    def test_a_code_with_a_quote_a_space_and_a_slash_is_found(self, subject: Subject) -> None:
        assert pull(subject.connector, subject.odd)[2].version

    def test_a_list_that_is_not_there_is_missing(self, subject: Subject) -> None:
        # S29
        with pytest.raises(ListMissing), subject.connector.members("no such list"):
            pass

    def test_a_list_that_is_not_built_is_not_an_empty_one(self, subject: Subject) -> None:
        # S10, S11
        if subject.unbuilt is None:
            pytest.skip("this kind of CRM has no lists that are not built")
        with pytest.raises(ListNotBuilt, match="MKT510"), subject.connector.members(subject.unbuilt):
            pass

    def test_a_wrong_secret_is_a_matter_of_configuration(self, subject: Subject) -> None:
        with pytest.raises(SourceMisconfigured):
            subject.refused.test()
        with pytest.raises(SourceMisconfigured):
            subject.refused.catalog()
        with pytest.raises(SourceMisconfigured), subject.refused.members(subject.built):
            pass

    def test_a_crm_that_is_down_is_unavailable(self, subject: Subject) -> None:
        with pytest.raises(SourceUnavailable), subject.down.members(subject.built):
            pass
        with pytest.raises(SourceUnavailable):
            subject.down.catalog()

    def test_a_pull_may_be_left_early_and_begun_anew(self, subject: Subject) -> None:
        with subject.connector.members(subject.built) as opened:
            next(opened.batches())
        assert pull(subject.connector, subject.built)[0].num_rows == len(subject.rows)

    def test_an_error_of_the_caller_is_not_taken_for_the_crms(self, subject: Subject) -> None:
        with pytest.raises(OSError, match="disk is full"), subject.connector.members(subject.built):
            raise OSError("the disk is full")
