"""What every connector must do, whichever CRM it reads (B17).

A test module inherits `ConnectorConformance` and gives it a fixture `subject`: the connector, and what the CRM
behind it holds. `pytest` collects the suite there, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pytest

from rollkeeper.sync.connector import (
    Closing,
    Connector,
    Key,
    ListMissing,
    ListNotBuilt,
    Mode,
    SourceMisconfigured,
    SourceUnavailable,
    TellsChanges,
)
from rollkeeper.sync.member import (
    REMOVED,
    REMOVED_COLUMN,
    Field,
    delta_schema,
    fingerprint_text,
    hash_sum,
    member_schema,
    row_hashes,
)

KEYS = ("master_customer_id", "sub_customer_id")
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
    change: Callable[[Sequence[Row]], None] | None = None  # make the members of `built` these; None: it cannot be


def pull(connector: Connector, code: str) -> tuple[pa.Table, tuple[Field, ...], Closing]:
    """All rows of a list, the declared fields and the closing facts."""
    with connector.members(code) as opened:
        rows = pa.Table.from_batches(list(opened.batches()), member_schema(opened.fields))
        return rows, opened.fields, opened.closing()


def pulled_changes(connector: TellsChanges, code: str, token: str, also: Sequence[Key] = ()) -> Changes:
    """All rows of a pull of changes, the pull's mode, and its closing facts."""
    with connector.changes(code, token, also) as opened:
        columns = delta_schema if opened.mode is Mode.DELTA else member_schema
        rows = pa.Table.from_batches(list(opened.batches()), columns(opened.fields))
        return Changes(opened.mode, rows, opened.closing())


@dataclass(frozen=True)
class Changes:
    """What came of asking for changes."""

    mode: Mode
    rows: pa.Table
    closing: Closing

    @property
    def keys(self) -> list[Key]:
        return list(zip(*(self.rows[name].to_pylist() for name in KEYS), strict=True))


def fingerprint_of(rows: pa.Table) -> str:
    """The fingerprint of the members among some rows."""
    halves = (rows[name].combine_chunks().drop_null().to_numpy() for name in ("hash_hi", "hash_lo"))
    return fingerprint_text(hash_sum(*halves))


class ConnectorConformance:
    """The suite. What only some connectors promise is held of those that do."""

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

    def test_nothing_changed_is_said_without_rows_and_with_a_token_to_go_on_from(self, subject: Subject) -> None:
        # B2
        connector = telling_changes(subject)
        rows, _, closing = pull(subject.connector, subject.built)
        for _ in range(2):
            assert closing.token
            found = pulled_changes(connector, subject.built, closing.token)
            assert (found.mode, found.rows.num_rows, found.closing.rows) == (Mode.UNCHANGED, 0, 0)
            assert found.closing.list_members == rows.num_rows
            assert found.closing.list_fingerprint == fingerprint_of(rows)
            closing = found.closing

    def test_a_text_that_is_no_token_brings_all_of_the_list(self, subject: Subject) -> None:
        # B2
        connector = telling_changes(subject)
        other = pull(subject.connector, subject.empty)[2].token or ""
        for token in ("made up", "\x00\ufffd", other):
            found = pulled_changes(connector, subject.built, token)
            assert (found.mode, found.rows.num_rows) == (Mode.FULL, len(subject.rows))

    def test_what_changed_came_and_went_travels_and_nothing_else(self, subject: Subject) -> None:
        # B2, S28
        connector = telling_changes(subject)
        token = pull(subject.connector, subject.built)[2].token or ""
        first, changed, gone, *rest = subject.rows
        new = ("zz-new", "0", "new@example.org", True)
        change_list(subject, [first, (*changed[:2], "changed@example.org", False), *rest, new])
        found = pulled_changes(connector, subject.built, token)
        assert found.mode is Mode.DELTA
        assert found.keys == [changed[:2], gone[:2], new[:2]]
        words = found.rows[REMOVED_COLUMN].to_pylist()
        assert (words[0], words[2]) == (None, None)
        assert words[1] in REMOVED
        assert found.rows["email"].to_pylist() == ["changed@example.org", None, "new@example.org"]
        assert found.closing.rows == 3
        assert found.closing.fingerprint in {None, fingerprint_of(found.rows)}
        now = pull(subject.connector, subject.built)[0]
        assert found.closing.list_members == now.num_rows == len(subject.rows)
        assert found.closing.list_fingerprint == fingerprint_of(now)
        again = pulled_changes(connector, subject.built, found.closing.token or "")
        assert again.mode is Mode.UNCHANGED

    def test_rows_asked_for_come_changed_or_not_and_in_the_list_or_not(self, subject: Subject) -> None:
        # B7
        connector = telling_changes(subject)
        token = pull(subject.connector, subject.built)[2].token or ""
        there, nobody = subject.rows[-1], ("zz nobody", "0")
        found = pulled_changes(connector, subject.built, token, [there[:2], nobody])
        assert (found.mode, found.keys) == (Mode.DELTA, [there[:2], nobody])
        assert found.rows["email"].to_pylist() == [there[2], None]
        assert found.rows[REMOVED_COLUMN].to_pylist()[0] is None
        assert found.rows[REMOVED_COLUMN].to_pylist()[1] in REMOVED

    def test_changes_of_a_list_that_is_not_there_are_none(self, subject: Subject) -> None:
        # S29
        token = pull(subject.connector, subject.built)[2].token or ""
        with pytest.raises(ListMissing), telling_changes(subject).changes("no such list", token):
            pass


def telling_changes(subject: Subject) -> TellsChanges:
    """The connector, where it promises to tell changes."""
    if not isinstance(subject.connector, TellsChanges):
        pytest.skip("this connector does not tell changes")
    return subject.connector


def change_list(subject: Subject, rows: Sequence[Row]) -> None:
    if subject.change is None:
        pytest.skip("what is behind this connector cannot be changed")
    subject.change(rows)
