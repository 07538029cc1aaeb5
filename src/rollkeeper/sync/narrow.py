"""Which rows of two copies of a list differ, found by sums over ranges instead of by sending the list (B1).

    the whole list ─► up to 256 ranges by the stored side's own keys ─► sums of both sides
                      the ranges that differ ─► divided again ─► … ─► ranges of at most a thousand rows

One row that differs among a million is found in two rounds, and sixteen rows have to travel then. Where much
differs a full pull is cheaper, and the whole list is the answer; so it is where the CRM's list never stands
still. Every loop is counted: there are at most `STARTS * ROUNDS` questions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from rollkeeper.sync.connector import Key, RangeSum, RangeSums, SourceNonsense, TellsRanges
from rollkeeper.sync.member import FINGERPRINT_MODULUS

RANGES = 256  # ranges asked about in one round
ROUNDS = 5  # the fifth is needed where dozens of rows differ among ten million
STARTS = 3  # how often to begin anew because the CRM's list changed between two rounds
FEW_ROWS = 1_000  # a range of so few rows is pulled rather than divided
PULLS = 64  # as many separate ranges are pulled; where there are more, the whole list is
PULLED_SHARE = Fraction(1, 3)  # of the CRM's list; where more would have to travel, the whole list does

NO_ROWS = RangeSum(0, 0)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Customer ids from `first` until before `end`, in UTF-8 byte order of (master, sub). None: no bound."""

    first: Key | None
    end: Key | None

    @property
    def is_whole(self) -> bool:
        return self.first is None and self.end is None


WHOLE = KeyRange(None, None)


class StoredRanges(Protocol):
    """The stored side, in one snapshot. What is known to differ (held, set aside) is in it as the CRM has it."""

    def sums(self, ranges: Sequence[KeyRange]) -> Sequence[RangeSum]:
        """The sum over each range."""
        ...

    def cuts(self, within: KeyRange, parts: int) -> Sequence[Key]:
        """At most `parts - 1` ascending keys of its own that divide the range into about equal parts.

        All come after the range's first row. None where the range holds fewer than two rows.
        """
        ...


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Where the two sides differ: `ranges`, ascending and apart; none where all sums are equal.

    `source` is the CRM's last answer and `source_sum` the sum over all its rows: they differ where what the CRM
    keeps of its list is wrong. `questions` were asked in all.
    """

    ranges: tuple[KeyRange, ...]
    source: RangeSums
    source_sum: RangeSum
    questions: int

    @property
    def is_whole(self) -> bool:
        """A full pull is the cheaper way to the rows."""
        return self.ranges == (WHOLE,)

    @property
    def source_contradicts_itself(self) -> bool:
        """The CRM's own rows have another count or fingerprint than the CRM keeps of them."""
        kept = RangeSum(self.source.list_members, int(self.source.list_fingerprint, 16))
        return kept != self.source_sum


class _ListMoved(Exception):
    """The CRM's list is not the one that the first round was about."""


def narrow(code: str, crm: TellsRanges, stored: StoredRanges) -> Narrowed:
    """The ranges in which the CRM's rows of a list and the stored ones differ. Raises a `ConnectorError`.

    Where nothing moves, each row that differs is in one of the ranges. Rows that change meanwhile may be missed:
    the list's fingerprint tells that at the next comparison.
    """
    search = _Search(code, crm, stored)
    for _ in range(STARTS):
        try:
            return search.narrowed(search.differing())
        except _ListMoved:
            continue
    return search.narrowed((WHOLE,))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A range with its sums on both sides."""

    range: KeyRange
    crm: RangeSum
    stored: RangeSum

    @property
    def rows(self) -> int:
        return max(self.crm.members, self.stored.members)

    @property
    def is_divisible(self) -> bool:
        """Dividing helps unless there are few rows, or at least half of them differ whatever they are."""
        missing = abs(self.crm.members - self.stored.members)
        return self.rows > FEW_ROWS and missing * 2 < self.rows


class _Search:
    def __init__(self, code: str, crm: TellsRanges, stored: StoredRanges) -> None:
        self._code, self._crm, self._stored = code, crm, stored
        self._questions = 0
        self._source: RangeSums | None = None  # the answer of the first round of this start
        self._total = NO_ROWS

    def narrowed(self, ranges: tuple[KeyRange, ...]) -> Narrowed:
        if self._source is None:
            raise RuntimeError("Nothing was asked yet.")
        return Narrowed(ranges, self._source, self._total, self._questions)

    def differing(self) -> tuple[KeyRange, ...]:
        """The ranges to pull. Raises `_ListMoved`."""
        self._source = None
        found: list[_Piece] = []
        undecided = [WHOLE]
        for _ in range(ROUNDS):
            pieces = self._ask(_divided(undecided, self._stored))
            differing = [piece for piece in pieces if piece.crm != piece.stored]
            found += [piece for piece in differing if not piece.is_divisible]
            divisible = [piece for piece in differing if piece.is_divisible]
            if self._is_much([*found, *divisible]):
                return (WHOLE,)
            if not divisible:
                break
            undecided = [piece.range for piece in divisible]
        else:
            found += divisible
        ranges = _joined([piece.range for piece in found])
        return ranges if len(ranges) <= PULLS else (WHOLE,)

    def _is_much(self, pieces: Sequence[_Piece]) -> bool:
        to_pull = sum(piece.crm.members for piece in pieces)
        return to_pull > FEW_ROWS and to_pull > PULLED_SHARE * self._total.members

    def _ask(self, ranges: Sequence[KeyRange]) -> list[_Piece]:
        """Both sides' sums over these ranges, which ascend."""
        bounds = sorted(
            {bound for each in ranges for bound in (each.first, each.end) if bound is not None}, key=in_order
        )
        self._questions += 1
        answer = self._crm.range_sums(self._code, bounds)
        if len(answer.ranges) != len(bounds) + 1:
            raise SourceNonsense(
                f"The CRM was asked for {len(bounds) + 1} sums over ranges and gave {len(answer.ranges)}."
            )
        if self._source is None:
            self._source, self._total = answer, added(answer.ranges)
        elif _facts(answer) != _facts(self._source):
            raise _ListMoved
        order = [in_order(bound) for bound in bounds]
        sums = [
            answer.ranges[bisect_right(order, in_order(each.first)) if each.first is not None else 0]
            for each in ranges
        ]
        stored = self._stored.sums(ranges)
        return [_Piece(*piece) for piece in zip(ranges, sums, stored, strict=True)]


def in_order(key: Key) -> tuple[bytes, bytes]:
    """What orders customer ids: UTF-8 byte order of (master, sub)."""
    return key[0].encode(), key[1].encode()


def added(sums: Sequence[RangeSum]) -> RangeSum:
    """The sum over adjoining ranges."""
    fingerprint = sum(each.fingerprint for each in sums) % FINGERPRINT_MODULUS
    return RangeSum(sum(each.members for each in sums), fingerprint)


def _divided(ranges: Sequence[KeyRange], stored: StoredRanges) -> list[KeyRange]:
    """Each range cut into its share of `RANGES`, or left whole where it cannot be cut."""
    parts = max(2, RANGES // len(ranges))
    pieces: list[KeyRange] = []
    for each in ranges:
        borders = [each.first, *stored.cuts(each, parts), each.end]
        pieces += [KeyRange(first, end) for first, end in pairwise(borders)]
    return pieces


def _joined(ranges: Sequence[KeyRange]) -> tuple[KeyRange, ...]:
    """The same ranges in order, those that adjoin as one."""
    joined: list[KeyRange] = []
    for each in sorted(ranges, key=lambda found: in_order(found.first) if found.first is not None else (b"", b"")):
        if joined and each.first is not None and joined[-1].end == each.first:
            joined[-1] = KeyRange(joined[-1].first, each.end)
        else:
            joined.append(each)
    return tuple(joined)


def _facts(answer: RangeSums) -> tuple[str, int, str]:
    return answer.version, answer.list_members, answer.list_fingerprint
