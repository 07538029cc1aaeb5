"""Narrowing a difference to its rows (B1): two naive copies of a list, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.sync.connector import Key, Pull, RangeSum, RangeSums, SourceNonsense
from rollkeeper.sync.narrow import (
    FEW_ROWS,
    PULLS,
    RANGES,
    STARTS,
    WHOLE,
    KeyRange,
    Narrowed,
    in_order,
    narrow,
)

Rows = dict[Key, int]  # customer id → row hash


def is_in(key: Key, within: KeyRange) -> bool:
    return (within.first is None or in_order(within.first) <= in_order(key)) and (
        within.end is None or in_order(key) < in_order(within.end)
    )


def sum_of(rows: Rows, within: KeyRange = WHOLE) -> RangeSum:
    found = [hash_ for key, hash_ in rows.items() if is_in(key, within)]
    return RangeSum(len(found), sum(found) % 2**128)


@dataclass
class Crm:
    """The CRM's copy. `kept_error` is what the fingerprint that it keeps of the list is wrong by."""

    rows: Rows
    kept_error: int = 0
    questions: int = 0
    moves: list[Rows] = field(default_factory=list)  # what the rows are after each answer

    def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
        assert list(bounds) == sorted(set(bounds), key=in_order)
        assert len(bounds) <= 2 * RANGES
        self.questions += 1
        borders = [None, *bounds, None]
        ranges = [sum_of(self.rows, KeyRange(*pair)) for pair in pairwise(borders)]
        kept = (sum_of(self.rows).fingerprint + self.kept_error) % 2**128
        answer = RangeSums(tuple(ranges), "1", len(self.rows), f"{kept:032x}")
        if self.moves:
            self.rows = self.moves.pop(0)
        return answer

    def members_between(self, code: str, first: Key | None, end: Key | None) -> Pull:
        raise NotImplementedError("Narrowing pulls nothing.")


@dataclass
class Stored:
    rows: Rows
    summed: int = 0  # rows read for sums

    def sums(self, ranges: Sequence[KeyRange]) -> list[RangeSum]:
        found = [sum_of(self.rows, each) for each in ranges]
        self.summed += sum(each.members for each in found)
        return found

    def cuts(self, within: KeyRange, parts: int) -> list[Key]:
        keys = sorted((key for key in self.rows if is_in(key, within)), key=in_order)
        step = max(1, -(-len(keys) // parts))
        return keys[step::step]


class Numbers:
    """A million rows each side, by number, without a million objects: sums by arithmetic, differences listed."""

    def __init__(self, rows: int, differing: Sequence[int]) -> None:
        self.rows, self.differing = rows, sorted(differing)
        self.questions = 0

    @staticmethod
    def key(number: int) -> Key:
        return (f"{number:012}", "0")

    def _number(self, key: Key | None, otherwise: int) -> int:
        return otherwise if key is None else int(key[0])

    def sum(self, within: KeyRange, *, changed: bool) -> RangeSum:
        first, end = self._number(within.first, 0), self._number(within.end, self.rows)
        total = (end - first) * (first + end - 1) // 2
        return RangeSum(end - first, total + (sum(first <= n < end for n in self.differing) if changed else 0))

    def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
        self.questions += 1
        borders = [None, *bounds, None]
        ranges = [self.sum(KeyRange(*pair), changed=True) for pair in pairwise(borders)]
        whole = self.sum(WHOLE, changed=True)
        return RangeSums(tuple(ranges), "1", whole.members, f"{whole.fingerprint:032x}")

    def sums(self, ranges: Sequence[KeyRange]) -> list[RangeSum]:
        return [self.sum(each, changed=False) for each in ranges]

    def cuts(self, within: KeyRange, parts: int) -> list[Key]:
        first, end = self._number(within.first, 0), self._number(within.end, self.rows)
        step = max(1, -(-(end - first) // parts))
        return [self.key(number) for number in range(first + step, end, step)]

    def members_between(self, code: str, first: Key | None, end: Key | None) -> Pull:
        raise NotImplementedError("Narrowing pulls nothing.")


def rows_in(found: Narrowed, *sides: Rows) -> set[Key]:
    return {key for side in sides for key in side if any(is_in(key, each) for each in found.ranges)}


def differing(crm: Rows, stored: Rows) -> set[Key]:
    return {key for key in crm.keys() | stored.keys() if crm.get(key) != stored.get(key)}


def key(number: int) -> Key:
    return (f"{number:08}", "0")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits so low that lists of a few hundred take as many rounds as millions do."""
    monkeypatch.setattr("rollkeeper.sync.narrow.FEW_ROWS", 10)
    monkeypatch.setattr("rollkeeper.sync.narrow.RANGES", 8)


def numbered(count: int) -> Rows:
    return {key(n): (n + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128 for n in range(count)}


@pytest.mark.parametrize("place", [0, 1, 499_999, 999_999])
def test_one_row_of_a_million_is_found_in_two_rounds_and_few_rows_travel(place: int) -> None:
    lists = Numbers(1_000_000, [place])
    found = narrow("ALL", lists, lists)
    assert found.questions == lists.questions == 2
    (within,) = found.ranges
    assert is_in(lists.key(place), within)
    assert lists.sum(within, changed=True).members <= 1_000_000 // RANGES // RANGES + 1  # 16 rows


@pytest.mark.parametrize(("rows", "changes", "questions", "most"), [
    (10_000_000, 1, 2, 160), (1_000_000, 10, 3, 5_000), (1_000_000, 60, 3, 60 * FEW_ROWS),
    (10_000_000, 60, 5, 60 * FEW_ROWS), (100_000, 5, 1, 5 * 400), (1_000, 1, 1, 1_000),
])  # fmt: skip
def test_the_cost_of_narrowing(rows: int, changes: int, questions: int, most: int) -> None:
    """What the documentation promises of rounds and of rows that travel."""
    random = Random(rows + changes)  # noqa: S311
    lists = Numbers(rows, random.sample(range(rows), changes))
    found = narrow("ALL", lists, lists)
    assert found.questions <= questions
    assert not found.is_whole or rows <= FEW_ROWS
    assert all(any(is_in(lists.key(n), each) for each in found.ranges) for n in lists.differing)
    assert sum(lists.sum(each, changed=True).members for each in found.ranges) <= most


def test_where_much_differs_the_whole_list_is_pulled_after_one_question() -> None:
    lists = Numbers(1_000_000, range(0, 1_000_000, 1_000))
    found = narrow("ALL", lists, lists)
    assert (found.is_whole, found.questions) == (True, 1)


@pytest.mark.usefixtures("small")
def test_a_block_that_one_side_lacks_is_pulled_as_one_and_never_divided() -> None:
    crm = numbered(3_000)
    stored = {each: hash_ for each, hash_ in crm.items() if not key(1_100) <= each < key(1_700)}
    found = narrow("ALL", Crm(crm), Stored(stored))
    assert len(found.ranges) == 1
    assert found.questions <= 4
    assert differing(crm, stored) <= rows_in(found, crm, stored)
    assert len(rows_in(found, crm, stored)) <= 2 * 600  # at least half of what travels differs
    assert narrow("ALL", Crm(stored), Stored(crm)).questions <= 4  # the other way round: removals


def test_an_empty_side_is_the_whole_list() -> None:
    rows = numbered(5_000)
    assert narrow("ALL", Crm(rows), Stored({})).is_whole
    assert narrow("ALL", Crm({}), Stored(rows)).ranges  # what is stored and not in the list is to be removed
    assert narrow("ALL", Crm({}), Stored({})).ranges == ()


def test_equal_rows_leave_no_range_and_a_wrong_kept_fingerprint_is_told_apart() -> None:
    rows = numbered(3_000)
    assert not narrow("ALL", Crm(rows), Stored(dict(rows))).source_contradicts_itself
    found = narrow("ALL", Crm(rows, kept_error=5), Stored(dict(rows)))
    assert (found.ranges, found.questions, found.source_contradicts_itself) == ((), 1, True)
    assert found.source_sum == sum_of(rows)


@pytest.mark.usefixtures("small")
def test_keys_with_one_prefix_are_divided_by_rank_not_by_letters() -> None:
    prefix = "x" * 200
    crm = {(prefix + f"{n:06}", str(n % 3)): n + 1 for n in range(2_000)}
    stored = {**crm, (prefix + "001234", "1"): 7}
    found = narrow("ALL", Crm(crm), Stored(stored))
    assert differing(crm, stored) <= rows_in(found, crm, stored)
    assert len(rows_in(found, crm, stored)) <= 10


@pytest.mark.usefixtures("small")
def test_one_constituent_with_thousands_of_sub_ids_is_divided_too() -> None:
    crm = {("A", f"{n:05}"): n for n in range(2_000)}
    found = narrow("ALL", Crm(crm), Stored({**crm, ("A", "00450"): 1}))
    assert ("A", "00450") in rows_in(found, crm)
    assert len(rows_in(found, crm)) <= 10


@pytest.mark.usefixtures("small")
def test_a_list_that_moves_between_two_rounds_is_begun_anew() -> None:
    before = numbered(500)
    after = {**before, key(400): 2}
    crm = Crm(before, moves=[after])
    found = narrow("ALL", crm, Stored({**before, key(77): 1}))
    assert {key(77), key(400)} <= rows_in(found, after)
    assert not found.is_whole
    assert found.source_sum == sum_of(after)  # what the first start found is not mixed in


@pytest.mark.usefixtures("small")
def test_a_list_that_never_stands_still_is_pulled_whole_after_a_few_starts() -> None:
    rows = numbered(500)
    crm = Crm(rows, moves=[{**rows, key(400): n} for n in range(50)])
    found = narrow("ALL", crm, Stored({**rows, key(77): 1}))
    assert found.is_whole
    assert crm.questions == found.questions == 2 * STARTS  # each start ends with its second question


def test_too_few_sums_are_nonsense() -> None:
    class Short(Crm):
        def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
            answer = super().range_sums(code, bounds)
            return RangeSums(answer.ranges[:-1], answer.version, answer.list_members, answer.list_fingerprint)

    with pytest.raises(SourceNonsense, match="sums over ranges"):
        narrow("ALL", Short(numbered(10)), Stored(numbered(10)))


ids = st.text(st.sampled_from("0aAé日\U0001f600 "), min_size=1, max_size=3)
keys = st.tuples(ids, st.sampled_from(["0", "1", "10"]))
hashes = st.integers(0, 2**128 - 1)


@settings(max_examples=300, deadline=None)
@given(
    base=st.dictionaries(keys, hashes, max_size=60),
    crm_defects=st.dictionaries(keys, st.none() | hashes, max_size=8),
    stored_defects=st.dictionaries(keys, st.none() | hashes, max_size=8),
    few=st.integers(0, 6),
    ranges=st.integers(2, 9),
    rounds=st.integers(1, 6),
)
def test_every_row_that_differs_is_in_a_range_whatever_the_defects(
    base: Rows,
    crm_defects: dict[Key, int | None],
    stored_defects: dict[Key, int | None],
    few: int,
    ranges: int,
    rounds: int,
) -> None:
    crm, stored = with_defects(base, crm_defects), with_defects(base, stored_defects)
    with pytest.MonkeyPatch.context() as patch:  # so that small lists take many rounds
        for name, value in {"FEW_ROWS": few, "RANGES": ranges, "ROUNDS": rounds}.items():
            patch.setattr(f"rollkeeper.sync.narrow.{name}", value)
        source = Crm(crm)
        found = narrow("ALL", source, Stored(stored))
    assert source.questions == found.questions <= rounds
    wanted = differing(crm, stored)
    assert wanted <= rows_in(found, crm, stored)
    assert bool(found.ranges) == bool(wanted)
    assert list(found.ranges) == sorted(found.ranges, key=lambda each: in_order(each.first or ("", "")))
    assert all(left.end != right.first for left, right in pairwise(found.ranges))
    assert len(found.ranges) <= PULLS
    if rounds == 6 and few == 0 and not found.is_whole and len(crm) == len(stored):
        # Divided to the end: beside the rows that differ, at most their neighbours come along.
        assert len(rows_in(found, crm, stored)) <= 3 * len(wanted) + 2


def with_defects(base: Rows, defects: dict[Key, int | None]) -> Rows:
    """The rows, some of them other, more or fewer."""
    changed = {**base, **defects}
    return {each: hash_ for each, hash_ in changed.items() if hash_ is not None}
